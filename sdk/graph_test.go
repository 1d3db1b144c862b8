package sdk_test

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
	"llmhost/sdk/op"
)

func TestMistakesNameTheAuthorsLines(t *testing.T) {
	text := mistakes(t, tracer(func(g *sdk.Graph) sdk.Objective {
		wrong := g.Logps().Add(g.Real().To(sdk.F32)) // [B, K, T] and [B, K]
		after := wrong.Neg().Sum()                   // no second complaint
		g.Logps().Exp().Sum(3)
		g.Column("a b")
		g.Hidden()
		g.Count("N")
		g.Logps().Sum(0, -3)
		g.Logps().Expand("N")
		return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: after, Coefficient: math.NaN()}, {Name: "y"}}, Metrics: []sdk.Metric{{Name: "m"}}}
	}))
	lines := strings.Split(text, "\n")
	place := regexp.MustCompile(`^sdk/graph_test\.go:(\d+): `)
	var got []string
	for _, line := range lines {
		got = append(got, place.ReplaceAllString(line, ""))
	}
	inputs := "; a loss has policy.logps, ref.logps, rewards, kl.reverse, kl.forward, policy.vocab_mean_logps, mismatched.policy.logps, mismatched.ref.logps, state.NAME, logits.NAME, label_mask, label.NAME, candidate_mask, column.NAME, example_column.NAME"
	require.Equal(t, []string{
		"add: shapes [B, K, T] and [B, K] do not broadcast: T against K at axis -1; want equal dimensions or 1",
		"sum: axis 3 is out of range for 3 axes",
		`no input is called "column.a b"` + inputs,
		`no input is called "hidden"` + inputs,
		"no dimension is called N; a loss has B, K, T",
		"sum: axis 0 is given twice",
		"expand: shapes [B, K, T] and [N] do not broadcast: T against N at axis -1; want equal dimensions or 1",
		"term x: its coefficient is NaN; want a finite number",
		"term y: its sum is empty or belongs to another trace",
		"metric m: its sum is empty or belongs to another trace",
	}, got)
	require.Regexp(t, place, lines[0])
}

func TestTensorsOfTwoTracesDoNotMix(t *testing.T) {
	var kept sdk.Tensor
	loss := tracer(func(g *sdk.Graph) sdk.Objective {
		sum := g.Logps().Sum()
		if kept != (sdk.Tensor{}) {
			sum = sum.Add(kept)
		}
		kept = sum
		return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: sum, Coefficient: 1}}}
	})
	traced(t, loss)
	require.Contains(t, mistakes(t, loss), "add: an input is empty or belongs to another trace")
}

func TestARunawayTraceStops(t *testing.T) {
	text := mistakes(t, tracer(func(g *sdk.Graph) sdk.Objective {
		sum := g.Logps().Sum()
		for range 100_000 {
			sum = sum.AddScalar(1)
		}
		return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: sum, Coefficient: 1}}}
	}))
	require.Regexp(t, `^sdk/graph_test\.go:\d+: the program has more than 4096 values$`, text)
}

func TestManyMistakesAreCut(t *testing.T) {
	text := mistakes(t, tracer(func(g *sdk.Graph) sdk.Objective {
		for range 1000 {
			g.Logps().Sum(9)
		}
		return nll(g)
	}))
	require.Len(t, strings.Split(text, "\n"), 20)
}

// every records each method of Tensor once and sums up the results.
func every(g *sdk.Graph) sdk.Objective {
	x, y := g.Logps(), g.Logps().Exp() // f32 [B, K, T]
	mask, real := g.LabelMask(), g.Real()
	index := x.Argmax(-1).Unsqueeze(-1)         // i64 [B, K, 1]
	row := x.Argmin(-1).Sum(-1)                 // i64 [B]
	weights := g.ExampleColumn("w").ClampMin(1) // f32 [B]
	all := []sdk.Tensor{
		x.Add(y), x.Sub(y), x.Mul(y), x.Div(y), x.Minimum(y), x.Maximum(y), y.PowTensor(y),
		x.AddScalar(1), x.SubScalar(1), x.MulScalar(2), x.DivScalar(2), y.Pow(2), x.ClampMin(-1), x.ClampMax(1),
		x.Neg(), x.Abs(), y.Log(), y.Sqrt(), x.Expm1(), y.Log1p(), x.Sum().GlobalMean(mask.Sum()), x.Square(), x.Relu(), x.Sigmoid(), x.LogSigmoid(),
		x.Mean(), x.Mean(0, 2), x.Amax(-1), x.Amin(), x.LogSumExp(1), x.CumSum(0),
		x.Unsqueeze(1).Squeeze(1), x.Sum(-1).Unsqueeze(-1).ExpandAs(x), x.Sum(1).Unsqueeze(1).Expand("B", "K", "T"),
		x.Gather(2, index), x.IndexSelect(0, row), sdk.Where(mask, x, y), x.Where(mask, 0), x.MaskedFill(real.Not().Unsqueeze(-1), math.Inf(-1)),
		x.Detach(), x.ZerosLike(), x.OnesLike(), weights.SegmentSum(row, "B"), weights.SegmentMax(row, "B"), row.SegmentCount("B"), g.Count("K"),
	}
	for _, b := range []sdk.Tensor{
		x.Eq(y), x.Ne(y), x.Lt(y), x.Le(y), x.Gt(y), x.Ge(y), x.EqScalar(0), x.NeScalar(0), x.LtScalar(0), x.LeScalar(0), x.GtScalar(0), x.GeScalar(0),
		mask.And(mask), mask.Or(mask), mask.Any(), mask.All(0, 1),
	} {
		all = append(all, b.To(sdk.F32))
	}
	total := x.Sum()
	for _, v := range all {
		total = total.Add(v.Sum())
	}
	return sdk.Objective{Terms: []sdk.Term{{Name: "all", Sum: total, Count: g.Column("score").Sum(), Coefficient: 0.5}},
		Metrics: []sdk.Metric{{Name: "m", Sum: total, Exp: true}}}
}

func TestEveryMethodRecordsItsOp(t *testing.T) {
	got := traced(t, tracer(every))
	var p struct{ Nodes []struct{ Op string } }
	require.NoError(t, json.Unmarshal(got.Program, &p))
	used := map[string]bool{}
	for _, node := range p.Nodes {
		used[node.Op] = true
	}
	for _, row := range op.Table() {
		require.True(t, used[row.Name], "no method of Tensor records %s", row.Name)
	}
	require.Len(t, got.Locations, len(p.Nodes))
}

func TestReductionsOfSeveralAxes(t *testing.T) {
	var shapes []string
	traced(t, tracer(func(g *sdk.Graph) sdk.Objective {
		x := g.Logps().Unsqueeze(0) // [1, B, K, T]
		for _, v := range []sdk.Tensor{x.Sum(0, 2), x.Sum(-1, 0), x.Sum(3, 1, 2), x.Mean(2, -3)} {
			shapes = append(shapes, v.String())
		}
		require.Equal(t, "empty tensor", sdk.Tensor{}.String())
		return nll(g)
	}))
	require.Equal(t, []string{"f32 [B, T]", "f32 [B, K]", "f32 [1]", "f32 [1, T]"}, shapes)
}

type meanPooling struct{ wrong bool }

func (p meanPooling) Trace(g *sdk.Graph) sdk.Tensor {
	if p.wrong {
		return sdk.Tensor{}
	}
	return g.Hidden().IndexSelect(0, g.Token()).SegmentSum(g.Sequence(), "N").Div(g.Sequence().SegmentCount("N").Unsqueeze(-1))
}

func TestPooling(t *testing.T) {
	s := sdk.NewServer(sdk.Plugin{Name: "p", Poolings: []sdk.PoolingSpec{sdk.NewPooling("mean", "", meanPooling{}), sdk.NewPooling("wrong", "", meanPooling{true})}})
	var got trace
	require.NoError(t, json.Unmarshal(ask(t, s.Trace(configure(t, s, "{}"), []byte("{}"))), &got))
	require.Equal(t, `{"llmhost_program":1,"op_level":1,"kind":"pooling","inputs":[{"name":"hidden","dtype":"f32","shape":["P","H"]},{"name":"token","dtype":"i64","shape":["M"]},{"name":"sequence","dtype":"i64","shape":["M"]}],`+
		`"nodes":[{"op":"index_select","in":[0,1],"attrs":{"dim":0}},{"op":"segment_sum","in":[3,2],"attrs":{"segments":"N"}},`+
		`{"op":"segment_count","in":[2],"attrs":{"segments":"N"}},{"op":"unsqueeze","in":[5],"attrs":{"dim":1}},{"op":"div","in":[4,6],"attrs":{}}],"output":7}`, string(got.Program))

	ask(t, s.Configure(1, []byte("{}")))
	require.Equal(t, "pooling: its result is empty or belongs to another trace", refused(t, s.Trace(2, []byte("{}"))).Message)
}
