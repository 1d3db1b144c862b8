package plugin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
)

func TestParseSizes(t *testing.T) {
	sizes, err := plugin.ParseSizes("B=8, K=4,C_topic=3")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"B": 8, "K": 4, "C_topic": 3}, sizes)
	for text, want := range map[string]string{
		"":           `size ""; want such as B=8,K=4,T=128`,
		"B=8,K":      `size "K"; want such as B=8,K=4,T=128`,
		"B=0":        `size "B=0"; want such as B=8,K=4,T=128`,
		"B=1e3":      `size "B=1e3"; want such as B=8,K=4,T=128`,
		"B=2,seq=10": "no dimension is called seq; want B, K, T, C_NAME, P, H, M or N",
	} {
		_, err := plugin.ParseSizes(text)
		require.EqualError(t, err, want)
	}
}
