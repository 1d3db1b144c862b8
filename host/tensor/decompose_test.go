package tensor_test

import (
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// The parts of a matrix multiply to it again; those that must be are orthonormal.
func TestDecompositions(t *testing.T) {
	for _, shape := range [][]int64{{5, 3}, {3, 5}, {4, 4}} {
		tensor.Scoped(func() {
			a := randn(shape...)
			u, s, vh := a.SVD()
			require.Equal(t, []int64{shape[0], min(shape[0], shape[1])}, u.Shape())
			require.InDeltaSlice(t, a.Floats(), u.Mul(s).Matmul(vh).Floats(), 1e-12, "svd of %v", shape)
			requireOrthonormal(t, u)
			requireOrthonormal(t, vh.Transpose(0, 1))
			for i, values := 1, s.Floats(); i < len(values); i++ {
				require.GreaterOrEqual(t, values[i-1], values[i])
			}
			q, r := a.QR()
			require.InDeltaSlice(t, a.Floats(), q.Matmul(r).Floats(), 1e-12, "qr of %v", shape)
			requireOrthonormal(t, q)
			require.Zero(t, r.Floats()[shape[1]], "below the diagonal")
		})
	}
	var err error
	func() {
		defer tensor.Catch(&err)
		tensor.Scoped(func() { tensor.Of(tensor.CPU, []float64{1}).SVD() })
	}()
	require.ErrorContains(t, err, "tensor op svd over shapes [1]")
}

func requireOrthonormal(t *testing.T, q tensor.Tensor) {
	t.Helper()
	products := q.Transpose(0, 1).Matmul(q).Floats()
	for i, v := range products {
		want := 0.0
		if i%(int(q.Size(1))+1) == 0 {
			want = 1
		}
		require.InDelta(t, want, v, 1e-12)
	}
}
