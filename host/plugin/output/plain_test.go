package output_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/output"
)

func TestPlain(t *testing.T) {
	hostile := "\x1b[2Jred\x07\n\u009b1m\u202e\u200b\xff"
	require.Equal(t, "�[2Jred�\n�1m���", output.Plain(hostile))
	require.Equal(t, "�[2Jred� �1m���", output.Line(hostile))
	require.Equal(t, "Größe 日本", output.Plain("Größe 日本"))
	require.Equal(t, strings.Repeat("x", 4096)+"…", output.Plain(strings.Repeat("x", 5000)))
}
