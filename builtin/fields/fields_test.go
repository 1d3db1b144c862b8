package fields_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

func TestPresent(t *testing.T) {
	r := sdk.NewRow([]sdk.Cell{{}, {Type: sdk.String}, {}})
	at, err := fields.Present(&r, 0, []string{"a", "b"}, "a_name")
	require.NoError(t, err)
	require.Equal(t, 1, at)
	_, err = fields.Present(&r, 2, []string{"c"}, "c_name")
	require.EqualError(t, err, `field "c" missing; c_name names another`)
	r = sdk.NewRow([]sdk.Cell{{Type: sdk.String}, {Type: sdk.String}})
	_, err = fields.Present(&r, 0, []string{"a", "b"}, "a_name")
	require.EqualError(t, err, `fields "a" and "b" both present; want one of them, or a_name to say which`)
}

func TestWeight(t *testing.T) {
	for _, c := range []struct {
		cell   sdk.Cell
		weight float64
		err    string
	}{
		{sdk.Cell{}, 1, ""},
		{sdk.Cell{Type: sdk.Float, Float: 0}, 0, ""},
		{sdk.Cell{Type: sdk.Float, Float: -0.5}, 0, `field "w" is -0.5; want 0 or more`},
	} {
		r := sdk.NewRow([]sdk.Cell{c.cell})
		weight, err := fields.Weight(&r, 0, "w")
		require.Equal(t, c.weight, weight)
		if c.err != "" {
			require.EqualError(t, err, c.err)
		}
	}
}

func TestScalar(t *testing.T) {
	for value, want := range map[string]string{`"a b"`: "a b", ` 12 `: "12", `-1.5`: "-1.5", `false`: "false", `""`: ""} {
		got, err := fields.Scalar("label", value)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, value := range []string{`{}`, `[1]`, ``, `"broken`} {
		_, err := fields.Scalar("label", value)
		require.EqualError(t, err, `field "label" is `+value+`; want a text, a number, true or false`)
	}
}
