package nn

import (
	"math"

	"llmhost/host/tensor"
)

// Pack is the tokens of several sequences in one vector, with no padding.
type Pack struct {
	IDs, Positions tensor.Tensor // [tokens] int64; positions count from 0 in each sequence
	MaxPosition    int64         // the largest of Positions
	Segments       tensor.Segments
	TokenTypes     tensor.Tensor // [tokens] int64: which text of a pair; undefined means 0 for all. Encoders alone read it
}

// Pass is one run of a model over a pack: what it reads and what it keeps.
type Pass struct {
	Pack
	// Tape runs blocks again for the gradient instead of keeping what they
	// computed; nil keeps it. The caller runs its Backward after that of the loss.
	Tape *Tape
	// Noise is how far each element of a token's embedding may be moved, times the
	// root of hidden: [tokens, 1]; undefined moves none.
	Noise tensor.Tensor
}

// Embed looks up the tokens in embeddings [vocab, hidden]: [tokens, hidden]. With
// Noise each element is moved by a uniform draw of libtorch's generator, which is
// NEFTune (Jain et al. 2023, arXiv:2310.05914, algorithm 1).
func (p *Pass) Embed(embeddings tensor.Tensor) tensor.Tensor {
	x := embeddings.Embedding(p.IDs)
	if !p.Noise.Defined() {
		return x
	}
	most := p.Noise.DivScalar(math.Sqrt(float64(x.Size(-1)))).To(x.DType())
	return x.Add(tensor.Uniform(x.Device(), x.DType(), -1, 1, x.Shape()...).Mul(most))
}

// Block runs one block of a model, [tokens, hidden] to the same shape.
func (p *Pass) Block(x tensor.Tensor, run func(tensor.Tensor) tensor.Tensor) tensor.Tensor {
	return p.Tape.Run(x, run)
}

// Attention is softmax attention inside each sequence of the pack: q [tokens,
// heads, head_dim] over k, v [tokens, kv_heads, head_dim]; see tensor.Attention.
func (p *Pass) Attention(q, k, v tensor.Tensor, o tensor.AttentionOptions) tensor.Tensor {
	return tensor.Attention(q, k, v, p.Segments, o)
}
