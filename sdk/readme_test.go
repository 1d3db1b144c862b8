package sdk_test

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// hexOf is the block of README.md with the given name.
func hexOf(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```hex " + name + "\n(.*?)```").FindSubmatch(text)
	require.Len(t, found, 2)
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(found[1])), ""))
	require.NoError(t, err)
	return data
}

func TestReadmeShowsFrames(t *testing.T) {
	frame, err := sdk.EncodeRows(2, []sdk.Row{sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "Hi"}, {}})})
	require.NoError(t, err)
	require.Equal(t, hexOf(t, "rows"), frame)
	candidate := sdk.Candidate{Prompt: "Hi", Answer: "!", Columns: map[string]float64{"score": 1}}
	require.Equal(t, hexOf(t, "results"), sdk.EncodeResults([]sdk.Result{{Example: sdk.Example{Candidates: []sdk.Candidate{candidate}}}}))
	chat := sdk.Chat{Prompt: []sdk.Message{{JSON: `{"role":"user"}`}}, Answer: []sdk.Message{{JSON: `{"role":"a"}`, Learn: sdk.LearnNo}}}
	require.Equal(t, hexOf(t, "chats"), sdk.EncodeResults([]sdk.Result{{Example: sdk.Example{Candidates: []sdk.Candidate{{Chat: &chat}}}}}))
}
