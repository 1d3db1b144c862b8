package objective_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// spans is a sequence that is learned in parts: from each pair's first token to
// before its second.
func spans(ids []int64, parts ...[2]int) data.Sequence {
	s := data.Sequence{IDs: ids, Labels: slices.Repeat([]int64{data.Ignore}, len(ids))}
	for _, p := range parts {
		copy(s.Labels[p[0]:p[1]], ids[p[0]:p[1]])
	}
	return s
}

// dialogs are examples as chats make them: turns that are learned between turns that
// are not, also in what candidates share, and a tail that is not learned.
func dialogs() []data.Example {
	rng := rand.New(rand.NewPCG(9, 0))
	shared := draw(rng, 9)
	of := func(own int) []int64 { return slices.Concat(shared, draw(rng, own)) }
	return []data.Example{
		{Sequences: []data.Sequence{
			spans(of(8), [2]int{2, 4}, [2]int{11, 13}, [2]int{15, 16}),
			spans(of(6), [2]int{10, 14}),
			spans(of(7), [2]int{3, 5}, [2]int{8, 10}, [2]int{15, 16}),
		}},
		{Sequences: []data.Sequence{spans(draw(rng, 12), [2]int{0, 1}, [2]int{4, 6}, [2]int{9, 10})}},
	}
}

// learnedLogps are the log-probabilities of each sequence's learned tokens, in their
// order, as the sequence gives them by itself.
func learnedLogps(m *model.Model, s data.Sequence) (all []float64) {
	tensor.Scoped(func() {
		logps := m.Head().Logits(alone(m, s.IDs)).LogSoftmax(1)
		flat, width := logps.Floats(), int(logps.Size(1))
		for t := 1; t < len(s.IDs); t++ {
			if s.Labels[t] != data.Ignore {
				all = append(all, flat[(t-1)*width+int(s.IDs[t])])
			}
		}
	})
	return all
}

// requireInOrder compares an input [B, K, T] with what each sequence should have.
func requireInOrder(t *testing.T, o *objective.Objective, m *model.Model, examples []data.Example, name string, of *model.Model) {
	t.Helper()
	for _, share := range []bool{false, true} {
		b := data.Pack(examples, share)
		require.Equal(t, share, len(b.IDs) < b.Tokens)
		var got []float64
		tensor.Scoped(func() { got = o.InputOf(m, &b, name).Floats() })
		for i, e := range examples {
			for k, s := range e.Sequences {
				row := got[(i*b.K+k)*b.T:][:b.T]
				want := learnedLogps(of, s)
				require.Len(t, want, s.LabelCount())
				require.InDeltaSlice(t, slices.Concat(want, make([]float64, b.T-len(want))), row, 1e-6, "%s of sequence %d of example %d", name, k, i)
				mask := b.LabelMask[(i*b.K+k)*b.T:][:b.T]
				require.Equal(t, slices.Concat(slices.Repeat([]bool{true}, len(want)), make([]bool, b.T-len(want))), mask)
			}
		}
	}
}

// Losses get a row's learned tokens in their order, also where they are several
// spans: from the model, from the reference, and from what was computed before.
func TestLossesGetTheLearnedTokensOfSeveralSpans(t *testing.T) {
	m, ref := newModel(t, "llama", tensor.Float64), newModel(t, "qwen2", tensor.Float64)
	examples := dialogs()
	o := objective.New(summing(t, "ref.logps", `["B","K","T"]`, ""), tensor.CPU, tensor.Float64)
	o.Reference.Model = ref
	requireInOrder(t, o, m, examples, "policy.logps", m)
	requireInOrder(t, o, m, examples, "ref.logps", ref)

	logps, err := objective.RefCache{Model: ref, Device: tensor.CPU, Size: 2, Share: true}.RefLogps(context.Background(), data.InMemory(examples))
	require.NoError(t, err)
	require.Empty(t, objective.SetRefLogps(examples, logps))
	o.Reference.Model = m // which is not asked
	requireInOrder(t, o, m, examples, "ref.logps", ref)
}

// An answer that stands behind another prompt keeps its labels: what is between
// the spans does not become one.
func TestMismatchedSpans(t *testing.T) {
	examples := dialogs()
	first, last := examples[0].Sequences[1], examples[1].Sequences[0]
	got := data.Mismatch(examples, 64, data.Left)
	require.Equal(t, slices.Concat(first.IDs[:10], last.IDs), got[0].Sequences[1].IDs)
	require.Equal(t, slices.Concat(slices.Repeat([]int64{data.Ignore}, 10), last.Labels), got[0].Sequences[1].Labels)
}
