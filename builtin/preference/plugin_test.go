package preference_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/preference"
	"llmhost/sdk"
)

// TestPlugin runs the formatter as a host does, over frames.
func TestPlugin(t *testing.T) {
	server := sdk.NewServer(preference.Plugin)
	require.Contains(t, string(server.Describe()), `"default":"\\n\\nAssistant: |## Assistant:\\n"`)
	configured := server.Configure(0, []byte(`{"prompt_split":"assistant","preference_data_text_name":"t"}`))
	require.Contains(t, string(configured), `"instance":1,"columns":[{"name":"t","type":"string_list"`)
	refused := server.Configure(0, []byte(`{"sep_token":""}`))
	require.Contains(t, string(refused), "sep_token is empty")

	row := sdk.NewRow([]sdk.Cell{{Type: sdk.StringList, Strs: []string{"\n\nAssistant: a"}}, {Type: sdk.FloatList, Floats: []float64{1}}, {}})
	frame, err := sdk.EncodeRows(3, []sdk.Row{row})
	require.NoError(t, err)
	reply := server.Format(1, frame)
	require.Equal(t, byte(sdk.StatusOK), reply[0])
	results, err := sdk.DecodeResults(reply[1:], 1)
	require.NoError(t, err)
	require.Equal(t, []sdk.Candidate{{Prompt: "\n\nAssistant: ", Answer: "a", Columns: map[string]float64{"score": 1}}}, results[0].Example.Candidates)
}
