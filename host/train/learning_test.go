package train_test

import (
	"math/rand/v2"
	"testing"

	"llmhost/host/data"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// counting is sequences that count up from somewhere: a rule to learn.
func counting(rng *rand.Rand, n int) []data.Group {
	var groups []data.Group
	for i := range n {
		first := rng.Int64N(vocab)
		ids := make([]int64, 8)
		for j := range ids {
			ids[j] = (first + int64(j)) % vocab
		}
		groups = append(groups, data.Group{Rows: []data.Sequence{row(ids[:2], ids[2:])}, Source: data.Position{File: "counting", Line: i + 1}})
	}
	return groups
}

// contested is prompts with one answer that counts on, scored high, and two that do not.
func contested(rng *rand.Rand, n int) []data.Group {
	groups := counting(rng, n)
	for i, g := range groups {
		prompt := g.Rows[0].IDs[:2]
		groups[i].Rows = append(g.Rows, row(prompt, draw(rng, 6)), row(prompt, draw(rng, 6)))
		groups[i].Columns = map[string][]float64{"score": {1, 0, 0}}
	}
	return groups
}

// train50 makes 50 steps over random examples and returns the losses.
func train50(t *testing.T, trainer *train.Trainer, groups []data.Group) []float64 {
	t.Helper()
	order := data.NewOrder(len(groups), 1, true)
	var losses []float64
	for range 50 {
		var batch []data.Group
		for _, i := range order.Next(16) {
			batch = append(batch, groups[i])
		}
		report, err := trainer.Step([][]data.Group{batch})
		require.NoError(t, err)
		losses = append(losses, report.Loss)
	}
	return losses
}

func TestTwoLayersLearnInFiftySteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	learn, held := counting(rng, 64), counting(rng, 16)
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			trainer := newTrainer(t, newModel(t, family, tensor.Float32), loss(t, "sft", nil), 0.02, train.Options{MaxGradNorm: 1})
			before, err := trainer.Evaluate([][]data.Group{held})
			require.NoError(t, err)
			losses := train50(t, trainer, learn)
			after, err := trainer.Evaluate([][]data.Group{held})
			require.NoError(t, err)
			require.Greater(t, before.Loss(), 3.0, "nats a token, before")
			require.Less(t, after.Loss(), 0.3, "nats a token, after")
			require.Less(t, losses[len(losses)-1], losses[0]/5)
		})
	}
}

func TestTwoLayersLearnToRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 0))
	learn, held := contested(rng, 64), contested(rng, 16)
	trainer := newTrainer(t, newModel(t, "llama", tensor.Float32), loss(t, "rrhf", nil), 0.02, train.Options{MaxGradNorm: 1, SharePrefix: true})
	accuracy := func() (value float64) {
		e, err := trainer.Evaluate([][]data.Group{held})
		require.NoError(t, err)
		e.Values(func(name string, v float64) {
			if name == "rank_accuracy" {
				value = v
			}
		})
		return value
	}
	require.Less(t, accuracy(), 0.8)
	train50(t, trainer, learn)
	require.Greater(t, accuracy(), 0.95)
}

// The same run twice gives the same losses, bit for bit.
func TestRunsRepeat(t *testing.T) {
	groups := contested(rand.New(rand.NewPCG(13, 0)), 32)
	run := func() []float64 {
		trainer := newTrainer(t, newModel(t, "qwen2", tensor.Float32), loss(t, "rrhf", nil), 0.02, train.Options{MaxGradNorm: 1, SharePrefix: true})
		return train50(t, trainer, groups)
	}
	require.Equal(t, run(), run())
}
