package tensor_test

import (
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func TestEveryWayToReadIsCounted(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Scalar(tensor.CPU, 2.5)
		for name, read := range map[string]func(){
			"Item":   func() { require.Equal(t, 2.5, x.Item()) },
			"Floats": func() { require.Equal(t, []float64{2.5}, x.Floats()) },
			"Slice":  func() { require.Equal(t, []float64{2.5}, tensor.Slice[float64](x)) },
			"Bytes":  func() { require.Len(t, x.Bytes(), 8) },
		} {
			before := tensor.ReadBacks()
			read()
			require.Equal(t, before+1, tensor.ReadBacks(), name)
		}
		before := tensor.ReadBacks()
		require.Equal(t, 2.5, x.HostItem())
		require.Equal(t, before, tensor.ReadBacks(), "what was made on the CPU has not to be read back")
	})
}

func TestScalars(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Scalar(tensor.CPU, float32(0.1)).RequireGrad()
		joined := tensor.Scalars(x, tensor.Scalar(tensor.CPU, int64(2)), tensor.Scalar(tensor.CPU, 0.1))
		require.Equal(t, []float64{float64(float32(0.1)), 2, 0.1}, tensor.Slice[float64](joined))
		require.False(t, joined.RequiresGrad())
	})
}
