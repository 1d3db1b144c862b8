package tensor

import (
	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// SVD takes a matrix [rows, cols] apart into u diag(s) vh: u [rows, k] and vh
// [k, cols] have orthonormal columns and rows, s [k] falls, and k is the smaller of
// rows and cols. The sign of each column of u goes with that of its row of vh. It panics unless t
// is of a float type that is no half, and finite.
func (t Tensor) SVD() (u, s, vh Tensor) {
	cu, cs, cvh := shim.SVD(t.ptr())
	checkShim("svd", t)
	return adopt(lib.Ctensor(cu)), adopt(lib.Ctensor(cs)), adopt(lib.Ctensor(cvh))
}

// QR takes a matrix [rows, cols] apart into q r: q [rows, k] has orthonormal columns,
// r [k, cols] is 0 below its diagonal, and k is the smaller of rows and cols. It panics unless t
// is of a float type that is no half.
func (t Tensor) QR() (q, r Tensor) {
	cq, cr := shim.QR(t.ptr())
	checkShim("qr", t)
	return adopt(lib.Ctensor(cq)), adopt(lib.Ctensor(cr))
}
