package objective_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/nn"
	"llmhost/host/objective"
	"llmhost/host/tensor"
)

// Noise moves each element of a token's embedding by a uniform draw up to its bound
// over the root of hidden, as transformers' NEFTune does: its variance is a third
// of the bound's square, and no token shares another's bound.
func TestEmbeddingNoise(t *testing.T) {
	tensor.ManualSeed(3)
	tensor.Scoped(func() {
		const tokens, hidden = 40, 400
		embeddings := tensor.Randn(tensor.CPU, tensor.Float32, 1, 7, hidden)
		ids := make([]int64, tokens)
		most := make([]float32, tokens)
		for i := range ids {
			ids[i], most[i] = int64(i%7), float32(1+i%2)
		}
		pass := &nn.Pass{Pack: nn.Pack{IDs: tensor.Of(tensor.CPU, ids)}}
		plain := pass.Embed(embeddings)
		require.Equal(t, embeddings.Embedding(pass.IDs).Floats(), plain.Floats(), "without noise")
		pass.Noise = tensor.Of(tensor.CPU, most, tokens, 1)
		moved := pass.Embed(embeddings).Sub(plain).Floats()
		for i, m := range most {
			bound := float64(m) / math.Sqrt(hidden)
			largest, squares := 0.0, 0.0
			for _, d := range moved[i*hidden : (i+1)*hidden] {
				largest = max(largest, math.Abs(d))
				squares += d * d
			}
			require.LessOrEqual(t, largest, bound+1e-6, "token %d", i)
			require.Greater(t, largest, 0.95*bound, "token %d", i)
			require.InEpsilon(t, bound*bound/3, squares/hidden, 0.25, "token %d", i)
		}
	})
}

// A token's bound is alpha over the root of its own sequence's length, however many
// sequences are packed with it.
func TestNoiseOfPackedSequences(t *testing.T) {
	tensor.Scoped(func() {
		examples := []data.Example{
			{Sequences: []data.Sequence{{IDs: []int64{1, 2, 3, 4}, Labels: []int64{-100, 2, 3, 4}}}},
			{Sequences: []data.Sequence{{IDs: make([]int64, 9), Labels: make([]int64, 9)}}},
		}
		b := data.Pack(examples, false)
		got := objective.NoiseOf(tensor.CPU, &b, 6)
		require.Equal(t, []int64{13, 1}, got.Shape())
		require.Equal(t, []float64{3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2}, got.Floats())
	})
}
