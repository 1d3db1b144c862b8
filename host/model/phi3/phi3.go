// Package phi3 is Phi-3 (Abdin et al. 2024, arXiv:2404.14219): a Llama (Touvron
// et al. 2023, arXiv:2307.09288) with one matrix for queries, keys and values and
// one for both halves of the gated layer.
//
// Read this file from top to bottom; config.go reads config.json.
package phi3

import (
	"fmt"
	"math"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Model is embedding, blocks, norm and head.
type Model struct {
	params *nn.Params
	rope   *nn.RopeTable
	embed  tensor.Tensor // [vocab, hidden]
	blocks []Block
	norm   nn.RMSNorm
	head   nn.Head
}

// New builds the model of cfg from p, by Hugging Face's names; head says
// whether it gets the one that predicts tokens.
func New(cfg Config, device tensor.Device, p *nn.Params, head bool) *Model {
	m := &Model{params: p, rope: cfg.Rope.Table(device, cfg.HeadDim)}
	m.embed = p.Get("model.embed_tokens.weight", cfg.VocabSize, cfg.HiddenSize)
	for i := range cfg.NumHiddenLayers {
		m.blocks = append(m.blocks, newBlock(cfg, p, i))
	}
	m.norm = p.RMSNorm("model.norm", cfg.HiddenSize, cfg.RMSNormEps)
	if head {
		m.head.Weight = p.LMHead("lm_head.weight", "model.embed_tokens.weight", m.embed, cfg.TieWordEmbeddings)
	}
	return m
}

// Forward maps the tokens of pass to hidden states [tokens, hidden], after the
// last norm.
func (m *Model) Forward(pass *nn.Pass) tensor.Tensor {
	rope := m.rope.At(pass.Positions, pass.MaxPosition+1)
	x := pass.Embed(m.embed)
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

// Block is attention and a gated feed-forward layer, each after a norm and
// added to its input.
type Block struct {
	attnNorm, mlpNorm nn.RMSNorm
	attn              Attention
	mlp               MLP
	dropout           nn.Dropout
}

func newBlock(cfg Config, p *nn.Params, layer int) Block {
	name := fmt.Sprintf("model.layers.%d.", layer)
	return Block{
		attn:     newAttention(cfg, p, name+"self_attn."),
		mlp:      newMLP(cfg, p, name+"mlp."),
		attnNorm: p.RMSNorm(name+"input_layernorm", cfg.HiddenSize, cfg.RMSNormEps),
		mlpNorm:  p.RMSNorm(name+"post_attention_layernorm", cfg.HiddenSize, cfg.RMSNormEps),
		dropout:  p.Dropout(cfg.ResidualDropout),
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (b Block) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	x = x.Add(b.dropout.Forward(b.attn.Forward(b.attnNorm.Forward(x), rope, pass)))
	return x.Add(b.dropout.Forward(b.mlp.Forward(b.mlpNorm.Forward(x))))
}

// Attention is causal attention with grouped key/value heads.
type Attention struct {
	qkv, o                  *nn.Linear
	dropout                 nn.Dropout // of the attention weights
	heads, keyHeads, window int64
	headDim                 int64
}

func newAttention(cfg Config, p *nn.Params, name string) Attention {
	a := Attention{dropout: p.Dropout(cfg.AttentionDropout), heads: cfg.NumAttentionHeads, keyHeads: cfg.NumKeyValueHeads,
		window: int64(cfg.Window), headDim: cfg.HeadDim}
	a.o = p.Linear(name+"o_proj", a.heads*a.headDim, cfg.HiddenSize, false)
	a.qkv = p.Linear(name+"qkv_proj", cfg.HiddenSize, (a.heads+2*a.keyHeads)*a.headDim, false)
	return a
}

// Forward maps x [tokens, hidden] to the same shape. The rows of the matrix are
// the heads of all queries, then of all keys, then of all values.
func (a Attention) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	tokens := x.Size(0)
	qkv := a.qkv.Forward(x).View(tokens, -1, a.headDim) // [tokens, heads + 2*kv_heads, head_dim]
	q := qkv.Narrow(1, 0, a.heads)
	k := qkv.Narrow(1, a.heads, a.keyHeads)
	v := qkv.Narrow(1, a.heads+a.keyHeads, a.keyHeads)
	y := pass.Attention(rope.Apply(q), rope.Apply(k), v, tensor.AttentionOptions{
		Scale: 1 / math.Sqrt(float64(a.headDim)), Window: int(a.window), Dropout: a.dropout.Rate()})
	return a.o.Forward(y.Reshape(tokens, -1))
}

// MLP is W_down (f(W_gate x) * W_up x) (Shazeer 2020, arXiv:2002.05202, eq. 6).
type MLP struct {
	gateUp, down *nn.Linear
	bend         nn.Activation
}

func newMLP(cfg Config, p *nn.Params, name string) MLP {
	return MLP{
		gateUp: p.Linear(name+"gate_up_proj", cfg.HiddenSize, 2*cfg.IntermediateSize, false),
		down:   p.Linear(name+"down_proj", cfg.IntermediateSize, cfg.HiddenSize, false),
		bend:   cfg.Activation,
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (m MLP) Forward(x tensor.Tensor) tensor.Tensor {
	both := m.gateUp.Forward(x)
	half := both.Size(-1) / 2
	return m.down.Forward(m.bend(both.Narrow(-1, 0, half)).Mul(both.Narrow(-1, half, half)))
}
