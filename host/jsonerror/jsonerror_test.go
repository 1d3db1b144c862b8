package jsonerror_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"llmhost/host/jsonerror"

	"github.com/stretchr/testify/require"
)

func TestExplain(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{``, "it ends in the middle of its JSON"},
		{`{"name": "x"`, "it ends in the middle of its JSON"},
		{`nonsense`, `line 1, column 2: 'o' is out of place in literal null (expecting 'u')`},
		{"{\n  \"name\": x}", "line 2, column 11: 'x' is out of place; want a value"},
		{`{name: 1}`, "line 1, column 2: 'n' is out of place; want a key in quotes"},
		{`{"name" 1}`, "line 1, column 9: '1' is out of place; want a colon after the key"},
		{`{"name": "x" "y"}`, `line 1, column 14: '"' is out of place; want a comma or } after the value`},
		{`{"list": [1 2]}`, "line 1, column 13: '2' is out of place; want a comma or ] after the value"},
		{`{} x`, "line 1, column 4: 'x' is out of place; want nothing after the value"},
		{"{\"name\": \"a\nb\"}", `line 1, column 12: '\n' is out of place in string literal`},
		{`[]`, "the whole is a list; want an object"},
		{`{"name": [1]}`, `"name" is a list; want a text`},
		{`{"list": "x"}`, `"list" is a text; want a list`},
		{`{"inner": {"count": 1.5}}`, `"inner.count" is the number 1.5; want a whole number`},
		{`{"inner": {"share": true}}`, `"inner.share" is true or false; want a number`},
		{`{"inner": 3}`, `"inner" is a number; want an object`},
		{`{"other": 3}`, `unknown key "other"`},
	} {
		var v struct {
			Name  string
			List  []int
			Inner struct {
				Count int      `json:"count"`
				Share *float64 `json:"share"`
			}
		}
		err := json.Unmarshal([]byte(x.text), &v)
		if err == nil {
			d := json.NewDecoder(strings.NewReader(x.text))
			d.DisallowUnknownFields()
			err = d.Decode(&v)
		}
		require.EqualError(t, jsonerror.Explain([]byte(x.text), err), x.want, x.text)
	}
	other := errors.New("other")
	require.Equal(t, other, jsonerror.Explain(nil, other))
	require.NoError(t, jsonerror.Explain(nil, nil))
}
