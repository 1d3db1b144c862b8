package train_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// cut makes micro-batches of size examples, the last of what is left.
func cut(examples []data.Example, size int) [][]data.Example {
	return slices.Collect(slices.Chunk(examples, size))
}

// reading is a report whose numbers were read.
type reading struct {
	train.Measured
	Tokens int
}

// measure makes one step that moves nothing.
func measure(t *testing.T, m *model.Model, p *program.Program, o train.Options, micro [][]data.Example) (pass, reading) {
	t.Helper()
	report, err := newTrainer(t, m, p, 0, o).Step(micro)
	require.NoError(t, err)
	read := reading{report.Read(), report.Tokens}
	return pass{read.Loss, gradientsOf(m)}, read
}

// How a step's examples are cut into micro-batches does not matter.
func TestCutsGiveOneGradient(t *testing.T) {
	for _, name := range []string{"sft", "rrhf"} {
		for _, dtype := range precisions {
			t.Run(name+"/"+dtype.String(), func(t *testing.T) {
				m, p, examples := newModel(t, "llama", dtype), loss(t, name, nil), uneven(3, name == "rrhf")
				want, whole := measure(t, m, p, train.Options{}, cut(examples, len(examples)))
				for _, size := range []int{1, 2, 4} {
					got, report := measure(t, m, p, train.Options{}, cut(examples, size))
					require.Less(t, distance(want, got), limitOf(dtype), "micro-batches of %d", size)
					require.Equal(t, whole.Tokens, report.Tokens)
					require.InEpsilon(t, whole.GradNorm, report.GradNorm, limitOf(dtype))
					requireSameMetrics(t, &whole.Metrics, &report.Metrics, limitOf(dtype))
				}
			})
		}
	}
}

// valued is a source of metrics.
type valued interface {
	Values(func(name string, value float64))
}

func requireSameMetrics(t *testing.T, want, got valued, limit float64) {
	t.Helper()
	values := map[string]float64{}
	want.Values(func(name string, v float64) { values[name] = v })
	require.NotEmpty(t, values)
	got.Values(func(name string, v float64) {
		require.InDelta(t, values[name], v, limit*math.Abs(values[name]), name)
		delete(values, name)
	})
	require.Empty(t, values)
}

// The mean of micro-batch means depends on the cut where sequences are uneven, and
// not where they are even: the comparison above can fail.
func TestMicroMeanDependsOnTheCut(t *testing.T) {
	m, p := newModel(t, "llama", tensor.Float64), loss(t, "sft", nil)
	far := func(examples []data.Example, size int) float64 {
		want, _ := measure(t, m, p, train.Options{MicroMean: true}, cut(examples, len(examples)))
		got, _ := measure(t, m, p, train.Options{MicroMean: true}, cut(examples, size))
		return distance(want, got)
	}
	even := uneven(3, false)
	for i := range even {
		even[i].Sequences[0] = even[0].Sequences[0]
	}
	for _, size := range []int{1, 2} {
		require.Greater(t, far(uneven(3, false), size), noticed, "micro-batches of %d", size)
		require.Less(t, far(even, size), float64Limit, "micro-batches of %d", size)
	}
}

// Both denominators, by hand: with one micro-batch of n and one of m answer
// tokens, whose means are a and b.
func TestDenominators(t *testing.T) {
	m, p := newModel(t, "llama", tensor.Float64), loss(t, "sft", nil)
	rng := rand.New(rand.NewPCG(5, 0))
	const n, k = 2, 6
	short, long := []data.Example{ranked(rng, 1, 3, n)}, []data.Example{ranked(rng, 2, 3, k)}
	a, _ := measure(t, m, p, train.Options{}, [][]data.Example{short})
	b, _ := measure(t, m, p, train.Options{}, [][]data.Example{long})
	global, _ := measure(t, m, p, train.Options{}, [][]data.Example{short, long})
	micro, _ := measure(t, m, p, train.Options{MicroMean: true}, [][]data.Example{short, long})
	require.InEpsilon(t, (n*a.loss+k*b.loss)/(n+k), global.loss, float64Limit)
	require.InEpsilon(t, (a.loss+b.loss)/2, micro.loss, float64Limit)
}

// A plain sum has no denominator, whatever the cut.
func TestSumsAddUp(t *testing.T) {
	m, p, examples := newModel(t, "llama", tensor.Float64), loss(t, "rrhf", map[string]any{"rrhf_reduction": "paper_sum"}), uneven(4, true)
	want, _ := measure(t, m, p, train.Options{}, cut(examples, len(examples)))
	got, report := measure(t, m, p, train.Options{}, cut(examples, 2))
	require.Less(t, distance(want, got), float64Limit)
	require.InEpsilon(t, report.Loss, report.Terms[0]+report.Terms[1], float64Limit)
}

// Checkpointing computes the same numbers a second time.
func TestCheckpointingChangesNothing(t *testing.T) {
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			m, p, examples := newModel(t, family, tensor.Float32), loss(t, "rrhf", nil), uneven(5, true)
			want, _ := measure(t, m, p, train.Options{SharePrefix: true}, cut(examples, 4))
			got, _ := measure(t, m, p, train.Options{SharePrefix: true, Checkpointing: true}, cut(examples, 4))
			require.Less(t, distance(want, got), float32Limit)
		})
	}
}

// weights copies all parameters of a model.
func weights(m *model.Model) map[string][]float64 {
	out := map[string][]float64{}
	for _, p := range m.Params().All() {
		out[p.Name] = p.Tensor.Floats()
	}
	return out
}

func TestNonFiniteLossStopsTheStep(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			m, p := newModel(t, "llama", tensor.Float32), loss(t, "sft", map[string]any{"sft_reduction": "seq_mean"})
			trainer := newTrainer(t, m, p, 0.1, train.Options{MaxGradNorm: 1})
			good, spoilt := uneven(6, false), uneven(6, false)
			spoilt[5].ExampleColumns["weight"] = bad
			_, err := trainer.Step(cut(good, 4))
			require.NoError(t, err)
			before, state := weights(m), optimizerState(trainer)

			_, err = trainer.Step(cut(spoilt, 2)) // the third micro-batch of four
			var failed *train.NonFiniteError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, 2, failed.Step)
			require.Equal(t, []data.Position{spoilt[4].Source, spoilt[5].Source}, failed.Sources)
			require.EqualError(t, err, fmt.Sprintf("step 2: the loss of the batch of data.jsonl:5, data.jsonl:6 is %v; lower learning_rate or look at these records", bad))
			require.Equal(t, before, weights(m))
			require.Equal(t, state, optimizerState(trainer))
			require.Equal(t, 1, trainer.GlobalStep)

			_, err = trainer.Step(cut(good, 4)) // and the trainer is as good as new
			require.NoError(t, err)
			require.NotEqual(t, before, weights(m))
		})
	}
}

func TestNonFiniteErrorNamesTheFirstRecordsOfMany(t *testing.T) {
	e := train.NonFiniteError{Step: 7, Loss: math.NaN()}
	for i := range 6 {
		e.Sources = append(e.Sources, data.Position{File: "a.jsonl", Line: i + 1})
	}
	require.EqualError(t, &e, "step 7: the loss of the batch of a.jsonl:1, a.jsonl:2, a.jsonl:3, a.jsonl:4 and 2 more is NaN; lower learning_rate or look at these records")
}

func optimizerState(trainer *train.Trainer) map[string][]float64 {
	out := map[string][]float64{}
	for _, s := range trainer.Optimizer.State() {
		for _, part := range s.Parts {
			out[s.Name] = append(out[s.Name], part.Floats()...)
		}
	}
	return out
}

// A failed tensor op comes back as an error, and leaves nothing behind.
func TestStepReturnsTensorErrors(t *testing.T) {
	m, p, examples := newModel(t, "llama", tensor.Float32), loss(t, "sft", nil), uneven(6, false)
	trainer := newTrainer(t, m, p, 0.1, train.Options{})
	_, err := trainer.Step(cut(examples, 8)) // makes the rotary table
	require.NoError(t, err)
	live := tensor.Live()
	examples[3].Sequences[0].IDs[0] = vocab
	_, err = trainer.Step(cut(examples, 8))
	var failed *tensor.Error
	require.ErrorAs(t, err, &failed)
	require.ErrorContains(t, err, "index out of range")
	require.Equal(t, live, tensor.Live())
}

// Steps leave no tensor behind except the rotary table, which is made once.
func TestStepsKeepNoTensors(t *testing.T) {
	m, p, examples := newModel(t, "llama", tensor.Float32), loss(t, "rrhf", nil), uneven(6, true)
	trainer := newTrainer(t, m, p, 0.01, train.Options{SharePrefix: true, Checkpointing: true, MaxGradNorm: 1})
	var live int64
	for i := range 5 {
		_, err := trainer.Step(cut(examples, 4))
		require.NoError(t, err)
		_, err = trainer.Evaluate(cut(examples, 3), nil)
		require.NoError(t, err)
		if i == 0 {
			live = tensor.Live()
		}
		require.Equal(t, live, tensor.Live(), "step %d", i)
	}
}

// Evaluate totals sums and counts, so how it is cut does not matter, and it
// agrees with what a step measures.
func TestEvaluate(t *testing.T) {
	for _, name := range []string{"sft", "rrhf"} {
		t.Run(name, func(t *testing.T) {
			m, p, examples := newModel(t, "llama", tensor.Float64), loss(t, name, nil), uneven(8, name == "rrhf")
			want, report := measure(t, m, p, train.Options{}, cut(examples, 8))
			trainer := newTrainer(t, m, p, 0, train.Options{SharePrefix: true})
			for _, size := range []int{1, 3, 8} {
				e, err := trainer.Evaluate(cut(examples, size), nil)
				require.NoError(t, err)
				require.InEpsilon(t, want.loss, e.Loss(), float64Limit)
				requireSameMetrics(t, &report.Metrics, &e, float64Limit)
			}
		})
	}
}

// Joined evaluations of parts equal that of the whole, for every loss that looks at
// single records, including calibration.
func TestEvaluationsAreJoined(t *testing.T) {
	heads := model.Heads{LM: true, Score: true, Codebase: true, Classes: []model.ClassHead{
		{Name: "label", Labels: []string{"a", "b", "c"}}, {Name: "other", Labels: []string{"x", "y"}}}}
	m, ref := headed(t, tensor.Float64, heads), newModel(t, "qwen2", tensor.Float64)
	for _, l := range losses {
		p := component(t, plugin.Loss, l.loss, l.params)
		if p.TwoPasses() || strings.Contains(fmt.Sprint(l.params), "kto_pair") {
			continue // its records are compared with a mean over all
		}
		t.Run(l.name, func(t *testing.T) {
			trainer := newTrainer(t, m, p, 0, train.Options{SharePrefix: true, MaxLength: 64, CalibrationBins: []int{5, 10}, CalibrationStrategy: "uniform"})
			trainer.Objective.Pooling, trainer.Objective.Reference.Model = poolingProgram(t, "eos"), ref
			trainer.Objective.Scores = "score"
			examples := everything(l.lists)
			whole, err := trainer.Evaluate(cut(examples, 4), nil)
			require.NoError(t, err)
			require.Equal(t, slices.Contains(p.InputNames(), "rewards"), calibrated(&whole), "rewards are compared with the scores")
			joined, err := trainer.Evaluate(cut(examples[:1], 4), nil)
			require.NoError(t, err)
			for _, part := range [][]data.Example{examples[1:4], examples[4:]} {
				e, err := trainer.Evaluate(cut(part, 2), nil)
				require.NoError(t, err)
				joined.Join(e)
			}
			require.InEpsilon(t, whole.Loss(), joined.Loss(), float64Limit)
			requireSameMetrics(t, &whole, &joined, float64Limit)
		})
	}
}

// calibrated tells whether an evaluation has the calibration of rewards.
func calibrated(e *train.Evaluation) (is bool) {
	e.Values(func(name string, _ float64) { is = is || strings.HasPrefix(name, "calibration_") })
	return is
}

func TestClippingReportsTheNormBefore(t *testing.T) {
	m, p, examples := newModel(t, "llama", tensor.Float64), loss(t, "sft", nil), uneven(9, false)
	free, report := measure(t, m, p, train.Options{}, cut(examples, 4))
	clipped, again := measure(t, m, p, train.Options{MaxGradNorm: report.GradNorm / 4}, cut(examples, 4))
	require.Equal(t, report.GradNorm, again.GradNorm)
	require.NotEmpty(t, free.gradients)
	for name, g := range free.gradients {
		require.InEpsilon(t, norm(g)/4, norm(clipped.gradients[name]), 1e-5, name)
	}
}
