package tensor_test

import (
	"math"
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func TestRoundTrip(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
		require.Equal(t, []int64{2, 3}, x.Shape())
		require.Equal(t, tensor.Float32, x.DType())
		require.Equal(t, []float32{1, 4, 2, 5, 3, 6}, tensor.Slice[float32](x.Transpose(0, 1)))
		require.Equal(t, 21.0, x.Sum().Item())
		require.Equal(t, []bool{false, true}, tensor.Slice[bool](tensor.Of(tensor.CPU, []int64{1, 2}).GtScalar(1)))
		require.Equal(t, "float32[2 3] on cpu", x.String())
	})
}

func TestEmptyTensorsAreHarmless(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float32{}, 0, 4)
		require.Equal(t, []int64{0, 4}, x.Shape())
		require.Empty(t, tensor.Slice[float32](x))
		require.Zero(t, x.Sum().Item())
		require.Equal(t, 7.0, tensor.Scalar(tensor.CPU, float32(7)).Item())
	})
}

func TestWeightsAreAligned(t *testing.T) {
	raw := make([]byte, 4*33+1)
	tensor.Scoped(func() {
		for n := int64(1); n <= 33; n++ {
			x := tensor.FromBytes(tensor.CPU, tensor.Float32, raw[1:1+4*n], n)
			require.Zero(t, x.Address()%64, "a tensor of %d floats lies at %#x", n, x.Address())
		}
	})
}

func TestErrorsNameOpAndShapes(t *testing.T) {
	multiply := func() (err error) {
		defer tensor.Catch(&err)
		tensor.Scoped(func() {
			tensor.Zeros(tensor.CPU, tensor.Float32, 2, 3).Matmul(tensor.Zeros(tensor.CPU, tensor.Float32, 2, 3))
		})
		return nil
	}
	before := tensor.Live()
	err := multiply()
	var failed *tensor.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "matmul", failed.Op)
	require.Equal(t, [][]int64{{2, 3}, {2, 3}}, failed.Shapes)
	require.Contains(t, err.Error(), "tensor op matmul over shapes [2 3], [2 3]: mat1 and mat2 shapes cannot be multiplied")
	require.NotContains(t, err.Error(), "\n")
	require.Equal(t, before, tensor.Live(), "a failed op left tensors behind")
}

func TestCatchLetsOtherPanicsPass(t *testing.T) {
	require.PanicsWithValue(t, "else", func() {
		var err error
		defer tensor.Catch(&err)
		panic("else")
	})
}

func TestScopesFreeKeepAndOwn(t *testing.T) {
	before := tensor.Live()
	var kept, owned tensor.Tensor
	tensor.Scoped(func() {
		tensor.Scoped(func() {
			kept = tensor.Scalar(tensor.CPU, float32(1)).Keep()
			owned = tensor.Scalar(tensor.CPU, float32(2)).Own()
			tensor.Zeros(tensor.CPU, tensor.Float32, 8)
		})
		require.Equal(t, before+2, tensor.Live())
		require.Equal(t, 1.0, kept.Item())
	})
	require.Equal(t, before+1, tensor.Live())
	require.Equal(t, 2.0, owned.Item())
	owned.Free()
	require.Equal(t, before, tensor.Live())
}

func TestGradients(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float64{1, 2, 3}).RequireGrad()
		require.False(t, x.Grad().Defined())
		x.Square().Sum().Backward()
		require.Equal(t, []float64{2, 4, 6}, x.Grad().Floats())
		params := tensor.NewList([]tensor.Tensor{x})
		norm := params.GradNorm()
		require.InDelta(t, math.Sqrt(56), norm.Item(), 1e-12)
		params.ClipGrad(norm, math.Sqrt(56)+1e-5)
		require.Equal(t, []float64{2, 4, 6}, x.Grad().Floats(), "within the bound")
		params.ClipGrad(norm, math.Sqrt(56)/2)
		require.InDeltaSlice(t, []float64{1, 2, 3}, x.Grad().Floats(), 1e-6)
		params.ZeroGrad()
		require.False(t, x.Grad().Defined())
		tensor.NoGrad(func() {
			err := func() (err error) { defer tensor.Catch(&err); x.Sum().Backward(); return nil }()
			require.ErrorContains(t, err, "tensor op backward")
		})
	})
}

// A training loop must not grow: neither handles nor resident memory.
func TestNoLeakOverManySteps(t *testing.T) {
	step := func() {
		tensor.Scoped(func() {
			x := tensor.Full(tensor.CPU, tensor.Float32, 0.5, 32, 32).RequireGrad()
			y := x.Matmul(x).Relu().AddScalar(1).Log().Sum()
			y.Backward()
			x.Grad().Sum().Item()
		})
	}
	for range 1000 {
		step()
	}
	live, resident := tensor.Live(), tensor.Resident()
	for range 10_000 {
		step()
	}
	require.Equal(t, live, tensor.Live())
	if resident == 0 {
		t.Skip("handles do not grow; this system does not tell the memory of a process")
	}
	require.Less(t, tensor.Resident()-resident, int64(4<<20), "resident memory grew over 10,000 steps")
}

func TestOpenDevice(t *testing.T) {
	d, err := tensor.OpenDevice("cpu")
	require.NoError(t, err)
	require.Equal(t, tensor.CPU, d)
	for _, bad := range []string{"gpu", "cuda:", "cuda:x", "cuda:-1", ""} {
		_, err := tensor.OpenDevice(bad)
		require.EqualError(t, err, `device is "`+bad+`"; want "auto", "cpu" or "cuda:0"`)
	}
	auto, err := tensor.OpenDevice("auto")
	require.NoError(t, err)
	if auto != tensor.CPU {
		t.Skip("this machine has a CUDA device; the sentence for its absence cannot be tried")
	}
	_, err = tensor.OpenDevice("cuda:0")
	require.ErrorContains(t, err, `device "cuda:0": `)
	require.ErrorContains(t, err, `set device = "cpu"`)
}

func TestRNGStateComesBack(t *testing.T) {
	tensor.ManualSeed(7)
	state := tensor.RNGState()
	draw := func() (out []float32) {
		tensor.Scoped(func() { out = tensor.Slice[float32](tensor.Randn(tensor.CPU, tensor.Float32, 1, 5)) })
		return out
	}
	first := draw()
	require.NotEqual(t, first, draw())
	tensor.SetRNGState(state)
	require.Equal(t, first, draw())
}
