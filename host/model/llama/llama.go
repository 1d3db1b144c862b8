// Package llama is the Llama family: Llama 2 and 3 (Touvron et al. 2023,
// arXiv:2307.09288; Dubey et al. 2024, arXiv:2407.21783), Mistral (Jiang et al.
// 2023, arXiv:2310.06825), Qwen2 (Yang et al. 2024, arXiv:2407.10671) and Qwen3
// (Yang et al. 2025, arXiv:2505.09388). They differ only in biases, attention
// windows, rotary scaling and the norms of queries and keys.
//
// Read this file from top to bottom; config.go reads config.json.
package llama

import (
	"fmt"
	"math"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Model is embedding, blocks, norm and head.
type Model struct {
	cfg    Config
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
	m := &Model{cfg: cfg, params: p, rope: cfg.Rope.Table(device, cfg.HeadDim)}
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
}

func newBlock(cfg Config, p *nn.Params, layer int) Block {
	name := fmt.Sprintf("model.layers.%d.", layer)
	return Block{
		attn:     newAttention(cfg, p, name+"self_attn.", layer),
		mlp:      newMLP(cfg, p, name+"mlp."),
		attnNorm: p.RMSNorm(name+"input_layernorm", cfg.HiddenSize, cfg.RMSNormEps),
		mlpNorm:  p.RMSNorm(name+"post_attention_layernorm", cfg.HiddenSize, cfg.RMSNormEps),
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (b Block) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	x = x.Add(b.attn.Forward(b.attnNorm.Forward(x), rope, pass))
	return x.Add(b.mlp.Forward(b.mlpNorm.Forward(x)))
}

// Attention is causal attention with grouped key/value heads.
type Attention struct {
	q, k, v, o   *nn.Linear
	qNorm, kNorm *nn.RMSNorm // of each head; nil except in Qwen3
	dropout      nn.Dropout  // of the attention weights
	headDim      int64
	window       int // tokens that a token sees, itself included; 0 = all before it
}

func newAttention(cfg Config, p *nn.Params, name string, layer int) Attention {
	q := cfg.NumAttentionHeads * cfg.HeadDim
	kv := cfg.NumKeyValueHeads * cfg.HeadDim
	a := Attention{
		q:       p.Linear(name+"q_proj", cfg.HiddenSize, q, cfg.QKVBias),
		k:       p.Linear(name+"k_proj", cfg.HiddenSize, kv, cfg.QKVBias),
		v:       p.Linear(name+"v_proj", cfg.HiddenSize, kv, cfg.QKVBias),
		o:       p.Linear(name+"o_proj", q, cfg.HiddenSize, cfg.OutputBias),
		dropout: p.Dropout(cfg.AttentionDropout),
		headDim: cfg.HeadDim,
		window:  cfg.Window(layer),
	}
	if cfg.ModelType == "qwen3" {
		qNorm := p.RMSNorm(name+"q_norm", cfg.HeadDim, cfg.RMSNormEps)
		kNorm := p.RMSNorm(name+"k_norm", cfg.HeadDim, cfg.RMSNormEps)
		a.qNorm = &qNorm
		a.kNorm = &kNorm
	}
	return a
}

// Forward maps x [tokens, hidden] to the same shape.
func (a Attention) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	q := a.heads(a.q.Forward(x))
	k := a.heads(a.k.Forward(x))
	v := a.heads(a.v.Forward(x))
	if a.qNorm != nil {
		q = a.qNorm.Forward(q)
		k = a.kNorm.Forward(k)
	}
	y := pass.Attention(rope.Apply(q), rope.Apply(k), v, tensor.AttentionOptions{
		Scale: 1 / math.Sqrt(float64(a.headDim)), Window: a.window, Dropout: a.dropout.Rate()})
	return a.o.Forward(y.Reshape(x.Size(0), -1))
}

// heads cuts [tokens, heads*head_dim] into [tokens, heads, head_dim].
func (a Attention) heads(x tensor.Tensor) tensor.Tensor { return x.View(x.Size(0), -1, a.headDim) }

// MLP is W_down (silu(W_gate x) * W_up x) (Shazeer 2020, arXiv:2002.05202, eq. 6).
type MLP struct{ gate, up, down *nn.Linear }

func newMLP(cfg Config, p *nn.Params, name string) MLP {
	return MLP{
		gate: p.Linear(name+"gate_proj", cfg.HiddenSize, cfg.IntermediateSize, cfg.MLPBias),
		up:   p.Linear(name+"up_proj", cfg.HiddenSize, cfg.IntermediateSize, cfg.MLPBias),
		down: p.Linear(name+"down_proj", cfg.IntermediateSize, cfg.HiddenSize, cfg.MLPBias),
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (m MLP) Forward(x tensor.Tensor) tensor.Tensor {
	return m.down.Forward(m.gate.Forward(x).Silu().Mul(m.up.Forward(x)))
}
