// Package bert is BERT (Devlin et al. 2018, arXiv:1810.04805): an encoder, whose
// tokens see all of their sequence. Its norms come after each layer, as in the first
// Transformer (Vaswani et al. 2017, arXiv:1706.03762).
//
// Read this file from top to bottom; config.go reads config.json.
package bert

import (
	"fmt"
	"math"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Model is embeddings, blocks and pooler.
type Model struct {
	params        *nn.Params
	embeddings    Embeddings
	blocks        []Block
	pooler        *nn.Linear
	pooledDropout nn.Dropout
}

// New builds the model of cfg from p, by Hugging Face's names. It has no head
// that predicts tokens.
func New(cfg Config, _ tensor.Device, p *nn.Params, _ bool) *Model {
	m := &Model{
		params:        p,
		embeddings:    newEmbeddings(cfg, p),
		pooledDropout: p.Dropout(*cfg.ClassifierDropout),
	}
	for i := range cfg.NumHiddenLayers {
		m.blocks = append(m.blocks, newBlock(cfg, p, i))
	}
	m.pooler = p.Linear("bert.pooler.dense", cfg.HiddenSize, cfg.HiddenSize, true)
	return m
}

// Forward maps the tokens of pass to hidden states [tokens, hidden].
func (m *Model) Forward(pass *nn.Pass) tensor.Tensor {
	x := m.embeddings.Forward(pass)
	for _, b := range m.blocks {
		x = pass.Block(x, func(x tensor.Tensor) tensor.Tensor { return b.Forward(x, pass) })
	}
	return x
}

// Pooled is tanh(W h + b) of the sequences' first tokens, [sequences, hidden];
// first [sequences] says where in hidden they are.
func (m *Model) Pooled(hidden, first tensor.Tensor) tensor.Tensor {
	return m.pooler.Forward(hidden.IndexSelect(0, first)).Tanh()
}

// PooledDropout is applied to the pooled vectors before a classifier.
func (m *Model) PooledDropout() nn.Dropout { return m.pooledDropout }

// Head returns none: BERT's own predicts masked tokens, not the next one.
func (m *Model) Head() nn.Head { return nn.Head{} }

// Causal says that tokens see those after them.
func (m *Model) Causal() bool { return false }

// Params returns the parameters, each once.
func (m *Model) Params() *nn.Params { return m.params }

// Free frees the parameters.
func (m *Model) Free() { m.params.Free() }

// Embeddings are the sum of those of a token's id, its position and which text of
// a pair it belongs to.
type Embeddings struct {
	word, position, kind tensor.Tensor // [vocab, hidden], [positions, hidden], [types, hidden]
	norm                 nn.LayerNorm
	dropout              nn.Dropout
}

func newEmbeddings(cfg Config, p *nn.Params) Embeddings {
	const name = "bert.embeddings."
	return Embeddings{
		word:     p.Get(name+"word_embeddings.weight", cfg.VocabSize, cfg.HiddenSize),
		position: p.Get(name+"position_embeddings.weight", cfg.MaxPositions, cfg.HiddenSize),
		kind:     p.Get(name+"token_type_embeddings.weight", cfg.TypeVocabSize, cfg.HiddenSize),
		norm:     p.LayerNorm(name+"LayerNorm", cfg.HiddenSize, cfg.LayerNormEps),
		dropout:  p.Dropout(cfg.HiddenDropout),
	}
}

// Forward maps the tokens of in to [tokens, hidden].
func (e Embeddings) Forward(in *nn.Pass) tensor.Tensor {
	if most := e.position.Size(0); in.MaxPosition >= most {
		panic(&tensor.Error{Op: "embedding of positions", Shapes: [][]int64{e.position.Shape()},
			Cause: fmt.Sprintf(
				"a sequence has %d tokens, and the model has positions for %d (max_position_embeddings); lower max_length",
				in.MaxPosition+1,
				most,
			)})
	}
	types := in.TokenTypes
	if !types.Defined() {
		types = in.IDs.ZerosLike()
	}
	x := in.Embed(e.word).Add(e.kind.Embedding(types)).Add(e.position.Embedding(in.Positions))
	return e.dropout.Forward(e.norm.Forward(x))
}

// Block is attention and a feed-forward layer, each added to its input and
// normed afterwards.
type Block struct {
	attn              Attention
	attnNorm, mlpNorm nn.LayerNorm
	in, out           *nn.Linear
	bend              nn.Activation
	dropout           nn.Dropout
}

func newBlock(cfg Config, p *nn.Params, layer int) Block {
	name := fmt.Sprintf("bert.encoder.layer.%d.", layer)
	return Block{
		attn:     newAttention(cfg, p, name+"attention."),
		attnNorm: p.LayerNorm(name+"attention.output.LayerNorm", cfg.HiddenSize, cfg.LayerNormEps),
		in:       p.Linear(name+"intermediate.dense", cfg.HiddenSize, cfg.IntermediateSize, true),
		out:      p.Linear(name+"output.dense", cfg.IntermediateSize, cfg.HiddenSize, true),
		mlpNorm:  p.LayerNorm(name+"output.LayerNorm", cfg.HiddenSize, cfg.LayerNormEps),
		bend:     cfg.Activation,
		dropout:  p.Dropout(cfg.HiddenDropout),
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (b Block) Forward(x tensor.Tensor, pass *nn.Pass) tensor.Tensor {
	x = b.attnNorm.Forward(x.Add(b.dropout.Forward(b.attn.Forward(x, pass))))
	return b.mlpNorm.Forward(x.Add(b.dropout.Forward(b.out.Forward(b.bend(b.in.Forward(x))))))
}

// Attention is attention over all tokens of a sequence.
type Attention struct {
	q, k, v, o *nn.Linear
	dropout    nn.Dropout // of the attention weights
	headDim    int64
}

func newAttention(cfg Config, p *nn.Params, name string) Attention {
	linear := func(part string) *nn.Linear { return p.Linear(name+part, cfg.HiddenSize, cfg.HiddenSize, true) }
	return Attention{q: linear("self.query"), k: linear("self.key"), v: linear("self.value"), o: linear("output.dense"),
		dropout: p.Dropout(cfg.AttentionDropout), headDim: cfg.HeadDim}
}

// Forward maps x [tokens, hidden] to the same shape.
func (a Attention) Forward(x tensor.Tensor, pass *nn.Pass) tensor.Tensor {
	y := pass.Attention(a.heads(a.q.Forward(x)), a.heads(a.k.Forward(x)), a.heads(a.v.Forward(x)), tensor.AttentionOptions{
		Scale: 1 / math.Sqrt(float64(a.headDim)), Bidirectional: true, Dropout: a.dropout.Rate()})
	return a.o.Forward(y.Reshape(x.Size(0), -1))
}

// heads cuts [tokens, heads*head_dim] into [tokens, heads, head_dim].
func (a Attention) heads(x tensor.Tensor) tensor.Tensor { return x.View(x.Size(0), -1, a.headDim) }
