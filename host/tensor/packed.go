package tensor

import (
	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// Segments says how the tokens of a pack attend to each other.
type Segments struct{ list []shim.Segment }

// Add appends the run of tokens [start, start+length). Its tokens see those
// before them in the run, and all of the segment prefix before that; -1 for none.
// Segments are added in the order of their tokens, without gaps.
func (s *Segments) Add(start, length, prefix int) {
	s.list = append(s.list, shim.NewSegment(start, length, prefix))
}

// Attention is causal softmax attention inside each row of a pack: q [tokens,
// heads, head_dim] over k, v [tokens, kv_heads, head_dim]; query head h reads
// key/value head h / (heads/kv_heads). With window > 0 a token sees itself and
// the window-1 tokens before it. The result has q's shape.
func Attention(q, k, v Tensor, segments Segments, window int, scale float64) Tensor {
	out := shim.Attention(q.ptr(), k.ptr(), v.ptr(), segments.list, window, scale)
	checkShim("attention", q, k, v)
	return adopt(lib.Ctensor(out))
}

// Rotate turns the pairs (x_i, x_{i+dim/2}) of x [tokens, heads, dim] by an
// angle each, given by cos and sin [tokens, 1, dim/2] in x's type.
func (t Tensor) Rotate(cos, sin Tensor) Tensor {
	out := shim.Rotate(t.ptr(), cos.ptr(), sin.ptr())
	checkShim("rotate", t, cos, sin)
	return adopt(lib.Ctensor(out))
}

// logitsChunk bounds the elements of logits that exist at one time: 32 MiB of float32.
const logitsChunk = 8 << 20

// TokenLogps returns log softmax(hidden Wᵀ)[target], a number a row of hidden
// [M, hidden], for weight [vocab, hidden] and target [M] int64. The logits are
// made a chunk of rows at a time, and once more for the gradient; the softmax is
// in float32 (float64 for float64 weights).
func TokenLogps(hidden, weight, target Tensor) Tensor {
	chunk := max(1, logitsChunk/int(weight.Size(0)))
	out := shim.TokenLogps(hidden.ptr(), weight.ptr(), target.ptr(), chunk)
	checkShim("token_logps", hidden, weight, target)
	return adopt(lib.Ctensor(out))
}
