package nn_test

import (
	"math"
	"testing"

	"llmhost/host/nn"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// speeds are of two pairs of channels, in radians a position.
var speeds = []float64{1, 0.125}

// turned is one head [4] at a position, rotated in plain Go: channel i pairs
// with channel i+2.
func turned(x []float64, position int64) []float64 {
	out := make([]float64, 4)
	for i, speed := range speeds {
		sin, cos := math.Sincos(speed * float64(position))
		out[i], out[i+2] = x[i]*cos-x[i+2]*sin, x[i+2]*cos+x[i]*sin
	}
	return out
}

func TestRopeTurnsPairs(t *testing.T) {
	table := nn.NewRopeTable(tensor.CPU, speeds, 1)
	defer table.Free()
	tensor.Scoped(func() {
		positions := []int64{0, 1, 7, 3}
		rope := table.At(tensor.Of(tensor.CPU, positions), 8)
		x := tensor.Randn(tensor.CPU, tensor.Float64, 1, 4, 2, 4) // [tokens, heads, head_dim]
		y, flat := rope.Apply(x).Floats(), x.Floats()
		for i := 0; i < len(flat); i += 4 {
			require.InDeltaSlice(t, turned(flat[i:i+4], positions[i/8]), y[i:i+4], 1e-6)
		}
		require.Equal(t, tensor.BFloat16, rope.Apply(x.To(tensor.BFloat16)).DType())
	})
}

// A table that grows gives the same angles as before, and those beyond.
func TestRopeTableGrows(t *testing.T) {
	live := tensor.Live()
	table := nn.NewRopeTable(tensor.CPU, speeds, 1)
	at := func(limit int64, positions ...int64) (angles []float64) {
		tensor.Scoped(func() {
			ones := tensor.Full(tensor.CPU, tensor.Float64, 1, int64(len(positions)), 1, 4)
			angles = table.At(tensor.Of(tensor.CPU, positions), limit).Apply(ones).Floats()
		})
		return angles
	}
	first := at(6, 0, 5)
	require.Equal(t, live+2, tensor.Live(), "a table is two tensors")
	for _, limit := range []int64{128, 129, 1000, 5000, 6} {
		far := at(limit, 0, 5, limit-1)
		require.Equal(t, first, far[:8], "up to %d", limit)
		require.InDeltaSlice(t, turned([]float64{1, 1, 1, 1}, limit-1), far[8:], 1e-6, "position %d", limit-1)
		require.Equal(t, live+2, tensor.Live())
	}
	table.Free()
	table.Free()
	require.Equal(t, live, tensor.Live())
	require.Equal(t, first, at(6, 0, 5), "a freed table is rebuilt")
	table.Free()
}
