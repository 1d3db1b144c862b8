package hfconfig_test

import (
	"testing"

	"llmhost/host/model/hfconfig"

	"github.com/stretchr/testify/require"
)

var toy = hfconfig.Class{ModelType: "toy", Fields: append([]hfconfig.Field{
	hfconfig.Read("heads", hfconfig.Int|hfconfig.Null, "8", ""),
	hfconfig.Read("eps", hfconfig.Float, "1e-06", ""),
	hfconfig.Kept("bias", hfconfig.Bool, "true", ""),
	hfconfig.Only("act", hfconfig.String, `"silu"`, "there is no other", `"swish"`),
}, hfconfig.Old(hfconfig.Read("rate", hfconfig.Number, "", ""))...)}

type config struct {
	Heads *int    `json:"heads"`
	Eps   float64 `json:"eps"`
	Rate  float64 `json:"rate"`
	Bias  bool    `json:"bias"`
}

func TestDecode(t *testing.T) {
	eight := 8
	for _, c := range []struct {
		text string
		want config
		err  string
	}{
		{text: `{}`, want: config{Heads: &eight, Eps: 1e-6}},
		{text: `{"heads": null, "eps": 1E5, "rate": 2, "bias": true, "unknown": [1]}`, want: config{Eps: 1e5, Rate: 2}},
		{text: `{"act": "swish", "eps": 2.5}`, want: config{Heads: &eight, Eps: 2.5}},
		{text: `{"act": "gelu"}`, err: `act is "gelu"; want "silu" or "swish", as there is no other`},
		{text: `{"eps": 1}`, err: `eps is 1; want a number with a decimal point`},
		{text: `{"eps": null}`, err: `eps is null; want a number with a decimal point`},
		{text: `{"heads": true}`, err: `heads is true; want a whole number or null`},
		{text: `{"rate": "1"}`, err: `rate is "1"; want a number`},
		{text: `{"bias": 1}`, err: `bias is 1; want true or false`},
		{text: `{"per_layer_config": { }}`, want: config{Heads: &eight, Eps: 1e-6}},
	} {
		var got config
		err := toy.Decode([]byte(c.text), &got)
		if c.err != "" {
			require.EqualError(t, err, c.err, c.text)
			continue
		}
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
}

func TestValue(t *testing.T) {
	require.Equal(t, "3", string(toy.Value([]byte(`{"heads": 3}`), "heads")))
	require.Equal(t, "null", string(toy.Value([]byte(`{"heads": null}`), "heads")))
	require.Equal(t, "8", string(toy.Value([]byte(`{}`), "heads")))
	require.Nil(t, toy.Value([]byte(`{}`), "rate"), "a key without a default")
}
