package plugin

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

func TestForms(t *testing.T) {
	columns := []sdk.Column{{Name: "a", Type: sdk.JSON, Required: true}, {Name: "b", Type: sdk.String}, {Name: "c", Type: sdk.Float, Required: true}}
	for _, x := range []struct{ name, said, want, err string }{
		{"none said", `null`, `[{"Name":"a + c","Fields":[{"Name":"a","Holds":7,"Keys":null},{"Name":"c","Holds":2,"Keys":null}],"Chat":false,"Without":null}]`, ""},
		{"said", `[{"name":"a (chat)","chat":true,"fields":[{"name":"a","keys":["role"]},{"name":"b","holds":"bool"}],"without":["d"]}]`,
			`[{"Name":"a (chat)","Fields":[{"Name":"a","Holds":7,"Keys":["role"]},{"Name":"b","Holds":3,"Keys":null}],"Chat":true,"Without":["d"]}]`, ""},
		{"no field", `[{"name":"a","fields":[]}]`, "", `its form "a" has 0 fields; want a name and 1 to 256 fields`},
		{"no column", `[{"name":"a","fields":[{"name":"z"}]}]`, "", `its form "a" has the field "z", which is none of its columns`},
		{"no type", `[{"name":"a","fields":[{"name":"b","holds":"text"}]}]`, "", `its form "a" wants "text" in the field "b"; want a column type, and at most 256 keys`},
	} {
		t.Run(x.name, func(t *testing.T) {
			var entries []formEntry
			require.NoError(t, json.Unmarshal([]byte(x.said), &entries))
			forms, err := readForms(entries, columns)
			if x.err != "" {
				require.EqualError(t, err, x.err)
				return
			}
			require.NoError(t, err)
			got, err := json.Marshal(forms)
			require.NoError(t, err)
			require.JSONEq(t, x.want, string(got))
		})
	}
	forms, err := readForms(nil, columns[1:2])
	require.NoError(t, err)
	require.Empty(t, forms)
}

func TestMarkup(t *testing.T) {
	own := sdk.Markup{Special: []string{"<s>"}, Texts: []string{"[INST]"}}
	got, err := checkMarkup(own)
	require.NoError(t, err)
	require.Equal(t, own, got)
	_, err = checkMarkup(sdk.Markup{Texts: []string{"a", ""}})
	require.EqualError(t, err, "its markup has an empty text; want what it writes around turns")
	_, err = checkMarkup(sdk.Markup{Special: make([]string, 200), Texts: make([]string, 100)})
	require.EqualError(t, err, "its markup has 300 texts; at most 256 are allowed")
}
