package train_test

import (
	"testing"

	"llmhost/host/data"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// However examples are grouped into micro-batches, a step over all of them has the
// gradient of the examples one by one: nothing in a pack sees what is beside it, and
// the denominators are those of the step.
func TestNoGroupingChangesAGradient(t *testing.T) {
	for _, c := range []struct {
		name, loss string
		lists      bool
		grouping   data.Grouping
		size       int
	}{
		{"packs", "sft", false, data.Grouping{Packing: data.PackBFD, Tokens: 20}, 2},
		{"blocks", "sft", false, data.Grouping{Packing: data.PackWrapped, Tokens: 11}, 2},
		{"tokens", "sft", false, data.Grouping{Tokens: 30}, 1},
		{"tokens of candidates", "rrhf", true, data.Grouping{Tokens: 40}, 1},
		{"tokens by length", "rrhf", true, data.Grouping{Tokens: 40, Sampling: data.GroupByLength}, 1},
		{"by length", "rrhf", true, data.Grouping{Sampling: data.GroupByLength, Together: 3}, 3},
		{"packs with others' answers", "kto", false, data.Grouping{Packing: data.PackBFD, Tokens: 20}, 2},
	} {
		for _, dtype := range precisions {
			t.Run(c.name+"/"+dtype.String(), func(t *testing.T) {
				examples := everything(c.lists)
				m, ref := newModel(t, "llama", dtype), newModel(t, "qwen2", dtype)
				step := func(micro [][]data.Example) pass {
					trainer := newTrainer(t, m, loss(t, c.loss, nil), 0, train.Options{SharePrefix: true, MaxLength: 64})
					trainer.Objective.Reference.Model = ref
					report, err := trainer.Step(micro)
					require.NoError(t, err)
					return pass{report.Read().Loss, gradientsOf(m)}
				}
				sizes, err := data.Sizes(data.InMemory(examples), true)
				require.NoError(t, err)
				batches := data.NewGrouped(data.InMemory(examples), nil, data.NewUnits(sizes, c.grouping, 3))
				micro, err := data.Step(batches, c.size, 1000)
				require.NoError(t, err)
				require.Equal(t, batches.PerEpoch(), batches.Cursor().Next, "a step over the whole epoch")
				require.Greater(t, len(micro), 1)
				var alone [][]data.Example
				most := 0
				for _, b := range micro {
					most = max(most, len(b))
					for _, e := range b {
						alone = append(alone, []data.Example{e})
					}
				}
				require.Greater(t, most, 1, "examples share micro-batches")
				want := step(alone)
				require.NotZero(t, want.loss)
				require.Less(t, distance(want, step(micro)), limitOf(dtype))
			})
		}
	}
}
