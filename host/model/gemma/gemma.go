// Package gemma is Gemma 2 (Gemma Team 2024, arXiv:2408.00118) and the text model
// of Gemma 3 (Gemma Team 2025, arXiv:2503.19786). Both norm the input and the
// output of a layer, and let some layers see only a window. Gemma 2 bounds
// attention scores and logits; Gemma 3 norms queries and keys instead, and rotates
// them faster in layers with a window.
//
// Read this file from top to bottom; config.go reads config.json.
package gemma

import (
	"fmt"
	"math"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Model is embedding, blocks, norm and head.
type Model struct {
	params           *nn.Params
	rope, windowRope *nn.RopeTable
	embed            tensor.Tensor // [vocab, hidden]
	scale            float64       // of embeddings
	blocks           []Block
	norm             nn.CentredRMSNorm
	head             nn.Head
}

// New builds the model of cfg from p, by Hugging Face's names; head says
// whether it gets the one that predicts tokens.
func New(cfg Config, device tensor.Device, p *nn.Params, head bool) *Model {
	m := &Model{params: p, scale: math.Sqrt(float64(cfg.HiddenSize)),
		rope: cfg.Rope.Table(device, cfg.HeadDim), windowRope: cfg.WindowRope.Table(device, cfg.HeadDim)}
	m.embed = p.Get("model.embed_tokens.weight", cfg.VocabSize, cfg.HiddenSize)
	for i := range cfg.NumHiddenLayers {
		m.blocks = append(m.blocks, newBlock(cfg, p, i))
	}
	m.norm = p.CentredRMSNorm("model.norm", cfg.HiddenSize, cfg.RMSNormEps)
	m.head.Softcap = softcap(cfg.FinalSoftcap)
	if head {
		m.head.Weight = p.LMHead("lm_head.weight", "model.embed_tokens.weight", m.embed, cfg.TieWordEmbeddings)
	}
	return m
}

// Forward maps the tokens of pass to hidden states [tokens, hidden], after the
// last norm.
func (m *Model) Forward(pass *nn.Pass) tensor.Tensor {
	all := m.rope.At(pass.Positions, pass.MaxPosition+1)
	windowed := m.windowRope.At(pass.Positions, pass.MaxPosition+1)
	x := m.embedded(pass)
	for _, b := range m.blocks {
		rope := all
		if b.attn.window > 0 {
			rope = windowed
		}
		x = pass.Block(x, func(x tensor.Tensor) tensor.Tensor { return b.Forward(x, rope, pass) })
	}
	return m.norm.Forward(x)
}

// embedded is the embedding times sqrt(hidden), rounded to the embedding's type as
// Gemma was trained.
func (m *Model) embedded(pass *nn.Pass) tensor.Tensor {
	x := pass.Embed(m.embed)
	return x.Mul(tensor.Full(x.Device(), tensor.Float32, m.scale).To(x.DType()))
}

// Head returns the head that predicts tokens, undefined where the model has none.
func (m *Model) Head() nn.Head { return m.head }

// Causal says that a token sees none after it.
func (m *Model) Causal() bool { return true }

// Params returns the parameters, each once.
func (m *Model) Params() *nn.Params { return m.params }

// Free frees the parameters and the rotary tables.
func (m *Model) Free() {
	m.params.Free()
	m.rope.Free()
	m.windowRope.Free()
}

// Block is attention and a gated feed-forward layer, each between two norms and
// added to its input.
type Block struct {
	attnIn, attnOut, mlpIn, mlpOut nn.CentredRMSNorm
	attn                           Attention
	mlp                            MLP
}

func newBlock(cfg Config, p *nn.Params, layer int) Block {
	name := fmt.Sprintf("model.layers.%d.", layer)
	norm := func(part string) nn.CentredRMSNorm {
		return p.CentredRMSNorm(name+part, cfg.HiddenSize, cfg.RMSNormEps)
	}
	return Block{
		attn:    newAttention(cfg, p, name+"self_attn.", layer),
		mlp:     newMLP(cfg, p, name+"mlp."),
		attnIn:  norm("input_layernorm"),
		attnOut: norm("post_attention_layernorm"),
		mlpIn:   norm("pre_feedforward_layernorm"),
		mlpOut:  norm("post_feedforward_layernorm"),
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (b Block) Forward(x tensor.Tensor, rope nn.Rope, pass *nn.Pass) tensor.Tensor {
	x = x.Add(b.attnOut.Forward(b.attn.Forward(b.attnIn.Forward(x), rope, pass)))
	return x.Add(b.mlpOut.Forward(b.mlp.Forward(b.mlpIn.Forward(x))))
}

// Attention is causal attention with grouped key/value heads.
type Attention struct {
	q, k, v, o     *nn.Linear
	qNorm, kNorm   *nn.CentredRMSNorm // of each head; nil in Gemma 2
	dropout        nn.Dropout         // of the attention weights
	headDim        int64
	window         int // tokens that a token sees, itself included; 0 = all before it
	scale, softcap float64
}

func newAttention(cfg Config, p *nn.Params, name string, layer int) Attention {
	q := cfg.NumAttentionHeads * cfg.HeadDim
	kv := cfg.NumKeyValueHeads * cfg.HeadDim
	a := Attention{
		q:       p.Linear(name+"q_proj", cfg.HiddenSize, q, cfg.AttentionBias),
		k:       p.Linear(name+"k_proj", cfg.HiddenSize, kv, cfg.AttentionBias),
		v:       p.Linear(name+"v_proj", cfg.HiddenSize, kv, cfg.AttentionBias),
		o:       p.Linear(name+"o_proj", q, cfg.HiddenSize, cfg.AttentionBias),
		dropout: p.Dropout(cfg.AttentionDropout),
		headDim: cfg.HeadDim,
		window:  cfg.Window(layer),
		scale:   1 / math.Sqrt(cfg.QueryScalar),
		softcap: softcap(cfg.AttentionSoftcap),
	}
	if cfg.ModelType == third {
		qNorm := p.CentredRMSNorm(name+"q_norm", cfg.HeadDim, cfg.RMSNormEps)
		kNorm := p.CentredRMSNorm(name+"k_norm", cfg.HeadDim, cfg.RMSNormEps)
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
		Scale: a.scale, Window: a.window, Softcap: a.softcap, Dropout: a.dropout.Rate()})
	return a.o.Forward(y.Reshape(x.Size(0), -1))
}

// heads cuts [tokens, heads*head_dim] into [tokens, heads, head_dim].
func (a Attention) heads(x tensor.Tensor) tensor.Tensor { return x.View(x.Size(0), -1, a.headDim) }

// MLP is W_down (f(W_gate x) * W_up x) (Shazeer 2020, arXiv:2002.05202, eq. 6).
type MLP struct {
	gate, up, down *nn.Linear
	bend           nn.Activation
}

func newMLP(cfg Config, p *nn.Params, name string) MLP {
	return MLP{
		gate: p.Linear(name+"gate_proj", cfg.HiddenSize, cfg.IntermediateSize, false),
		up:   p.Linear(name+"up_proj", cfg.HiddenSize, cfg.IntermediateSize, false),
		down: p.Linear(name+"down_proj", cfg.IntermediateSize, cfg.HiddenSize, false),
		bend: cfg.Activation,
	}
}

// Forward maps x [tokens, hidden] to the same shape.
func (m MLP) Forward(x tensor.Tensor) tensor.Tensor {
	return m.down.Forward(m.bend(m.gate.Forward(x)).Mul(m.up.Forward(x)))
}
