package dpo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/dpo"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// batch has Δ of -0.5, 1.5 and -2 in its first prompt, of 2 and -1 in its second.
var batch = sdktest.Inputs{
	Logps:    [][][]float64{{{-1, -1}, {-0.5}, {-2, -2, -1}}, {{-1}, {-1, -2}}},
	RefLogps: [][][]float64{{{-1, -0.5}, {-2}, {-1, -1, -1}}, {{-3}, {-1, -1}}},
	Score:    [][]float64{{1, 2, 0}, {1, -1}},
}

const beta = 0.4

// pairs are Δ of chosen and rejected by best_over_rest, and their tokens.
var pairs = []struct{ w, l, nw, nl float64 }{{1.5, -0.5, 1, 2}, {1.5, -2, 1, 3}, {2, -1, 1, 2}}

func sigma(x float64) float64    { return 1 / (1 + math.Exp(-x)) }
func softplus(x float64) float64 { return math.Log1p(math.Exp(x)) }

// mean is over the pairs.
func mean(f func(w, l float64) float64) float64 {
	total := 0.0
	for _, p := range pairs {
		total += f(p.w, p.l)
	}
	return total / float64(len(pairs))
}

func base() dpo.Loss { return dpo.Loss{Type: "sigmoid", Beta: beta, Pairs: "best_over_rest"} }

func TestTypes(t *testing.T) {
	const e = 0.1
	klW, klL := mean(func(w, _ float64) float64 { return w }), 0.0 // the mean of the rejected is below 0
	for _, c := range []struct {
		name string
		set  func(l *dpo.Loss)
		want float64
	}{
		{"sigmoid", func(l *dpo.Loss) {}, mean(func(w, l float64) float64 { return softplus(-beta * (w - l)) })},
		{"cDPO", func(l *dpo.Loss) { l.LabelSmoothing = e },
			mean(func(w, l float64) float64 { return (1-e)*softplus(-beta*(w-l)) + e*softplus(beta*(w-l)) })},
		{"robust", func(l *dpo.Loss) { l.Type, l.LabelSmoothing = "robust", e },
			mean(func(w, l float64) float64 {
				return ((1-e)*softplus(-beta*(w-l)) - e*softplus(beta*(w-l))) / (1 - 2*e)
			})},
		{"hinge", func(l *dpo.Loss) { l.Type = "hinge" }, mean(func(w, l float64) float64 { return math.Max(0, 1-beta*(w-l)) })},
		{"ipo", func(l *dpo.Loss) { l.Type = "ipo" }, mean(func(w, l float64) float64 { return math.Pow(w-l-1/(2*beta), 2) })},
		{"apo_zero", func(l *dpo.Loss) { l.Type = "apo_zero" }, mean(func(w, l float64) float64 { return 1 - sigma(beta*w) + sigma(beta*l) })},
		{"apo_down", func(l *dpo.Loss) { l.Type = "apo_down" }, mean(func(w, l float64) float64 { return sigma(beta*w) + 1 - sigma(beta*(w-l)) })},
		{"kto_pair", func(l *dpo.Loss) { l.Type = "kto_pair" },
			mean(func(w, l float64) float64 { return (1 - sigma(beta*(w-klL)) + 1 - sigma(beta*(klW-l))) / 2 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := base()
			c.set(&l)
			require.NoError(t, l.Validate())
			require.InDelta(t, c.want, sdktest.Run(l, batch).Loss, 1e-12)
			sdktest.CheckGradients(t, l, batch)
			sdktest.CheckPadding(t, l, batch)
			sdktest.CheckPermutation(t, l, batch)
			if l.Type != "kto_pair" { // which is defined a micro-batch
				sdktest.CheckCuts(t, l, batch)
			}
		})
	}
}

func TestIPOLengthNormalized(t *testing.T) {
	l := base()
	l.Type, l.IPOLengthNormalize = "ipo", true
	want := 0.0
	for _, p := range pairs {
		want += math.Pow(p.w/p.nw-p.l/p.nl-1/(2*beta), 2) / 3
	}
	require.InDelta(t, want, sdktest.Run(l, batch).Loss, 1e-12)
	sdktest.CheckLoss(t, l, batch)
}

func TestListsAreWeightedSums(t *testing.T) {
	one := func(kind string) float64 {
		l := base()
		l.Type = kind
		return sdktest.Run(l, batch).Loss
	}
	l := base()
	l.Type = "sigmoid, apo_down"
	require.InDelta(t, one("sigmoid")+one("apo_down"), sdktest.Run(l, batch).Loss, 1e-12)
	l.Weights = "1, 0.5"
	out := sdktest.Run(l, batch)
	require.InDelta(t, one("sigmoid")+0.5*one("apo_down"), out.Loss, 1e-12)
	require.Equal(t, one("apo_down"), out.Terms["apo_down"].Value())
	sdktest.CheckLoss(t, l, batch)
}

func TestMetrics(t *testing.T) {
	m := sdktest.Run(base(), batch).Metrics
	require.InDelta(t, beta*(1.5+1.5+2)/3, m["rewards/chosen"], 1e-12)
	require.InDelta(t, beta*(-0.5-2-1)/3, m["rewards/rejected"], 1e-12)
	require.InDelta(t, beta*8.5/3, m["rewards/margins"], 1e-12)
	require.Equal(t, 1.0, m["rewards/accuracies"])
	require.InDelta(t, -(0.5+0.5+1)/3, m["logps/chosen"], 1e-12)
	require.InDelta(t, -(2.0+5+3)/3, m["logps/rejected"], 1e-12)
}

func TestWithoutReferenceItIsNotAskedFor(t *testing.T) {
	l := base()
	l.ReferenceFree = true
	in := batch
	in.RefLogps = nil
	want := (softplus(-beta*(-0.5+2)) + softplus(-beta*(-0.5+5)) + softplus(-beta*(-1.0+3))) / 3
	require.InDelta(t, want, sdktest.Run(l, in).Loss, 1e-12)
}

func TestNoPair(t *testing.T) {
	in := sdktest.Inputs{Logps: [][][]float64{{{-1}, {-2}}}, RefLogps: [][][]float64{{{-1}, {-1}}}, Score: [][]float64{{1, 1}}}
	for _, kind := range []string{"sigmoid", "robust", "hinge", "ipo", "apo_zero", "apo_down", "kto_pair"} {
		l := base()
		l.Type = kind
		out := sdktest.Run(l, in)
		require.Zero(t, out.Loss, kind)
		require.Equal(t, [][][]float64{{{0}, {0}}}, out.Gradients, kind)
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		values map[string]any
		want   string
	}{
		{map[string]any{"dpo_loss_type": "sigmoid,apo_up"}, `dpo_loss_type has "apo_up"; want sigmoid, robust, hinge, ipo, apo_zero, apo_down, kto_pair, or several of them, comma-separated`},
		{map[string]any{"dpo_loss_type": ""}, `dpo_loss_type has ""; want sigmoid, robust, hinge, ipo, apo_zero, apo_down, kto_pair, or several of them, comma-separated`},
		{map[string]any{"dpo_loss_type": "ipo,ipo"}, "dpo_loss_type has ipo twice; want it once, and its weight in dpo_loss_weights"},
		{map[string]any{"dpo_loss_weights": "1,2"}, "dpo_loss_weights has 2 weights, dpo_loss_type 1 types; want one weight per type"},
		{map[string]any{"dpo_loss_type": "ipo,hinge", "dpo_loss_weights": "1,-2"}, `dpo_loss_weights has "-2"; want comma-separated numbers of at least 0`},
		{map[string]any{"dpo_loss_type": "ipo", "dpo_beta": 0}, "dpo_beta is 0, and dpo_loss_type ipo divides by it; want a number above 0"},
		{map[string]any{"dpo_loss_type": "robust", "label_smoothing": 0.5}, "label_smoothing is 0.5, and dpo_loss_type robust divides by 1 - 2 · label_smoothing; want a number below 0.5"},
	} {
		_, err := sdk.NewLoss("dpo", "", dpo.Loss{}).New(c.values)
		require.EqualError(t, err, c.want)
	}
}
