package program_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/program"
)

// The parts of a small sound loss, for tests that break one of them.
const (
	inputs  = `{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"label_mask","dtype":"bool","shape":["B","K","T"]}`
	nodes   = `{"op":"sum","in":[0]},{"op":"neg","in":[2],"attrs":{}},{"op":"sum","in":[1],"attrs":{}}`
	terms   = `{"name":"nll","sum":3,"count":4}`
	metrics = `{"name":"perplexity","sum":3,"count":4,"exp":true}`
)

// loss puts a program together; more stands before the terms.
func loss(inputs, nodes, terms, metrics string, more ...string) string {
	return fmt.Sprintf(`{"llmhost_program":1,"kind":"loss","inputs":[%s],"nodes":[%s],%s"terms":[%s],"metrics":[%s]}`, inputs, nodes, strings.Join(more, ""), terms, metrics)
}

const canonical = `{"llmhost_program":1,"op_level":1,"kind":"loss",` +
	`"inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"label_mask","dtype":"bool","shape":["B","K","T"]}],` +
	`"nodes":[{"op":"sum","in":[0],"attrs":{}},{"op":"neg","in":[2],"attrs":{}},{"op":"sum","in":[1],"attrs":{}}],` +
	`"terms":[{"name":"nll","sum":3,"count":4,"coefficient":1}],"metrics":[{"name":"perplexity","sum":3,"count":4,"exp":true}]}`

func parse(t *testing.T, text string) *program.Program {
	t.Helper()
	p, err := program.Parse([]byte(text))
	require.NoError(t, err)
	return p
}

func TestParse(t *testing.T) {
	p := parse(t, loss(inputs, nodes, terms, metrics))
	require.Equal(t, []string{"policy.logps", "label_mask"}, p.InputNames())
	require.Equal(t, "f32 []", p.Value(4).String())
	require.Equal(t, "bool [B, K, T]", p.Value(1).String())
	require.Equal(t, []program.Term{{Name: "nll", Sum: 3, Count: 4, Coefficient: 1}}, p.Terms)
	require.Equal(t, []program.Metric{{Name: "perplexity", Sum: 3, Count: 4, Exp: true}}, p.Metrics)
	require.Equal(t, []bool{false, true, false, false, true}, p.Reach(4, program.None), "the count alone")
	require.Equal(t, program.None, p.Output)
}

func TestCanonical(t *testing.T) {
	p := parse(t, loss(inputs, nodes, terms, metrics))
	require.Equal(t, canonical, string(p.Canonical()))
	require.Len(t, p.Digest(), 64)
	require.Equal(t, p.Digest(), parse(t, canonical).Digest())

	spread := parse(t, strings.NewReplacer(`,`, " ,\n", `"exp":true`, `"exp" : true`, `"count":4`, `"count":4, "coefficient":1.0e0`).Replace(
		strings.ReplaceAll(loss(inputs, nodes, terms, ``), `"kind":"loss"`, `"op_level":1,"kind":"loss"`)))
	require.Equal(t, strings.Replace(canonical, metrics, "", 1), string(spread.Canonical()))
}

func TestCanonicalAttributes(t *testing.T) {
	p := parse(t, loss(inputs, `{"op":"sum","in":[0],"attrs":{"keepdim":true,"dim":-1}},{"op":"expand","in":[2],"attrs":{"shape":["K*2*2","B","K","1"]}},`+
		`{"op":"where_scalar","in":[0,1],"attrs":{"value":"-inf"}},{"op":"masked_fill","in":[0,1],"attrs":{"value":1e-7}},{"op":"cumsum","in":[0],"attrs":{"dim":-3}},`+
		`{"op":"amax","in":[0],"attrs":{"dim":0}},{"op":"unsqueeze","in":[0],"attrs":{"dim":-1}},{"op":"sum","in":[0]}`, `{"name":"x","sum":9}`, ""))
	require.Contains(t, string(p.Canonical()), `{"op":"sum","in":[0],"attrs":{"dim":2,"keepdim":true}},{"op":"expand","in":[2],"attrs":{"shape":["4*K","B","K","1"]}},`+
		`{"op":"where_scalar","in":[0,1],"attrs":{"value":"-inf"}},{"op":"masked_fill","in":[0,1],"attrs":{"value":1e-07}},{"op":"cumsum","in":[0],"attrs":{"dim":0}},`+
		`{"op":"amax","in":[0],"attrs":{"dim":0,"keepdim":false}},{"op":"unsqueeze","in":[0],"attrs":{"dim":3}},{"op":"sum","in":[0],"attrs":{}}`)
}

func TestBytes(t *testing.T) {
	p := parse(t, loss(inputs, `{"op":"unsqueeze","in":[0],"attrs":{"dim":3}},{"op":"gt_scalar","in":[0],"attrs":{"value":0}},{"op":"sum","in":[2]}`, `{"name":"x","sum":4}`, ""))
	n, err := p.Bytes(map[string]int64{"B": 2, "K": 3, "T": 5})
	require.NoError(t, err)
	require.Equal(t, int64(2*3*5*4+2*3*5*1+4), n)
	_, err = p.Bytes(map[string]int64{"B": 2})
	require.EqualError(t, err, "node 0: dimension K has no size here")
	n, err = p.Bytes(map[string]int64{"B": 1 << 39, "K": 1 << 39, "T": 1 << 39})
	require.NoError(t, err)
	require.Equal(t, int64(1)<<40, n, "it saturates")
}

func TestText(t *testing.T) {
	p := parse(t, loss(inputs, `{"op":"sum","in":[0],"attrs":{"dim":2}},{"op":"where_scalar","in":[0,1],"attrs":{"value":"-inf"}},{"op":"sum","in":[2]},{"op":"sum","in":[1]}`,
		`{"name":"a","sum":4,"count":5,"coefficient":0.25},{"name":"b","sum":4}`, `{"name":"m","sum":4,"count":5,"exp":true}`))
	require.Equal(t, `loss program, op level 1, 4 nodes, sha256 `+p.Digest()[:12]+`
  %0 input policy.logps               f32 [B, K, T]  from the model
  %1 input label_mask                 bool [B, K, T] from data
  %2 sum(%0, dim=2)                   f32 [B, K]     loss.go:3
  %3 where_scalar(%0, %1, value=-inf) f32 [B, K, T]
  %4 sum(%2)                          f32 []
  %5 sum(%1)                          f32 []
term   a = 0.25 · Σ%4 / Σ%5
term   b = 1 · Σ%4
metric m = exp(Σ%4 / Σ%5)
`, p.Listing([]string{"loss.go:3"}))
}

func TestPooling(t *testing.T) {
	text := `{"llmhost_program":1,"op_level":1,"kind":"pooling","inputs":[{"name":"hidden","dtype":"f32","shape":["P","H"]},{"name":"token","dtype":"i64","shape":["M"]},{"name":"sequence","dtype":"i64","shape":["M"]}],` +
		`"nodes":[{"op":"index_select","in":[0,1],"attrs":{"dim":0}},{"op":"segment_max","in":[3,2],"attrs":{"segments":"N"}}],"output":4}`
	p := parse(t, text)
	require.Equal(t, text, string(p.Canonical()))
	require.Contains(t, p.Text(), "output %4\n")
	for _, c := range []struct{ from, to, want string }{
		{`"output":4`, `"output":3`, "program: node 0: output is f32 [M, H]; want f32 [N, H]"},
		{`"output":4`, `"output":9`, "program: output is value 9 of 5; a pooling needs one"},
		{`,"output":4`, ``, "program: output is value -1 of 5; a pooling needs one"},
		{`"output":4`, `"output":4,"terms":[{"name":"x","sum":0}]`, "program: a pooling has an output, not terms or metrics"},
		{`"segments":"N"`, `"segments":"B"`, "program: node 1: segment_max: no dimension is called B; a pooling has P, H, M, N"},
	} {
		_, err := program.Parse([]byte(strings.Replace(text, c.from, c.to, 1)))
		require.EqualError(t, err, c.want)
	}
}

// A program that would take more memory than it may names what takes it.
func TestFits(t *testing.T) {
	p, err := program.Parse([]byte(loss(inputs, `{"op":"exp","in":[0]},{"op":"expand","in":[2],"attrs":{"shape":["B*K","B","K","T"]}},{"op":"sum","in":[3]}`, `{"name":"x","sum":4}`, "")))
	require.NoError(t, err)
	sizes := map[string]int64{"B": 8, "K": 4, "T": 512}
	require.NoError(t, p.Fits(sizes, 4<<20, nil))
	require.EqualError(t, p.Fits(sizes, 1<<20, []string{"", "my/loss.go:12"}),
		"program takes 3 MiB for a batch of B = 8, K = 4, T = 512, more than 1 MiB: its largest value is node 1, expand, f32 [B*K, B, K, T] at my/loss.go:12")
	sizes["B"] = 1 << 20
	require.EqualError(t, p.Fits(sizes, 1<<30, nil),
		"program takes 1 TiB or more for a batch of B = 1048576, K = 4, T = 512, more than 1024 MiB: its largest value is node 1, expand, f32 [B*K, B, K, T]")
}

func TestCoefficientOf(t *testing.T) {
	p := parse(t, loss(inputs+`,{"name":"rewards","dtype":"f32","shape":["B","K"]},{"name":"column.x","dtype":"f32","shape":["B","K"]}`,
		`{"op":"sum","in":[0]},{"op":"sum","in":[2]},{"op":"add","in":[4,5]},{"op":"sum","in":[1]}`,
		`{"name":"lm","sum":4,"count":7,"coefficient":0.5},{"name":"both","sum":6,"coefficient":2}`, ``))
	require.Equal(t, 2.5, p.CoefficientOf("policy.logps"))
	require.Equal(t, 2.0, p.CoefficientOf("rewards"))
	require.Zero(t, p.CoefficientOf("label_mask"), "a count does not make it count")
	require.Zero(t, p.CoefficientOf("column.x"))
	require.Zero(t, p.CoefficientOf("logits.topic"))
}
