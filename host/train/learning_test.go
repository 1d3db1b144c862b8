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
func counting(rng *rand.Rand, n int) []data.Example {
	var examples []data.Example
	for i := range n {
		first := rng.Int64N(vocab)
		ids := make([]int64, 8)
		for j := range ids {
			ids[j] = (first + int64(j)) % vocab
		}
		examples = append(examples, data.Example{Sequences: []data.Sequence{sequence(ids[:2], ids[2:])}, Source: data.Position{File: "counting", Line: i + 1}})
	}
	return examples
}

// contested is prompts with one answer that counts on, scored high, and two that do not.
func contested(rng *rand.Rand, n int) []data.Example {
	examples := counting(rng, n)
	for i, e := range examples {
		prompt := e.Sequences[0].IDs[:2]
		examples[i].Sequences = append(e.Sequences, sequence(prompt, draw(rng, 6)), sequence(prompt, draw(rng, 6)))
		examples[i].Columns = map[string][]float64{"score": {1, 0, 0}}
	}
	return examples
}

// train50 makes 50 steps over random examples and returns the losses.
func train50(t *testing.T, trainer *train.Trainer, examples []data.Example) []float64 {
	t.Helper()
	batches := data.NewShuffled(data.InMemory(examples), nil, 1)
	var losses []float64
	for range 50 {
		batch, err := batches.Next(16)
		require.NoError(t, err)
		report, err := trainer.Step([][]data.Example{batch})
		require.NoError(t, err)
		losses = append(losses, report.Read().Loss)
	}
	return losses
}

func TestTwoLayersLearnInFiftySteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	learn, held := counting(rng, 64), counting(rng, 16)
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			trainer := newTrainer(t, newModel(t, family, tensor.Float32), loss(t, "sft", nil), 0.02, train.Options{MaxGradNorm: 1})
			before, err := trainer.Evaluate([][]data.Example{held}, nil)
			require.NoError(t, err)
			losses := train50(t, trainer, learn)
			after, err := trainer.Evaluate([][]data.Example{held}, nil)
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
		e, err := trainer.Evaluate([][]data.Example{held}, nil)
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
	examples := contested(rand.New(rand.NewPCG(13, 0)), 32)
	run := func() []float64 {
		trainer := newTrainer(t, newModel(t, "qwen2", tensor.Float32), loss(t, "rrhf", nil), 0.02, train.Options{MaxGradNorm: 1, SharePrefix: true})
		return train50(t, trainer, examples)
	}
	require.Equal(t, run(), run())
}
