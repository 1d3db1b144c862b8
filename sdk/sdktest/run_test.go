package sdktest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// hinge asks that better candidates be likelier a token by a margin.
type hinge struct {
	Margin float64 `llmhost:"margin,default=0.5,min=0,doc=gap wanted for every pair"`
}

func (l hinge) Trace(g *sdk.Graph) sdk.Objective {
	p := g.Logps().Sum(-1).Div(g.LabelMask().Sum(-1).ClampMin(1))
	score, real := g.Column("score"), g.Real()
	better := score.Unsqueeze(2).Gt(score.Unsqueeze(1)).And(real.Unsqueeze(2)).And(real.Unsqueeze(1))
	gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
	return sdk.Objective{
		Terms:   []sdk.Term{{Name: "hinge", Sum: gap.Neg().AddScalar(l.Margin).Relu().Where(better, 0).Sum(), Count: better.Sum(), Coefficient: 2}},
		Metrics: []sdk.Metric{{Name: "accuracy", Sum: gap.GtScalar(0).And(better).Sum(), Count: better.Sum()}},
	}
}

var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -2}, {-0.5}, {-3, -1.25, -0.25}}, {{-2}, {-1, -1.5}}},
	Score: [][]float64{{2, 0, -1}, {0.5, 1}},
}

func ExampleRun() {
	out := sdktest.Run(hinge{Margin: 0.5}, sdktest.Inputs{
		Logps: [][][]float64{{{-1, -2}, {-0.5}}}, // one prompt, two candidates of two and one label tokens
		Score: [][]float64{{1, 0}},
	})
	fmt.Printf("%.2f %.2f %v\n", out.Loss, out.Terms["hinge"].Value(), out.Metrics["accuracy"])
	fmt.Println(out.Gradients)
	// Output:
	// 3.00 1.50 0
	// [[[-1 -1] [2]]]
}

func TestChecksPassAGoodLoss(t *testing.T) {
	sdktest.CheckLoss(t, hinge{Margin: 0.1}, batch)
}

func TestTagsGiveNoDefaults(t *testing.T) {
	in := sdktest.Inputs{Logps: [][][]float64{{{-1}, {-1}}}, Score: [][]float64{{1, 0}}}
	require.Zero(t, sdktest.Run(hinge{}, in).Loss)
	configured, err := sdk.NewLoss("hinge", "", hinge{}).New(nil)
	require.NoError(t, err)
	require.Equal(t, 1.0, sdktest.Run(configured, in).Loss)
}

// spoilt is a loss with something wrong.
type spoilt func(g *sdk.Graph) sdk.Objective

func (l spoilt) Trace(g *sdk.Graph) sdk.Objective { return l(g) }

func term(sum, count sdk.Tensor) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: sum, Count: count, Coefficient: 1}}}
}

// recorder keeps what a check says.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func TestChecksSeeMistakes(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(testing.TB, sdk.Loss, sdktest.Inputs)
		loss  spoilt
		want  string
	}{
		{"a max that padding enters", sdktest.CheckPadding, func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Amax(-1).Sum(), g.Count("B")) },
			"the sum of term x is -0.25, and with one more padding label position it is 0"},
		{"a mean inside", sdktest.CheckCuts, func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Mean(), sdk.Tensor{}) },
			"but its prompts by themselves add up to"},
		{"the first candidate is the best", sdktest.CheckPermutation, func(g *sdk.Graph) sdk.Objective {
			first := g.Column("score").Argmax(-1).ZerosLike().Unsqueeze(-1)
			return term(g.Logps().Sum(-1).Gather(1, first).Sum(), g.Count("B"))
		}, "with each prompt's candidates in another order, the sum of term x is"},
		{"rows that lean on each other", sdktest.CheckCuts, func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Sum().Square(), g.Count("B")) },
			"but its prompts by themselves add up to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			c.check(r, c.loss, batch)
			require.NotEmpty(t, r.said)
			require.Contains(t, r.said[0], c.want)
		})
	}
}

func TestErrors(t *testing.T) {
	sum := spoilt(func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Sum(), g.Column("weight").Sum()) })
	for _, c := range []struct {
		loss sdk.Loss
		in   sdktest.Inputs
		want string
	}{
		{sum, batch, "input column.weight: the program reads it and nothing provides it"},
		{sum, sdktest.Inputs{Logps: batch.Logps, Score: [][]float64{{1}}}, "column score has 1 lists for 2 prompts"},
		{sum, sdktest.Inputs{Logps: batch.Logps, Score: [][]float64{{1}, {2}}}, "column score has 1 numbers for the 3 candidates of prompt 0"},
		{sum, sdktest.Inputs{Logps: batch.Logps, ExampleColumns: map[string][]float64{"w": {1}}}, "example column w has 1 numbers for 2 prompts"},
		{sum, sdktest.Inputs{Logps: batch.Logps, RefLogps: batch.Logps[:1]}, "ref.logps has candidates of [[2 1 3]] tokens; want [[2 1 3] [1 2]], as Logps has"},
		{sum, sdktest.Inputs{Logits: map[string][][]float64{"h": {{1, 2}, {1}}}}, "head h has 1 classes in prompt 1, 2 in prompt 0"},
		{sum, sdktest.Inputs{Logps: batch.Logps, Labels: map[string][]int{"h": {1}}}, "head h has 1 labels for 2 prompts"},
		{spoilt(func(g *sdk.Graph) sdk.Objective { return term(g.Logps(), sdk.Tensor{}) }), batch, "want f32 []"},
		{spoilt(func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Sum(7), sdk.Tensor{}) }), batch, "sdktest/run_test.go:"},
		{spoilt(func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Sum(), g.Logps().Neg().Sum()) }), batch, // as a host refuses it
			"run_test.go:123: node 2: term x: its count depends on policy.logps, which the model computes"},
		{spoilt(func(g *sdk.Graph) sdk.Objective {
			o := term(g.Logps().Sum(), sdk.Tensor{})
			o.Metrics = []sdk.Metric{{Name: "learning_rate", Sum: g.Logps().Sum()}}
			return o
		}), batch, "metric learning_rate: that is the host's own key in the log; choose another name"},
	} {
		_, err := sdktest.RunErr(c.loss, c.in)
		require.ErrorContains(t, err, c.want)
	}
	require.Panics(t, func() { sdktest.Run(sum, batch) })
}

// focal reads class logits and labels.
func focal(g *sdk.Graph) sdk.Objective {
	logits, label := g.Logits("topic"), g.Label("topic")
	has := label.GeScalar(0)
	logp := logits.Sub(logits.LogSumExp(-1).Unsqueeze(-1)).Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1)
	return term(logp.Neg().Where(has, 0).Sum(), has.Sum())
}

func TestClasses(t *testing.T) {
	in := sdktest.Inputs{
		Logits: map[string][][]float64{"topic": {{0, 0}, {5, 5}, {0, math.Log(3)}}},
		Labels: map[string][]int{"topic": {1, sdktest.NoLabel, 0}},
	}
	out := sdktest.Run(spoilt(focal), in)
	require.InDelta(t, (math.Log(2)+math.Log(4))/2, out.Loss, 1e-12)
	require.InDeltaSlice(t, []float64{0.25, -0.25}, out.LogitGradients["topic"][0], 1e-12)
	require.Equal(t, []float64{0, 0}, out.LogitGradients["topic"][1])
	sdktest.CheckLoss(t, spoilt(focal), in)
}

func TestSinglePrecision(t *testing.T) {
	p, err := sdktest.Trace(spoilt(func(g *sdk.Graph) sdk.Objective { return term(g.Logps().Exp().Sum(), sdk.Tensor{}) }))
	require.NoError(t, err)
	a, err := sdktest.Inputs{Logps: [][][]float64{{{-150}}}}.Arguments()
	require.NoError(t, err)
	e, err := p.Evaluate(a)
	require.NoError(t, err)
	require.Positive(t, e.Loss())
	a.Single = true
	e, err = p.Evaluate(a)
	require.NoError(t, err)
	require.Zero(t, e.Loss(), "e^-150 is 0 in float32")
}

// A program that asks for more than any machine has is an error, not the end of the test.
func TestAProgramBeyondAllMemory(t *testing.T) {
	parsed, err := program.Parse([]byte(`{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]}],"nodes":[{"op":"sum","in":[0]},` +
		`{"op":"expand","in":[1],"attrs":{"shape":["B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B","B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B*B"]}},{"op":"sum","in":[2]}],"terms":[{"name":"t","sum":3}]}`))
	require.NoError(t, err)
	p := sdktest.Traced{Program: parsed}
	_, err = p.Evaluate(sdktest.Arguments{Sizes: map[string]int64{"B": 4, "K": 1, "T": 1}})
	require.ErrorContains(t, err, "brings the program to more than 67108864 elements; take smaller sizes")
}
