// Package neox is GPT-NeoX (Black et al. 2022, arXiv:2204.06745) and Pythia
// (Biderman et al. 2023, arXiv:2304.01373): a decoder whose blocks add attention
// and a feed-forward layer of the same input, with rotary positions on some of the
// channels of each head.
//
// Read this file from top to bottom; config.go reads config.json.
package neox

import (
	"fmt"
	"math"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Model is embedding, blocks, norm and head.
type Model struct {
	params  *nn.Params
	rope    *nn.RopeTable
	embed   tensor.Tensor // [vocab, hidden]
	dropout nn.Dropout
	blocks  []Block
	norm    nn.LayerNorm
	head    nn.Head
}

// New builds the model of cfg from p, by Hugging Face's names; head says
// whether it gets the one that predicts tokens.
func New(cfg Config, device tensor.Device, p *nn.Params, head bool) *Model {
	m := &Model{
		params:  p,
		rope:    cfg.Rope.Table(device, cfg.HeadDim),
		dropout: p.Dropout(cfg.HiddenDropout),
	}
	m.embed = p.Get("gpt_neox.embed_in.weight", cfg.VocabSize, cfg.HiddenSize)
	for i := range cfg.NumHiddenLayers {
		m.blocks = append(m.blocks, newBlock(cfg, p, i))
	}
	m.norm = p.LayerNorm("gpt_neox.final_layer_norm", cfg.HiddenSize, cfg.LayerNormEps)
	if head {
		m.head.Weight = p.LMHead("embed_out.weight", "gpt_neox.embed_in.weight", m.embed, cfg.TieWordEmbeddings)
	}
	return m
}

// Forward maps the tokens of pass to hidden states [tokens, hidden], after the
// last norm.
func (m *Model) Forward(pass *nn.Pass) tensor.Tensor {
	rope := m.rope.At(pass.Positions, pass.MaxPosition+1)
	x := m.dropout.Forward(pass.Embed(m.embed))
	for _, b := range m.blocks {
		x = pass.Block(x, func(x tensor.Tensor) tensor.Tensor { return b.Forward(x, rope, pass) })
	}
	return m.norm.Forward(x)
}

// Head returns the head that predicts tokens, undefined where the model has none.
func (m *Model) Head() nn.Head { return m.head }

// Causal says that a token sees none after it.
func (m *Model) Causal() bool { return true }

// Params returns the parameters, each once.
func (m *Model) Params() *nn.Params { return m.params }

// Free frees the parameters and the rotary table.
func (m *Model) Free() {
	m.params.Free()
	m.rope.Free()
}

// Block is attention and a feed-forward layer, each after its own norm.
type Block struct {
	parallel          bool
	attnNorm, mlpNorm nn.LayerNorm
	attn              Attention
	mlp               MLP
	dropout           nn.Dropout
}

func newBlock(cfg Config, p *nn.Params, layer int) Block {
	name := fmt.Sprintf("gpt_neox.layers.%d.", layer)
	return Block{
		parallel: cfg.UseParallelResidual,
		attnNorm: p.LayerNorm(name+"input_layernorm", cfg.HiddenSize, cfg.LayerNormEps),
		mlpNorm:  p.LayerNorm(name+"post_attention_layernorm", cfg.HiddenSize, cfg.LayerNormEps),
		attn:     newAttention(cfg, p, name+"attention."),
		mlp:      newMLP(cfg, p, name+"mlp."),
		dropout:  p.Dropout(cfg.HiddenDropout),
	}
}

// Forward maps x [tokens, hidden] to the same shape. In parallel both layers
// read x (Black et al. 2022, section 2.1, after Wang and Komatsuzaki's GPT-J);
// otherwise the feed-forward layer reads the sum of x and its attention.
func (b Block) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	attn := b.dropout.Forward(b.attn.Forward(b.attnNorm.Forward(x), rope, pass))
	if !b.parallel {
		x = x.Add(attn)
		return x.Add(b.feed(x))
	}
	return x.Add(attn).Add(b.feed(x))
}

func (b Block) feed(x tensor.Tensor) tensor.Tensor {
	return b.dropout.Forward(b.mlp.Forward(b.mlpNorm.Forward(x)))
}

// Attention is causal attention, with one matrix for queries, keys and values.
type Attention struct {
	qkv, dense *nn.Linear
	dropout    nn.Dropout // of the attention weights
	headDim    int64
}

func newAttention(cfg Config, p *nn.Params, name string) Attention {
	return Attention{
		qkv:     p.Linear(name+"query_key_value", cfg.HiddenSize, 3*cfg.HiddenSize, cfg.AttentionBias),
		dense:   p.Linear(name+"dense", cfg.HiddenSize, cfg.HiddenSize, cfg.AttentionBias),
		dropout: p.Dropout(cfg.AttentionDropout),
		headDim: cfg.HeadDim,
	}
}

// Forward maps x [tokens, hidden] to the same shape. The rows of the matrix
// go head by head: query, key and value of the first head, then of the second.
func (a Attention) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	tokens := x.Size(0)
	qkv := a.qkv.Forward(x).View(tokens, -1, 3*a.headDim) // [tokens, heads, 3*head_dim]
	q := qkv.Narrow(2, 0, a.headDim)
	k := qkv.Narrow(2, a.headDim, a.headDim)
	v := qkv.Narrow(2, 2*a.headDim, a.headDim)
	y := pass.Attention(rope.Apply(q), rope.Apply(k), v, tensor.AttentionOptions{
		Scale: 1 / math.Sqrt(float64(a.headDim)), Dropout: a.dropout.Rate()})
	return a.dense.Forward(y.Reshape(tokens, -1))
}

// MLP is W_out f(W_in x), both with a bias.
type MLP struct {
	in, out *nn.Linear
	bend    nn.Activation
}

func newMLP(cfg Config, p *nn.Params, name string) MLP {
	return MLP{
		in:   p.Linear(name+"dense_h_to_4h", cfg.HiddenSize, cfg.IntermediateSize, true),
		out:  p.Linear(name+"dense_4h_to_h", cfg.IntermediateSize, cfg.HiddenSize, true),
		bend: cfg.Activation,
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (m MLP) Forward(x tensor.Tensor) tensor.Tensor { return m.out.Forward(m.bend(m.in.Forward(x))) }
