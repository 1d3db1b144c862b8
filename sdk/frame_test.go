package sdk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

var frameRows = []sdk.Row{
	sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "grüße\x00"}, {Type: sdk.Float, Float: -0.25}, {Type: sdk.Bool, Int: 1}, {Type: sdk.Int, Int: -1 << 63}}),
	sdk.NewRow([]sdk.Cell{{Type: sdk.StringList, Strs: []string{"", "a"}}, {Type: sdk.FloatList, Floats: []float64{1, 2}}, {Type: sdk.JSON, Str: "[null]"}, {}}),
	sdk.NewRow([]sdk.Cell{{Type: sdk.StringList, Strs: []string{}}, {Type: sdk.FloatList, Floats: []float64{}}, {Type: sdk.String}, {}}),
}

var frameResults = []sdk.Result{
	{Example: sdk.Example{Candidates: []sdk.Candidate{
		{Prompt: "p", Answer: "a", Columns: map[string]float64{"score": 1, "length": 2}},
		{Prompt: "p", Answer: "", Columns: map[string]float64{"score": -1, "length": 0}},
		{Prompt: "q", Answer: "ü", Columns: map[string]float64{"score": 0.1, "length": 3}},
	}, Columns: map[string]float64{"weight": 0.5}}},
	{Dropped: "empty answer"},
	{Err: "texts and scores differ in length"},
	{Example: sdk.Example{Candidates: []sdk.Candidate{{Prompt: "", Answer: "x"}}}},
	{Example: sdk.Example{Candidates: []sdk.Candidate{{Prompt: "", Answer: "x"}}, Columns: map[string]float64{"weight": 1}, Labels: map[string]string{"topic": "physics", "rank": ""}}},
	{Example: sdk.Example{Candidates: []sdk.Candidate{
		{Chat: &sdk.Chat{Prompt: frameChat, Answer: frameChat[:1], Tools: "[]", Args: `{"a": 1}`}, Columns: map[string]float64{"score": 1}},
		{Chat: &sdk.Chat{Prompt: frameChat, Answer: frameChat[1:], Tools: "[]", Args: `{"a": 1}`}, Columns: map[string]float64{"score": 0}},
		{Chat: &sdk.Chat{Answer: frameChat, Documents: `[{"text": "ü"}]`}, Columns: map[string]float64{"score": 0}},
	}, Labels: map[string]string{"topic": "physics"}}},
	{Example: sdk.Example{Candidates: []sdk.Candidate{{Chat: &sdk.Chat{Answer: frameChat}}}}},
}

var frameChat = []sdk.Message{
	sdk.NewMessage("user", "grüße\x00"),
	{JSON: `{"tool_calls":[{"b":1,"a":2}],"role":"assistant"}`, Learn: sdk.LearnNo},
}

func TestRowFrames(t *testing.T) {
	frame, err := sdk.EncodeRows(4, frameRows)
	require.NoError(t, err)
	rows, err := sdk.DecodeRows(frame)
	require.NoError(t, err)
	require.Equal(t, frameRows, rows)

	empty, err := sdk.EncodeRows(1, nil)
	require.NoError(t, err)
	rows, err = sdk.DecodeRows(empty)
	require.NoError(t, err)
	require.Empty(t, rows)

	_, err = sdk.EncodeRows(3, frameRows)
	require.EqualError(t, err, "row frame: row 0 has 4 cells; want 3")
	_, err = sdk.EncodeRows(256, frameRows)
	require.EqualError(t, err, "row frame: 256 columns; want 1 to 255")
}

func TestResultFrames(t *testing.T) {
	frame := sdk.EncodeResults(frameResults)
	results, err := sdk.DecodeResults(frame, len(frameResults))
	require.NoError(t, err)
	require.Equal(t, frameResults, results)
	require.Equal(t, frame, sdk.EncodeResults(results))

	_, err = sdk.DecodeResults(frame, 3)
	require.EqualError(t, err, "row frame: 7 answers to 3 rows")
}

// TestBrokenFrames cuts a good frame at every byte and adds one: each must be an error, none a panic.
func TestBrokenFrames(t *testing.T) {
	request, err := sdk.EncodeRows(4, frameRows)
	require.NoError(t, err)
	reply := sdk.EncodeResults(frameResults)
	for n := range request {
		_, err := sdk.DecodeRows(request[:n])
		require.Error(t, err, "request cut at %d", n)
	}
	for n := range reply {
		_, err := sdk.DecodeResults(reply[:n], len(frameResults))
		require.Error(t, err, "reply cut at %d", n)
	}
	_, err = sdk.DecodeRows(append(request, 0))
	require.EqualError(t, err, "row frame: broken or cut short at its end, 1 bytes before the end")
	_, err = sdk.DecodeResults(append(reply, 0), len(frameResults))
	require.Error(t, err)
}

func TestRepliesAreNotTrusted(t *testing.T) {
	bad := map[string][]byte{
		"a row count beyond the frame": {255, 255, 255, 255, 0},
		"a name count beyond it":       {1, 0, 0, 0, 200, 1},
		"an unknown kind":              {1, 0, 0, 0, 0, 7},
		"a name that is not listed":    {1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"labels without a name":        {1, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0},
		"a text that is not UTF-8":     {1, 0, 0, 0, 0, 1, 1, 0xff},
		"a prompt before any":          {1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'a', 0},
		"a chat's prompt before any":   {1, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0},
		"messages beyond the frame":    {1, 0, 0, 0, 0, 4, 0, 0, 1, 1, 255, 255, 3, 0, 0},
	}
	for name, frame := range bad {
		_, err := sdk.DecodeResults(frame, 1)
		require.Error(t, err, name)
	}
	infinite := sdk.EncodeResults([]sdk.Result{{Example: sdk.Example{}}})
	results, err := sdk.DecodeResults(infinite, 1)
	require.NoError(t, err)
	require.Contains(t, results[0].Err, "made no candidate")
}
