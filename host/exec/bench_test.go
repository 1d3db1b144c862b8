package exec_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"llmhost/builtin"
	"llmhost/host/exec"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// BenchmarkReplay compares a step's use of a loss program with the same loss
// written over host/tensor, in turns: the denominators from data alone, then
// terms, metrics and the gradient. The batch is as small as that of the
// quickstart, so that hardly any of the time is arithmetic.
func BenchmarkReplay(b *testing.B) {
	for name, direct := range map[string]func(exec.Given) exec.Outputs{"rrhf": directRRHF, "sft": directSFT} {
		b.Run(name, func(b *testing.B) {
			tensor.SetThreads(1)
			p := exec.Compile(builtinProgram(b, name), exec.Target{Device: tensor.CPU, Real: tensor.Float32})
			var replayed, written []float64
			tensor.Scoped(func() {
				a := smallBatch()
				requireSame(b, p.Loss(a, nil), direct(a))
				for b.Loop() {
					replayed = append(replayed, timed(func() {
						tensor.NoGrad(func() { p.Counts(a) })
						gradient(p.Loss(a, nil))
					}))
					written = append(written, timed(func() {
						tensor.NoGrad(func() { directCounts(name, a) })
						gradient(direct(a))
					}))
				}
			})
			b.ReportMetric(median(replayed), "µs-program")
			b.ReportMetric(median(written), "µs-direct")
			b.ReportMetric(median(replayed)-median(written), "µs-overhead")
		})
	}
}

// timed is how long f takes in a scope of its own, in µs.
func timed(f func()) float64 {
	began := time.Now()
	tensor.Scoped(f)
	return float64(time.Since(began).Nanoseconds()) / 1e3
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func builtinProgram(b *testing.B, name string) *program.Program {
	b.Helper()
	catalog, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: builtin.All()})
	require.NoError(b, err)
	c, err := catalog.Component(context.Background(), plugin.Loss, name)
	require.NoError(b, err)
	trace, err := c.Trace(context.Background(), nil)
	require.NoError(b, err)
	return trace.Program
}

// smallBatch is of eight prompts with four candidates of up to 38 label tokens.
func smallBatch() exec.Given {
	const prompts, candidates, labels = 8, 4, 38
	rng := rand.New(rand.NewPCG(1, 1))
	logps, mask := make([]float32, prompts*candidates*labels), make([]bool, prompts*candidates*labels)
	real, score := make([]bool, prompts*candidates), make([]float32, prompts*candidates)
	for row := range real {
		real[row], score[row] = true, float32(rng.IntN(3))
		for i := range 1 + rng.IntN(labels) {
			logps[row*labels+i], mask[row*labels+i] = -float32(rng.ExpFloat64()), true
		}
	}
	return exec.Given{Sizes: map[string]int64{"B": prompts, "K": candidates, "T": labels}, Inputs: map[string]tensor.Tensor{
		"policy.logps": tensor.Of(tensor.CPU, logps, prompts, candidates, labels).RequireGrad(), "label_mask": tensor.Of(tensor.CPU, mask, prompts, candidates, labels),
		"candidate_mask": tensor.Of(tensor.CPU, real, prompts, candidates), "column.score": tensor.Of(tensor.CPU, score, prompts, candidates)}}
}

// gradient runs a loss as a step does.
func gradient(out exec.Outputs) {
	total := out.Terms[0].Sum
	for _, t := range out.Terms[1:] {
		total = total.Add(t.Sum)
	}
	total.Backward()
	for _, m := range out.Metrics {
		m.Read()
	}
}

func requireSame(b *testing.B, want, got exec.Outputs) {
	b.Helper()
	require.Len(b, got.Terms, len(want.Terms))
	require.Len(b, got.Metrics, len(want.Metrics))
	for i, f := range append(want.Terms, want.Metrics...) {
		sum, count := f.Read()
		s, c := append(got.Terms, got.Metrics...)[i].Read()
		require.Equal(b, []float64{sum, count}, []float64{s, c})
	}
}

// total counts trues as a program does.
func total(x tensor.Tensor) tensor.Tensor { return x.Reshape(-1).SumDim(0, false).To(tensor.Float32) }

func directCounts(name string, a exec.Given) {
	if name == "sft" {
		total(a.Inputs["label_mask"].SumDim(2, false).To(tensor.Float32)).Item()
		return
	}
	prompts := tensor.Full(tensor.CPU, tensor.Float32, float64(a.Sizes["B"]))
	prompts.Item()
	prompts.Item()
}

func directSFT(a exec.Given) exec.Outputs {
	nll := a.Inputs["policy.logps"].SumDim(2, false).Neg()
	tokens := a.Inputs["label_mask"].SumDim(2, false).To(tensor.Float32)
	f := exec.Fraction{Sum: total(nll), Count: total(tokens)}
	return exec.Outputs{Terms: []exec.Fraction{f}, Metrics: []exec.Fraction{f}}
}

func directRRHF(a exec.Given) exec.Outputs {
	score, real := a.Inputs["column.score"], a.Inputs["candidate_mask"]
	sum := a.Inputs["policy.logps"].SumDim(2, false)
	length := a.Inputs["label_mask"].SumDim(2, false).To(tensor.Float32).ClampMin(1)
	p := sum.Div(length.PowScalar(1))
	both := real.Unsqueeze(2).LogicalAnd(real.Unsqueeze(1))
	better := score.Unsqueeze(2).Gt(score.Unsqueeze(1)).LogicalAnd(both)
	gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
	realScore := score.MaskedFill(real.LogicalNot(), math.Inf(-1))
	best := realScore.Argmax(1, false).Unsqueeze(1)
	tune := sum.Neg().Div(length)
	prompts := tensor.Full(tensor.CPU, tensor.Float32, float64(a.Sizes["B"]))
	rank := exec.Fraction{Sum: total(gap.Neg().Relu().WhereScalar(better, 0)), Count: prompts}
	tuned := exec.Fraction{Sum: total(tune.Gather(1, best)), Count: prompts}

	pairs := total(better)
	chosen := p.MaskedFill(real.LogicalNot(), math.Inf(-1)).Argmax(1, false).Unsqueeze(1)
	hit := realScore.Gather(1, chosen).Squeeze(1).Ge(realScore.Amax(1, false))
	ordered := better.Any(2, false).Any(1, false)
	return exec.Outputs{Terms: []exec.Fraction{rank, tuned}, Metrics: []exec.Fraction{
		{Sum: total(gap.GtScalar(0).LogicalAnd(better)), Count: pairs},
		{Sum: total(gap.WhereScalar(better, 0)), Count: pairs},
		{Sum: total(hit.LogicalAnd(ordered)), Count: total(ordered)},
	}}
}
