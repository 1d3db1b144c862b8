package sdktest_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// talk gives a record's chat, and on demand what a formatter should not.
type talk struct{ calls *int }

func (talk) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "messages", Type: sdk.JSON, Required: true}, {Name: "text", Type: sdk.String}, {Name: "score", Type: sdk.Float}, {Name: "n", Type: sdk.Int},
		{Name: "good", Type: sdk.Bool}, {Name: "texts", Type: sdk.StringList}, {Name: "scores", Type: sdk.FloatList},
	}
}

func (f talk) Format(r *sdk.Row, o *sdk.Out) error {
	*f.calls++
	messages, err := sdk.Messages(r.JSON(0))
	if err != nil {
		return err
	}
	if r.Str(1) == "bad" {
		return errors.New("asked to")
	}
	for _, text := range append(r.Strs(5), r.Str(1)) {
		o.Chat(sdk.Chat{Prompt: messages, Answer: []sdk.Message{sdk.NewMessage("assistant", text)}}).Set("sum", r.Float(2)+float64(r.Int(3))+r.Floats(6)[0])
	}
	if r.Bool(4) {
		o.Label("calls", strconv.Itoa(*f.calls))
	}
	return nil
}

const hi = `{"messages": [{"role": "user", "content": "Hi"}], "text": "a\n", "score": 0.5, "n": 3, "good": null, "texts": ["x", ""], "scores": [1, 2e1], "more": {}}`

func TestFormat(t *testing.T) {
	results, err := sdktest.Format(talk{new(int)}, hi)
	require.NoError(t, err)
	all := results[0].Example.Candidates
	require.Len(t, all, 3)
	require.Equal(t, "a\n", all[2].Chat.Answer[0].Content())
	require.Equal(t, 4.5, all[0].Columns["sum"])
	for record, want := range map[string]string{
		`[]`:                                `record 0: not a JSON object: byte 0 is "["; want "{"`,
		`{}`:                                `record 0: field "messages" is missing; the formatter needs it`,
		`{"messages": 1, "text": 2}`:        `record 0: field "text" is 2; want a string`,
		`{"messages": 1, "n": 1.5}`:         `record 0: field "n" is 1.5; want a whole number`,
		`{"messages": 1, "good": 1}`:        `record 0: field "good" is 1; want true or false`,
		`{"messages": 1, "texts": 1}`:       `record 0: field "texts" is 1; want a list of strings`,
		`{"messages": 1, "scores": [null]}`: `record 0: field "scores" is [null]; want a list of numbers`,
	} {
		_, err := sdktest.Format(talk{new(int)}, record)
		require.EqualError(t, err, want)
	}
}

// A check finds a record that gives no example, and one whose example depends on others.
func TestCheckFormatter(t *testing.T) {
	sdktest.CheckFormatter(t, talk{new(int)}, hi, hi)
	for _, x := range []struct{ record, want string }{
		{`{"messages": [], "text": "bad", "scores": [1]}`, "record 1: asked to; want an example"},
		{`{"messages": [], "good": true, "scores": [1]}`, "record 1 gives two examples"},
	} {
		r := recorder{TB: t}
		sdktest.CheckFormatter(&r, talk{new(int)}, hi, x.record, hi, hi)
		require.Contains(t, fmt.Sprint(r.said), x.want)
	}
}
