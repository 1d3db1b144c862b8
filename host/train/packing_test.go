package train_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// awkward is examples in which sequences share in every possible way: a common
// prompt, a longer common beginning of two of them, a sequence that is the
// beginning of others, one that was cut on the left, and a single one.
func awkward() []data.Example {
	rng := rand.New(rand.NewPCG(7, 0))
	first := ranked(rng, 1, 6, 3, 5, 2, 4)
	first.Sequences[1] = sequence(first.Sequences[0].IDs[:6], slices.Concat(first.Sequences[0].IDs[6:8], draw(rng, 4)))
	second := ranked(rng, 2, 5, 3, 4, 3)
	second.Sequences[0] = sequence(second.Sequences[1].IDs[:3], second.Sequences[1].IDs[3:7])
	second.Sequences[2] = data.Sequence{IDs: second.Sequences[2].IDs[2:], Labels: second.Sequences[2].Labels[2:], Truncated: true}
	return []data.Example{first, second, ranked(rng, 3, 4, 6)}
}

// requireLaidOut checks that the examples test what they are meant to.
func requireLaidOut(t *testing.T, shared data.Batch) {
	t.Helper()
	require.Less(t, len(shared.IDs), shared.Tokens, "tokens are shared")
	with, without := 0, 0
	for _, s := range shared.Segments {
		if s.Prefix >= 0 {
			with++
		} else {
			without++
		}
	}
	require.Greater(t, with, 2, "segments with a prefix")
	require.Greater(t, without, 2, "segments without one")
}

// Every sequence of a packed batch has the hidden states that it has alone.
func TestPackedIsOneRowAtATime(t *testing.T) {
	for _, family := range families {
		for _, dtype := range precisions {
			t.Run(family+"/"+dtype.String(), func(t *testing.T) {
				m := newModel(t, family, dtype)
				for _, share := range []bool{false, true} {
					require.Less(t, apart(m, share, func(*data.Batch) {}), limitOf(dtype), "shared prefixes: %v", share)
				}
			})
		}
	}
}

// The comparison above detects mistakes in a pack.
func TestPackedAgainstOneRowAtATimeNoticesMistakes(t *testing.T) {
	for _, family := range families {
		m := newModel(t, family, tensor.Float32)
		for _, broken := range mistakes {
			t.Run(family+"/"+broken.name, func(t *testing.T) {
				require.Greater(t, apart(m, broken.share, broken.spoil), noticed)
			})
		}
	}
}

// mistakes are batches that a wrong packer might make.
var mistakes = []struct {
	name  string
	share bool
	spoil func(*data.Batch)
}{
	// Without sharing this is none: rotary positions are relative.
	{"positions_run_on_across_rows", true, func(b *data.Batch) {
		for i := range b.Positions {
			b.Positions[i] = int64(i)
		}
	}},
	{"positions_restart_after_the_prefix", true, func(b *data.Batch) {
		for _, s := range b.Segments {
			for i := range s.Len {
				b.Positions[s.Start+i] = int64(i)
			}
		}
	}},
	{"a_row_sees_the_row_before", false, func(b *data.Batch) { b.Segments[1].Prefix = 0 }},
	{"rows_are_one_long_row", false, func(b *data.Batch) {
		b.Segments = []data.Segment{{Len: len(b.IDs), Prefix: -1}}
	}},
	{"a_suffix_does_not_see_its_prefix", true, func(b *data.Batch) {
		for i := range b.Segments {
			b.Segments[i].Prefix = -1
		}
	}},
	{"a_suffix_sees_another_prefix", true, func(b *data.Batch) {
		other := len(b.Segments) - 1 // the sequence that is alone
		b.Segments[1].Prefix = other
	}},
}

// apart is how far the hidden states of a batch, which spoil may have changed,
// are from those of its sequences alone, relative to their norm.
func apart(m *model.Model, share bool, spoil func(*data.Batch)) float64 {
	b := data.Pack(awkward(), share)
	tokens := sequenceTokens(b)
	spoil(&b)
	packed := states(m, b)
	gap, total := 0.0, 0.0
	for i, alone := range oneByOne(awkward()) {
		for t, want := range states(m, alone) {
			for j, v := range want {
				d := v - packed[tokens[i][t]][j]
				gap, total = gap+d*d, total+v*v
			}
		}
	}
	return math.Sqrt(gap / total)
}

// oneByOne packs each sequence as a batch of its own.
func oneByOne(examples []data.Example) []data.Batch {
	var all []data.Batch
	for _, e := range examples {
		for _, r := range e.Sequences {
			all = append(all, data.Pack([]data.Example{{Sequences: []data.Sequence{r}}}, false))
		}
	}
	return all
}

// sequenceTokens lists where in the pack the tokens of every sequence are.
func sequenceTokens(b data.Batch) [][]int64 {
	var all [][]int64
	for r, real := range b.Real {
		if real {
			all = append(all, b.SequenceTokens(r))
		}
	}
	return all
}

// states runs the model over a batch: [tokens][hidden].
func states(m *model.Model, b data.Batch) [][]float64 {
	var out [][]float64
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
			width := int(hidden.Size(1))
			out = slices.Collect(slices.Chunk(hidden.Floats(), width))
		})
	})
	return out
}

// Sharing a prefix changes neither the loss nor any gradient.
func TestSharedPrefixIsNotShared(t *testing.T) {
	eachLoss(t, func(t *testing.T, m *model.Model, p *program.Program, limit float64) {
		shared := data.Pack(awkward(), true)
		requireLaidOut(t, shared)
		require.Less(t, distance(run(m, p, data.Pack(awkward(), false)), run(m, p, shared)), limit)
	})
}

// The comparison above detects mistakes in a pack, or in its labels.
func TestSharedPrefixAgainstNotSharedNoticesMistakes(t *testing.T) {
	eachLoss(t, func(t *testing.T, m *model.Model, p *program.Program, _ float64) {
		want := run(m, p, data.Pack(awkward(), false))
		for _, broken := range mistakes {
			b := data.Pack(awkward(), broken.share)
			broken.spoil(&b)
			require.Greater(t, distance(want, run(m, p, b)), noticed, broken.name)
		}
		late := data.Pack(awkward(), true)
		for i := range late.Source {
			late.Source[i] = min(late.Source[i]+1, int64(len(late.IDs)-1))
		}
		require.Greater(t, distance(want, run(m, p, late)), noticed, "a label is predicted from itself")
	})
}

// eachLoss calls f for every family, type and loss.
func eachLoss(t *testing.T, f func(t *testing.T, m *model.Model, p *program.Program, limit float64)) {
	for _, name := range []string{"sft", "rrhf"} {
		p := loss(t, name, nil)
		for _, family := range families {
			for _, dtype := range precisions {
				t.Run(name+"/"+family+"/"+dtype.String(), func(t *testing.T) { f(t, newModel(t, family, dtype), p, limitOf(dtype)) })
			}
		}
	}
}
