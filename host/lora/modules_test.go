package lora_test

import (
	"encoding/json"
	"testing"

	"llmhost/host/lora"

	"github.com/stretchr/testify/require"
)

var modules = []string{"model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj", "model.layers.10.mlp.up_proj", "q_proj", "lm_head"}

// expressions are regular expressions of Python with what re.fullmatch of Python
// 3.11 says of each of modules; those with an error are read otherwise or not at all by Go.
var expressions = []struct {
	text string
	want []bool
	err  string
}{
	{text: `q_proj`, want: []bool{false, false, false, true, false}},
	{text: `.*\.(q|v)_proj`, want: []bool{true, true, false, false, false}},
	{text: `model.layers.[0-1].*`, want: []bool{true, true, true, false, false}},
	{text: `(?P<a>q)_proj`, want: []bool{false, false, false, true, false}},
	{text: `q_proj|.*v_proj`, want: []bool{false, true, false, true, false}},
	{text: `.*(?i:Q)_proj`, want: []bool{true, false, false, true, false}},
	{text: `.*\bq_proj`, want: []bool{true, false, false, true, false}},
	{text: `.*\.\w+_proj`, want: []bool{true, true, true, false, false}},
	{text: `[]q].*`, want: []bool{false, false, false, true, false}},
	{text: `^.*q_proj$`, want: []bool{true, false, false, true, false}},
	{text: `.*\x71_proj`, want: []bool{true, false, false, true, false}},
	{text: `.*q{1}_proj`, want: []bool{true, false, false, true, false}},
	{text: `.*q_proj\n`, want: []bool{false, false, false, false, false}},

	{text: `.*layers\.(?!0).*q_proj`, err: `has (?!0, a look-around, a back reference, a comment or a flag`},
	{text: `(?i).*Q_PROJ`, err: `has (?i), a look-around`},
	{text: `.*(?#c)q_proj`, err: `has (?#c, a look-around`},
	{text: `.*(?x: q _proj)`, err: `has (?x:, a look-around`},
	{text: `.*(?>q)_proj`, err: `has (?>q, a look-around`},
	{text: `.*(q)_\1roj`, err: `has \1, an escape of Python's alone or a back reference`},
	{text: `.*\Z`, err: `has \Z, an escape`},
	{text: `.*q_proj\z`, err: `has \z, an escape`},
	{text: `.*\p{L}`, err: `has \p, an escape`},
	{text: `.*\.q{,1}_proj`, err: `has {,, a repetition without a least number`},
	{text: `.*[[:alpha:]]_proj`, err: `has [[:, a class by name`},
	{text: `.*q++_proj`, err: `invalid nested repetition operator`},
	{text: `(.*`, err: `missing closing )`},
	{text: `*q`, err: `missing argument to repetition operator`},
	{text: `q)|(q`, err: `unexpected )`},
}

func TestExpressionsOfPython(t *testing.T) {
	for _, e := range expressions {
		c := lora.Default()
		c.Targets = lora.ParseModules([]string{lora.AllLinear})
		c.Targets.Pattern = e.text
		for i, m := range modules {
			got, err := c.Adapts(m)
			if e.err != "" {
				require.ErrorContains(t, err, "target_modules: ", e.text)
				require.ErrorContains(t, err, e.err, e.text)
				continue
			}
			require.NoError(t, err, e.text)
			require.Equal(t, e.want[i], got, "%s of %s", e.text, m)
		}
	}
}

// The first pattern of the file counts, every time.
func TestFirstPatternCounts(t *testing.T) {
	var c lora.Config
	c.R, c.Alpha = 8, 16
	require.NoError(t, json.Unmarshal([]byte(`{"layers.1.self_attn.q_proj": 64, "q_proj": 1, ".*layers.1": 5, "v_proj|k_proj": 3, "q_proj": 2}`), &c.AlphaPattern))
	require.NoError(t, json.Unmarshal([]byte(`{"^model.layers.0": 2, "model.layers.0.self_attn.q_proj": 3}`), &c.RankPattern))
	for module, want := range map[string][2]float64{
		"model.layers.1.self_attn.q_proj":  {8, 64},
		"model.layers.0.self_attn.q_proj":  {3, 2}, // of a key that is there twice the last value
		"model.layers.11.self_attn.q_proj": {8, 2},
		"model.layers.0.self_attn.k_proj":  {8, 3},
		"model.layers.0":                   {2, 16},
		"model.layers.0.mlp.up_proj":       {8, 16},
		"model.layers.1":                   {8, 5},
	} {
		for range 20 {
			rank, alpha, err := c.RankAndAlpha(module)
			require.NoError(t, err)
			require.Equal(t, want, [2]float64{float64(rank), alpha}, module)
		}
	}
	c.RankPattern[0].Key = "(?!q)"
	_, _, err := c.RankAndAlpha("q_proj")
	require.ErrorContains(t, err, `rank_pattern: "(?!q)" has (?!q, a look-around`)
}
