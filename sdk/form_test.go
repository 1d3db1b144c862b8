package sdk_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// dialogs is a formatter that reads two forms.
type dialogs struct{}

func (dialogs) Columns() []sdk.Column {
	return []sdk.Column{{Name: "turns", Type: sdk.JSON, Required: true}, {Name: "fine", Type: sdk.JSON}}
}

func (dialogs) Format(r *sdk.Row, o *sdk.Out) error { return nil }

func (dialogs) Forms() []sdk.Form {
	return []sdk.Form{
		{Name: "turns", Fields: []sdk.FormField{{Name: "turns", Keys: []string{"from", "value"}}}, Chat: true},
		{Name: "turns + fine", Without: []string{"label"}, Fields: []sdk.FormField{{Name: "turns"}, {Name: "fine", Holds: sdk.Bool}}},
	}
}

func TestFormsAreInTheReplyToConfigure(t *testing.T) {
	server := sdk.NewServer(sdk.Plugin{Name: "x", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("x", "x", dialogs{})}})
	var said struct{ Forms json.RawMessage }
	require.NoError(t, json.Unmarshal(server.Configure(0, []byte(`{}`))[1:], &said))
	require.JSONEq(t, `[
		{"name": "turns", "chat": true, "fields": [{"name": "turns", "keys": ["from", "value"]}]},
		{"name": "turns + fine", "fields": [{"name": "turns"}, {"name": "fine", "holds": "bool"}], "without": ["label"]}
	]`, string(said.Forms))
}

// marking is a formatter that lays chats out by itself.
type marking struct {
	dialogs
	markup sdk.Markup
}

func (m marking) Markup() sdk.Markup { return m.markup }

func TestMarkupIsInTheReplyToConfigure(t *testing.T) {
	for want, f := range map[string]sdk.Formatter{
		`{"special": ["<s>"], "texts": ["[INST]", "\n\""]}`: marking{markup: sdk.Markup{Special: []string{"<s>"}, Texts: []string{"[INST]", "\n\""}}},
		`{"texts": ["a"]}`: marking{markup: sdk.Markup{Texts: []string{"a"}}},
		`{}`:               marking{},
		``:                 dialogs{},
	} {
		server := sdk.NewServer(sdk.Plugin{Name: "x", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("x", "x", f)}})
		var said struct{ Markup json.RawMessage }
		require.NoError(t, json.Unmarshal(server.Configure(0, []byte(`{}`))[1:], &said))
		if want == "" {
			require.Nil(t, said.Markup)
			continue
		}
		require.JSONEq(t, want, string(said.Markup))
	}
}
