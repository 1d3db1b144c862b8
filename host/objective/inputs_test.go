package objective_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/objective"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// summing is a loss that adds up an input, so that its values show.
func summing(t *testing.T, input, shape, more string) *program.Program {
	t.Helper()
	p, err := program.Parse([]byte(fmt.Sprintf(`{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":%q,"dtype":"f32","shape":%s}%s],
"nodes":[{"op":"sum","in":[0]},{"op":"sum","in":[1]}],"terms":[{"name":"own","sum":%d},{"name":"other","sum":%d}]}`, input, shape, more, 2+strings.Count(more, "{"), 3+strings.Count(more, "{"))))
	require.NoError(t, err)
	return p
}

func withHeads(t *testing.T, heads model.Heads) *model.Model {
	t.Helper()
	return headed(t, tensor.Float64, heads)
}

// alone runs one sequence through a model by itself: hidden states [tokens, hidden].
func alone(m *model.Model, ids []int64) tensor.Tensor {
	positions := make([]int64, len(ids))
	for i := range positions {
		positions[i] = int64(i)
	}
	pack := nn.Pack{IDs: tensor.Of(tensor.CPU, ids), Positions: tensor.Of(tensor.CPU, positions), MaxPosition: int64(len(ids)) - 1}
	pack.Segments.Add(0, len(ids), -1)
	return m.Forward(&nn.Pass{Pack: pack})
}

// overLabels adds up f over the labels of all sequences, each at the hidden state that predicts it.
func overLabels(m *model.Model, examples []data.Example, f func(sequence data.Sequence, at int, logps [][]float64) float64) (total float64) {
	for _, e := range examples {
		for _, sequence := range e.Sequences {
			tensor.Scoped(func() {
				all := m.Head().Logits(alone(m, sequence.IDs)).LogSoftmax(1)
				flat := all.Floats()
				width := int(all.Size(1))
				for t := 1; t < len(sequence.IDs); t++ {
					if sequence.Labels[t] != data.Ignore {
						total += f(sequence, t, [][]float64{flat[(t-1)*width : t*width]})
					}
				}
			})
		}
	}
	return total
}

// second is the second term of a pass over a batch.
func second(o *objective.Objective, m *model.Model, examples []data.Example) (value float64) {
	b := data.Pack(examples, true)
	others := data.Pack(data.Mismatch(examples, 64, data.Left), false)
	b.Mismatched = &others
	tensor.Scoped(func() { value, _ = o.Run(m, &b, nil, nil).Terms[1].Read() })
	return value
}

func TestReferenceInputs(t *testing.T) {
	m, ref := newModel(t, "llama", tensor.Float64), newModel(t, "qwen2", tensor.Float64)
	examples := uneven(3, true)
	require.NotEmpty(t, data.Mismatch(examples, 64, data.Left))
	kl := func(forward bool) float64 {
		total := 0.0
		for _, e := range examples {
			for _, sequence := range e.Sequences {
				tensor.Scoped(func() {
					p := m.Head().Logits(alone(m, sequence.IDs)).LogSoftmax(1)
					q := ref.Head().Logits(alone(ref, sequence.IDs)).LogSoftmax(1)
					gap := p.Exp().Mul(p.Sub(q)).SumDim(1, false).Floats()
					if forward {
						gap = q.Exp().Mul(q.Sub(p)).SumDim(1, false).Floats()
					}
					for t := 1; t < len(sequence.IDs); t++ {
						if sequence.Labels[t] != data.Ignore {
							total += gap[t-1]
						}
					}
				})
			}
		}
		return total
	}
	logp := func(sequence data.Sequence, at int, logps [][]float64) float64 { return logps[0][sequence.Labels[at]] }
	mean := func(_ data.Sequence, _ int, logps [][]float64) (mean float64) {
		for _, x := range logps[0] {
			mean += x / float64(len(logps[0]))
		}
		return mean
	}
	for _, c := range []struct {
		input, shape string
		want         float64
	}{
		{"ref.logps", `["B","K","T"]`, overLabels(ref, examples, logp)},
		{"kl.reverse", `["B","K","T"]`, kl(false)},
		{"kl.forward", `["B","K","T"]`, kl(true)},
		{"policy.vocab_mean_logps", `["B","K","T"]`, overLabels(m, examples, mean)},
		{"mismatched.policy.logps", `["B","K","U"]`, overLabels(m, data.Mismatch(examples, 64, data.Left), logp)},
		{"mismatched.ref.logps", `["B","K","U"]`, overLabels(ref, data.Mismatch(examples, 64, data.Left), logp)},
	} {
		t.Run(c.input, func(t *testing.T) {
			o := objective.New(summing(t, c.input, c.shape, ""), tensor.CPU, tensor.Float64)
			o.Reference.Model = ref
			require.InDelta(t, c.want, second(o, m, examples), 1e-9)
		})
	}
}

// Precomputed log-probabilities replace the reference model.
func TestPrecomputedReference(t *testing.T) {
	m := newModel(t, "llama", tensor.Float64)
	examples := uneven(3, true)
	want := 0.0
	for e := range examples {
		for k, sequence := range examples[e].Sequences {
			for i := 1; i < len(sequence.Labels); i++ {
				if sequence.Labels[i] != data.Ignore {
					examples[e].Sequences[k].RefLogps = append(examples[e].Sequences[k].RefLogps, float32(-i)/8)
					want -= float64(i) / 8
				}
			}
		}
	}
	o := objective.New(summing(t, "ref.logps", `["B","K","T"]`, ""), tensor.CPU, tensor.Float64)
	require.InDelta(t, want, second(o, m, examples), 1e-9)
}

// The policy without its adapters is a reference: no model is loaded twice.
func TestReferenceWithoutAdapters(t *testing.T) {
	m := newModel(t, "llama", tensor.Float64)
	examples := uneven(3, true)
	logp := func(sequence data.Sequence, at int, logps [][]float64) float64 { return logps[0][sequence.Labels[at]] }
	want := overLabels(m, examples, logp)
	config := lora.Default()
	config.Targets = lora.ParseModules([]string{lora.AllLinear})
	_, err := lora.Attach(m.Params(), config, nil)
	require.NoError(t, err)
	for _, p := range m.Params().Trained() {
		tensor.Scoped(func() { p.Tensor.CopyTensor(tensor.Randn(tensor.CPU, tensor.Float32, 0.3, p.Tensor.Shape()...)) })
	}
	require.Greater(t, math.Abs(want-overLabels(m, examples, logp)), 0.1)
	o := objective.New(summing(t, "ref.logps", `["B","K","T"]`, ""), tensor.CPU, tensor.Float64)
	require.InDelta(t, want, second(o, m, examples), 1e-6)
}

// Rewards are the score head's at the last token of each candidate; logits
// those of a head of classes.
func TestHeadInputs(t *testing.T) {
	pooling := poolingProgram(t, "eos")
	examples := uneven(3, true)
	m := withHeads(t, model.Heads{Score: true, LM: true, Codebase: true})
	want := 0.0
	for _, e := range examples {
		for _, sequence := range e.Sequences {
			tensor.Scoped(func() {
				want += m.Score.Forward(alone(m, sequence.IDs).Narrow(0, int64(len(sequence.IDs))-1, 1)).Item()
			})
		}
	}
	o := objective.New(summing(t, "rewards", `["B","K"]`, ""), tensor.CPU, tensor.Float64)
	o.Pooling = pooling
	require.InDelta(t, want, second(o, m, examples), 1e-5) // the head computes in float32 at least

	m = withHeads(t, model.Heads{LM: true, Classes: []model.ClassHead{{Name: "topic", Labels: []string{"a", "b", "c"}}}})
	single := uneven(3, false)
	want = 0
	for _, e := range single {
		ids := e.Sequences[0].IDs
		tensor.Scoped(func() { want += m.Classes["topic"].Forward(alone(m, ids).Narrow(0, int64(len(ids))-1, 1)).Sum().Item() })
	}
	o = objective.New(summing(t, "logits.topic", `["B","C_topic"]`, ""), tensor.CPU, tensor.Float64)
	o.Pooling = pooling
	require.InDelta(t, want, second(o, m, single), 1e-5)
}

// A head reads the last token that is not the pad token, as transformers does; of a
// sequence of pad tokens alone the first.
func TestPadAtTheEnd(t *testing.T) {
	const pad = 5
	m := withHeads(t, model.Heads{Score: true, LM: true, Codebase: true})
	for _, c := range []struct {
		name string
		ids  []int64
		at   int64 // the token that is read
		pad  int64
	}{
		{"none", []int64{1, 7, 2}, 2, pad},
		{"at the end", []int64{1, 7, pad}, 1, pad},
		{"twice", []int64{1, 7, pad, pad}, 1, pad},
		{"inside", []int64{1, pad, 2}, 2, pad},
		{"inside and at the end", []int64{pad, 7, pad, 3, pad}, 3, pad},
		{"nothing else", []int64{pad, pad, pad}, 0, pad},
		{"no pad token", []int64{1, 7, pad}, 2, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := objective.New(summing(t, "rewards", `["B","K"]`, ""), tensor.CPU, tensor.Float64)
			o.Pooling = poolingProgram(t, "eos")
			o.Pad = c.pad
			long := sequence([]int64{3}, []int64{4, 6, 8, 9, 10}) // another of the batch
			examples := []data.Example{{Sequences: []data.Sequence{sequence(nil, c.ids), long}}}
			b := data.Pack(examples, false)
			var got, want float64
			tensor.Scoped(func() {
				want = m.Score.Forward(alone(m, c.ids).Narrow(0, c.at, 1)).Item() + m.Score.Forward(alone(m, long.IDs).Narrow(0, 5, 1)).Item()
			})
			tensor.Scoped(func() { got, _ = o.Run(m, &b, nil, nil).Terms[1].Read() })
			require.InDelta(t, want, got, 1e-5)
		})
	}
}

func TestMismatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	examples := []data.Example{ranked(rng, 1, 3, 2), ranked(rng, 2, 1, 4), ranked(rng, 3, 2, 1)}
	mismatched := data.Mismatch(examples, 5, data.Left)
	require.Len(t, mismatched, len(examples))
	for i, e := range mismatched {
		before := examples[(i+2)%3].Sequences[0]
		answer := before.IDs[len(before.IDs)-[]int{2, 4, 1}[(i+2)%3]:]
		require.Equal(t, answer, e.Sequences[0].IDs[len(e.Sequences[0].IDs)-len(answer):])
		require.LessOrEqual(t, len(e.Sequences[0].IDs), 5)
	}
}
