package nn

import "llmhost/host/tensor"

// Head predicts tokens from hidden states: logits = f(hidden Weightᵀ), with
// f(z) = Softcap · tanh(z/Softcap), or z where Softcap is 0. The zero Head is none.
type Head struct {
	Weight  tensor.Tensor // [vocab, hidden]; it may be the input embedding
	Softcap float64
}

// LMHead takes NAME [vocab, hidden], which predicts tokens, or, where it is tied,
// the input embedding, a parameter of its own name.
func (p *Params) LMHead(name, embedding string, embed tensor.Tensor, tied bool) tensor.Tensor {
	if tied {
		p.tie(name, embedding)
		return embed
	}
	return p.Get(name, embed.Size(0), embed.Size(1))
}

// Defined tells whether there is a head.
func (h Head) Defined() bool { return h.Weight.Defined() }

// Logits maps hidden [..., hidden] to [..., vocab], in hidden's type.
func (h Head) Logits(hidden tensor.Tensor) tensor.Tensor {
	z := hidden.Linear(h.Weight.To(hidden.DType()), tensor.Tensor{})
	if h.Softcap == 0 {
		return z
	}
	return z.DivScalar(h.Softcap).Tanh().MulScalar(h.Softcap)
}

// TokenLogps returns the log-probability of target [M] int64 at each of hidden
// [M, hidden], without keeping logits; in float32, or float64 where hidden is.
func (h Head) TokenLogps(hidden, target tensor.Tensor) tensor.Tensor {
	return tensor.TokenLogps(hidden, h.Weight.To(hidden.DType()), target, h.Softcap)
}

// TokenLogpsAndMeans returns TokenLogps and the mean over the vocabulary of the
// log-probabilities at each of hidden, from one pass over the logits.
func (h Head) TokenLogpsAndMeans(hidden, target tensor.Tensor) (logps, means tensor.Tensor) {
	return tensor.TokenLogpsAndMeans(hidden, h.Weight.To(hidden.DType()), target, h.Softcap)
}

// TokenKL returns the divergence of h at hidden [M, hidden] from the reference
// head at refHidden: KL(h ‖ reference), or with forward KL(reference ‖ h), a
// number a row, with no gradient to the reference.
func (h Head) TokenKL(hidden tensor.Tensor, reference Head, refHidden tensor.Tensor, forward bool) tensor.Tensor {
	refWeight := reference.Weight.Detach().To(refHidden.DType())
	return tensor.TokenKL(hidden, h.Weight.To(hidden.DType()), refHidden, refWeight, forward, h.Softcap)
}
