// Package shim holds the C++ that llmhost adds to gotch's wrappers, and loads
// it. The C++ lies in cpp/, where go build does not look: `make setup` compiles it,
// with gotch's, into libllmhost_torch.so, and writes the files zz_*, through
// which the functions of shim.h are called there. The first call loads the
// library and libtorch; a program that makes none never does.
package shim

// #cgo LDFLAGS: -ldl
// #include "shim.h"
// #include "zz_calls.h"
// const char *llmhost_torch_problem(void);
import "C"

import (
	"errors"
	"unsafe"
)

// Load loads the library, and libtorch with it, unless they are loaded. The error
// says what to do about it. Without Load the first call of any function here or in
// gotch loads, and ends the program with that sentence where it cannot.
func Load() error {
	if problem := C.llmhost_torch_problem(); problem != nil {
		return errors.New(C.GoString(problem))
	}
	return nil
}

// Tensor is gotch's handle: a pointer to a torch::Tensor.
type Tensor = unsafe.Pointer

// Segment is one run of packed tokens; see shim.h.
type Segment = C.shim_segment

// TakeError returns the pending error of this thread, "" when there is none.
func TakeError() string {
	p := C.shim_take_error()
	if p == nil {
		return ""
	}
	defer C.shim_free(unsafe.Pointer(p))
	return C.GoString(p)
}

// TakeString frees a string that gotch made with strdup, and returns it.
func TakeString(p unsafe.Pointer) string {
	defer C.shim_free(p)
	return C.GoString((*C.char)(p))
}

// TorchVersion is the version of the libtorch that the library was made with.
func TorchVersion() string { return C.GoString(C.shim_torch_version()) }

// LoadCUDA loads libtorch's CUDA half and says whether it is loaded; if not, the
// cause is pending.
func LoadCUDA() bool { return C.shim_load_cuda() == 0 }

// CUDACount returns how many CUDA devices there are, 0 before LoadCUDA.
func CUDACount() int { return int(C.shim_cuda_count()) }

// SetThreads sets how many threads one operation may use, at least 1.
func SetThreads(n int) { C.shim_set_threads(C.int(n)) }

// Threads returns how many threads one operation may use.
func Threads() int { return int(C.shim_get_threads()) }

// GradEnabled says whether this thread records operations for differentiation.
func GradEnabled() bool { return C.shim_is_grad_enabled() != 0 }

// SetGradEnabled makes this thread record operations for differentiation, or not.
func SetGradEnabled(on bool) { C.shim_set_grad_enabled(flag(on)) }

// ManualSeed seeds the generators of all devices.
func ManualSeed(s int64) { C.shim_manual_seed(C.int64_t(s)) }

// Deterministic makes libtorch refuse kernels whose results can differ from run
// to run.
func Deterministic(b bool) { C.shim_deterministic(flag(b)) }

// CUDAMemory returns the bytes allocated now and at the peak.
func CUDAMemory(device int) (now, peak int64) {
	C.shim_cuda_memory(C.int(device), (*C.int64_t)(&now), (*C.int64_t)(&peak))
	return now, peak
}

// RNGState returns the states of the CPU generator and of those of the CUDA devices.
func RNGState() []byte {
	state := make([]byte, 8192)
	n := C.shim_rng_state((*C.uint8_t)(&state[0]), C.int64_t(len(state)))
	if n < 0 || int(n) > len(state) {
		return nil
	}
	return state[:n]
}

// SetRNGState sets the states that RNGState returned, as far as there are devices
// for them.
func SetRNGState(state []byte) {
	C.shim_set_rng_state((*C.uint8_t)(unsafe.SliceData(state)), C.int64_t(len(state)))
}

// CopyFrom fills dst with bytes bytes at src; that has to be dst's size.
func CopyFrom(dst Tensor, src unsafe.Pointer, bytes int64) {
	C.shim_copy_from(dst, src, C.int64_t(bytes))
}

// CopyTo copies the elements of src, in row-major order, to bytes bytes at dst;
// that has to be src's size.
func CopyTo(src Tensor, dst unsafe.Pointer, bytes int64) {
	C.shim_copy_to(src, dst, C.int64_t(bytes))
}

// Address is where the first element of t is in memory.
func Address(t Tensor) uintptr { return uintptr(C.shim_address(t)) }

// Backward differentiates root; gradient is that of the loss with respect to it,
// or nil where root is the loss.
func Backward(root, gradient Tensor) { C.shim_backward(root, gradient) }

// ZeroGrads removes the gradients of params.
func ZeroGrads(params []Tensor) { C.shim_zero_grads(unsafe.SliceData(params), C.int64_t(len(params))) }

// GradNorm returns the L2 norm of the gradients of params, summed in float64: a
// float64 scalar on their device.
func GradNorm(params []Tensor) Tensor {
	return C.shim_grad_norm(unsafe.SliceData(params), C.int64_t(len(params)))
}

// ClipGrads scales the gradients of params by maxNorm / (norm + 1e-6) where that
// is below 1.
func ClipGrads(params []Tensor, norm Tensor, maxNorm float64) {
	C.shim_clip_grads(unsafe.SliceData(params), C.int64_t(len(params)), norm, C.double(maxNorm))
}

// Scalars lays scalars side by side, in float64, without their gradients.
func Scalars(scalars []Tensor) Tensor {
	return C.shim_scalars(unsafe.SliceData(scalars), C.int64_t(len(scalars)))
}

// AdamWOptions are the scalars of one AdamW step.
type AdamWOptions struct {
	LR, Beta1, Beta2, Eps, WeightDecay float64
	Fused                              bool
}

// AdamW makes one AdamW step on those of params that have a gradient, and adds 1
// to their steps. All lists have the length of params. skip is a float32 scalar on
// their device: where it is 1, nothing changes but the gradients.
func AdamW(params, expAvg, expAvgSq, steps []Tensor, skip Tensor, o AdamWOptions) {
	C.shim_adamw(unsafe.SliceData(params), unsafe.SliceData(expAvg), unsafe.SliceData(expAvgSq), unsafe.SliceData(steps),
		C.int64_t(len(params)), skip, C.shim_adamw_options{lr: C.double(o.LR), beta1: C.double(o.Beta1), beta2: C.double(o.Beta2),
			eps: C.double(o.Eps), weight_decay: C.double(o.WeightDecay), fused: flag(o.Fused)})
}

// RMSNorm is x / sqrt(mean(x²) + eps) * weight over the last axis.
func RMSNorm(x, weight Tensor, eps float64) Tensor {
	return C.shim_rms_norm(x, weight, C.double(eps))
}

// Rotate turns the pairs of channels of x by angles; see Tensor.Rotate.
func Rotate(x, cos, sin Tensor) Tensor { return C.shim_rotate(x, cos, sin) }

// NewSegment makes a Segment.
func NewSegment(start, length, prefix int) Segment {
	return Segment{
		start:  C.int64_t(start),
		len:    C.int64_t(length),
		prefix: C.int64_t(prefix),
	}
}

// AttentionOptions say how the tokens of a segment attend; see shim.h.
type AttentionOptions struct {
	Scale         float64
	Window        int
	Bidirectional bool
	Softcap       float64
	Dropout       float64
}

// Attention is attention inside each segment of a pack; q is [tokens, heads,
// head_dim], k and v are [tokens, kv_heads, head_dim].
func Attention(q, k, v Tensor, segments []Segment, o AttentionOptions) Tensor {
	return C.shim_attention(q, k, v, unsafe.SliceData(segments), C.int64_t(len(segments)), C.shim_attention_options{
		scale: C.double(o.Scale), softcap: C.double(o.Softcap), dropout: C.double(o.Dropout),
		window: C.int64_t(o.Window), bidirectional: flag(o.Bidirectional)})
}

// TokenLogps is the log-probability of each target [M] under the logits of hidden
// [M, hidden] with weight [vocab, hidden], made for chunk rows at a time; with means
// [2, M], whose second row has the means over the vocabulary.
func TokenLogps(hidden, weight, target Tensor, means bool, chunk int, softcap float64) Tensor {
	return C.shim_token_logps(hidden, weight, target, flag(means), C.int64_t(chunk), C.double(softcap))
}

// TokenKL is the divergence of two distributions of the next token at each of M
// positions, made for chunk rows at a time; see tensor.TokenKL.
func TokenKL(hidden, weight, refHidden, refWeight Tensor, forward bool, chunk int, softcap float64) Tensor {
	return C.shim_token_kl(hidden, weight, refHidden, refWeight, flag(forward), C.int64_t(chunk), C.double(softcap))
}

// SVD takes a matrix apart into U diag(S) Vh, with min(rows, columns) singular values.
func SVD(a Tensor) (u, s, vh Tensor) {
	C.shim_svd(a, &u, &s, &vh)
	return u, s, vh
}

// QR takes a matrix apart into Q R.
func QR(a Tensor) (q, r Tensor) {
	C.shim_qr(a, &q, &r)
	return q, r
}

// IndexReduceMax is the maximum of slices; see tensor.Tensor.IndexReduceMax.
func IndexReduceMax(t Tensor, axis int64, index, src Tensor) Tensor {
	return C.shim_index_reduce_max(t, C.int64_t(axis), index, src)
}

// NF4Quantize rounds a matrix to 4 bits: codes, two in a byte, and a float32 scale
// for each block of 64 elements.
func NF4Quantize(weight Tensor) (codes, scales Tensor) {
	C.shim_nf4_quantize(weight, &codes, &scales)
	return codes, scales
}

// NF4Dequantize is the float32 matrix [rows, cols] of codes and scales.
func NF4Dequantize(codes, scales Tensor, rows, cols int64) Tensor {
	return C.shim_nf4_dequantize(codes, scales, C.int64_t(rows), C.int64_t(cols))
}

// NF4Linear is x Wᵀ + bias for the matrix W [rows, cols] of codes and scales; bias
// may be undefined.
func NF4Linear(x, codes, scales, bias Tensor, rows, cols int64) Tensor {
	return C.shim_nf4_linear(x, codes, scales, bias, C.int64_t(rows), C.int64_t(cols))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
