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

// AttentionOptions say how the tokens of a sequence attend to each other.
type AttentionOptions struct {
	Scale         float64 // of the products of queries and keys
	Window        int     // a token sees itself and the Window-1 tokens before it; 0 = all before it
	Bidirectional bool    // a token sees all of its sequence; segments have no prefix then, and there is no window
	Softcap       float64 // scores s become Softcap · tanh(s/Softcap); 0 = unchanged
	Dropout       float64 // share of the weights that are set to 0, the others scaled up; 0 = none
}

// Attention is softmax attention inside each sequence of a pack: q [tokens, heads,
// head_dim] over k, v [tokens, kv_heads, head_dim]; query head h reads key/value
// head h / (heads/kv_heads). The result has q's shape. All are of one float type. It
// panics where segments do not cover q, and for options that AttentionOptions excludes.
func Attention(q, k, v Tensor, segments Segments, o AttentionOptions) Tensor {
	out := shim.Attention(q.ptr(), k.ptr(), v.ptr(), segments.list, shim.AttentionOptions(o))
	checkShim("attention", q, k, v)
	return adopt(lib.Ctensor(out))
}

// Rotate turns the pairs (x_i, x_{i+n}), i < n, of x [tokens, heads, dim] by an
// angle each, given by cos and sin [tokens, 1, n] in x's type; channels from 2n
// on stay. It panics where 2n is more than dim.
func (t Tensor) Rotate(cos, sin Tensor) Tensor {
	out := shim.Rotate(t.ptr(), cos.ptr(), sin.ptr())
	checkShim("rotate", t, cos, sin)
	return adopt(lib.Ctensor(out))
}

// logitsChunk bounds the elements of logits that exist at one time: 32 MiB of float32.
const logitsChunk = 8 << 20

// TokenLogps returns log softmax(f(hidden Wᵀ))[target], a number a row of hidden
// [M, hidden], for weight [vocab, hidden] and target [M] int64; f(z) is softcap ·
// tanh(z/softcap), or z where softcap is 0. The logits are made a chunk of rows
// at a time, and once more for the gradient; the softmax is in float32 (float64
// for float64 weights). A target outside of the vocabulary panics.
func TokenLogps(hidden, weight, target Tensor, softcap float64) Tensor {
	return tokenLogps(hidden, weight, target, false, softcap)
}

// TokenLogpsAndMeans returns TokenLogps and, from the same logits, the mean over the
// vocabulary of the log-probabilities at each row of hidden.
func TokenLogpsAndMeans(hidden, weight, target Tensor, softcap float64) (logps, means Tensor) {
	both := tokenLogps(hidden, weight, target, true, softcap)
	return both.Narrow(0, 0, 1).Squeeze(0), both.Narrow(0, 1, 1).Squeeze(0)
}

func tokenLogps(hidden, weight, target Tensor, means bool, softcap float64) Tensor {
	chunk := max(1, logitsChunk/int(weight.Size(0)))
	out := shim.TokenLogps(hidden.ptr(), weight.ptr(), target.ptr(), means, chunk, softcap)
	checkShim("token_logps", hidden, weight, target)
	return adopt(lib.Ctensor(out))
}

// TokenKL returns the divergence of two models' next-token distributions, a
// number a row: KL(p ‖ q), or with forward KL(q ‖ p), of p = softmax(hidden
// Wᵀ) and the reference's q, both over the whole vocabulary. hidden and
// refHidden are [M, …], weight and refWeight [vocab, …]; softcap is that of both
// heads, as in TokenLogps. Logits are made a chunk of rows
// at a time, and once more for the gradient, which flows to hidden and weight alone.
func TokenKL(hidden, weight, refHidden, refWeight Tensor, forward bool, softcap float64) Tensor {
	chunk := max(1, logitsChunk/2/int(weight.Size(0)))
	out := shim.TokenKL(hidden.ptr(), weight.ptr(), refHidden.ptr(), refWeight.ptr(), forward, chunk, softcap)
	checkShim("token_kl", hidden, weight, refHidden, refWeight)
	return adopt(lib.Ctensor(out))
}
