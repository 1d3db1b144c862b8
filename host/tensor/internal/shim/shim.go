// Package shim holds the C++ that llmhost adds to gotch's wrappers, and loads
// it. The C++ lies in cpp/, out of go build's sight: `make setup` compiles it,
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

// Load loads the library, and libtorch with it, unless that is done. The error
// says how to mend it. Without Load the first call of any function here or in
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

// TakeString takes over a string that gotch made with strdup.
func TakeString(p unsafe.Pointer) string {
	defer C.shim_free(p)
	return C.GoString((*C.char)(p))
}

func TorchVersion() string { return C.GoString(C.shim_torch_version()) }
func LoadCUDA() bool       { return C.shim_load_cuda() == 0 }
func CUDACount() int       { return int(C.shim_cuda_count()) }
func SetThreads(n int)     { C.shim_set_threads(C.int(n)) }
func Threads() int         { return int(C.shim_get_threads()) }
func GradEnabled() bool    { return C.shim_is_grad_enabled() != 0 }
func ManualSeed(s int64)   { C.shim_manual_seed(C.int64_t(s)) }
func Deterministic(b bool) { C.shim_deterministic(flag(b)) }

func SetGradEnabled(on bool) { C.shim_set_grad_enabled(flag(on)) }

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

func SetRNGState(state []byte) {
	C.shim_set_rng_state((*C.uint8_t)(unsafe.SliceData(state)), C.int64_t(len(state)))
}

func CopyFrom(dst Tensor, src unsafe.Pointer, bytes int64) {
	C.shim_copy_from(dst, src, C.int64_t(bytes))
}

func CopyTo(src Tensor, dst unsafe.Pointer, bytes int64) {
	C.shim_copy_to(src, dst, C.int64_t(bytes))
}

func Address(t Tensor) uintptr { return uintptr(C.shim_address(t)) }

func Backward(root, gradient Tensor) { C.shim_backward(root, gradient) }

func ZeroGrads(params []Tensor) { C.shim_zero_grads(unsafe.SliceData(params), C.int64_t(len(params))) }

func ScaleGrads(params []Tensor, factor float64) {
	C.shim_scale_grads(unsafe.SliceData(params), C.int64_t(len(params)), C.double(factor))
}

func GradNorm(params []Tensor) (norm float64) {
	C.shim_grad_norm(unsafe.SliceData(params), C.int64_t(len(params)), (*C.double)(&norm))
	return norm
}

// AdamWOptions are the scalars of one AdamW step.
type AdamWOptions struct {
	LR, Beta1, Beta2, Eps, WeightDecay float64
	Fused                              bool
}

func AdamW(params, expAvg, expAvgSq, steps []Tensor, o AdamWOptions) {
	C.shim_adamw(unsafe.SliceData(params), unsafe.SliceData(expAvg), unsafe.SliceData(expAvgSq), unsafe.SliceData(steps),
		C.int64_t(len(params)), C.shim_adamw_options{lr: C.double(o.LR), beta1: C.double(o.Beta1), beta2: C.double(o.Beta2),
			eps: C.double(o.Eps), weight_decay: C.double(o.WeightDecay), fused: flag(o.Fused)})
}

func RMSNorm(x, weight Tensor, eps float64) Tensor {
	return C.shim_rms_norm(x, weight, C.double(eps))
}

func Rotate(x, cos, sin Tensor) Tensor { return C.shim_rotate(x, cos, sin) }

// NewSegment makes a Segment.
func NewSegment(start, length, prefix int) Segment {
	return Segment{start: C.int64_t(start), len: C.int64_t(length), prefix: C.int64_t(prefix)}
}

// AttentionOptions say how the tokens of a segment attend; see shim.h.
type AttentionOptions struct {
	Scale         float64
	Window        int
	Bidirectional bool
	Softcap       float64
	Dropout       float64
}

func Attention(q, k, v Tensor, segments []Segment, o AttentionOptions) Tensor {
	return C.shim_attention(q, k, v, unsafe.SliceData(segments), C.int64_t(len(segments)), C.shim_attention_options{
		scale: C.double(o.Scale), softcap: C.double(o.Softcap), dropout: C.double(o.Dropout),
		window: C.int64_t(o.Window), bidirectional: flag(o.Bidirectional)})
}

func TokenLogps(hidden, weight, target Tensor, chunk int, softcap float64) Tensor {
	return C.shim_token_logps(hidden, weight, target, C.int64_t(chunk), C.double(softcap))
}

func TokenKL(hidden, weight, refHidden, refWeight Tensor, forward bool, chunk int, softcap float64) Tensor {
	return C.shim_token_kl(hidden, weight, refHidden, refWeight, flag(forward), C.int64_t(chunk), C.double(softcap))
}

func NF4Quantize(weight Tensor) (codes, scales Tensor) {
	C.shim_nf4_quantize(weight, &codes, &scales)
	return codes, scales
}

func NF4Dequantize(codes, scales Tensor, rows, cols int64) Tensor {
	return C.shim_nf4_dequantize(codes, scales, C.int64_t(rows), C.int64_t(cols))
}

func NF4Linear(x, codes, scales, bias Tensor, rows, cols int64) Tensor {
	return C.shim_nf4_linear(x, codes, scales, bias, C.int64_t(rows), C.int64_t(cols))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
