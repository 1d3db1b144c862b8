package objective

import (
	"math"
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// inputs are what a loss reads of one batch, on a target: each is computed when
// a run asks for it, and a model runs over the batch once at most.
type inputs struct {
	o      *Objective
	target exec.Target
	model  *model.Model // nil where only data is read
	b      *data.Batch
	tape   *nn.Tape
	noise  float64 // NoiseAlpha, in training

	// What was computed so far, undefined before: hidden states of both models,
	// pooled vectors, rewards [B, K], and, where the program reads means over the
	// vocabulary, these with the labels' log-probabilities [B, K, T].
	states, refStates, vectors, rewards, ownLogps, vocabMeans tensor.Tensor
}

// Size implements exec.Inputs.
func (in *inputs) Size(dim string) (size int64, known bool) {
	switch dim {
	case "B":
		return int64(in.b.B), true
	case "K":
		return int64(in.b.K), true
	case "T":
		return int64(in.b.T), true
	case "U":
		if in.b.Mismatched == nil {
			return 0, false
		}
		return int64(in.b.Mismatched.T), true
	}
	head, isClasses := strings.CutPrefix(dim, "C_")
	if !isClasses || in.model == nil {
		return 0, false
	}
	return in.classHead(head).Weight.Size(0), true
}

// Input implements exec.Inputs: undefined where the batch lacks the input.
func (in *inputs) Input(name string) (t tensor.Tensor) {
	switch kind, rest, _ := strings.Cut(name, "."); kind {
	case "policy":
		return in.policy(rest == "vocab_mean_logps")
	case "ref":
		return in.refLogps()
	case "kl":
		return in.kl(rest == "forward")
	case "mismatched":
		return in.mismatched(rest == "ref.logps")
	case "rewards":
		in.rewards = in.scores()
		return in.rewards
	case "logits":
		return in.classHead(rest).Forward(in.pooled())
	case "state":
		return in.o.state(rest)
	default:
		return in.column(kind, rest)
	}
}

// column lays out an input that is data alone.
func (in *inputs) column(kind, name string) (t tensor.Tensor) {
	d, b := in.target.Device, in.b
	prompts := int64(b.B)
	candidates := int64(b.K)
	labels := int64(b.T)
	switch {
	case kind == "label_mask":
		return tensor.Of(d, b.LabelMask, prompts, candidates, labels)
	case kind == "candidate_mask":
		return tensor.Of(d, b.Real, prompts, candidates)
	case kind == "label" && b.Labels[name] != nil:
		return tensor.Of(d, b.Labels[name], prompts)
	case kind == "column" && b.Columns[name] != nil:
		return tensor.Of(d, b.Columns[name], prompts, candidates)
	case kind == "example_column" && b.ExampleColumns[name] != nil:
		return tensor.Of(d, b.ExampleColumns[name], prompts)
	case kind == "example_column" && slices.Contains(in.o.Optional, kind+"."+name):
		return tensor.Of(d, make([]float32, b.B), prompts)
	case kind == "column" && slices.Contains(in.o.Optional, kind+"."+name):
		return tensor.Of(d, make([]float32, b.B*b.K), prompts, candidates)
	}
	return t
}

// hidden runs the policy over the batch.
func (in *inputs) hidden() tensor.Tensor {
	if !in.states.Defined() {
		pass := NewPass(in.target.Device, in.b)
		pass.Tape = in.tape
		if in.noise > 0 {
			pass.Noise = noiseOf(in.target.Device, in.b, in.noise)
		}
		in.states = in.model.Forward(pass)
	}
	return in.states
}

// noiseOf is alpha over the root of the length of each token's sequence, [tokens,
// 1]. The sequences share no tokens, which would be of several lengths.
func noiseOf(d tensor.Device, b *data.Batch, alpha float64) tensor.Tensor {
	most := make([]float32, len(b.IDs))
	for _, s := range b.Segments {
		for i := range s.Len {
			most[s.Start+i] = float32(alpha / math.Sqrt(float64(s.Len)))
		}
	}
	return tensor.Of(d, most, int64(len(most)), 1)
}

// NewPass puts the tokens of a batch on a device.
func NewPass(d tensor.Device, b *data.Batch) *nn.Pass {
	p := nn.Pack{IDs: tensor.Of(d, b.IDs), Positions: tensor.Of(d, b.Positions)}
	if len(b.Positions) > 0 {
		p.MaxPosition = slices.Max(b.Positions)
	}
	if b.Types != nil {
		p.TokenTypes = tensor.Of(d, b.Types)
	}
	for _, s := range b.Segments {
		p.Segments.Add(s.Start, s.Len, s.Prefix)
	}
	return &nn.Pass{Pack: p}
}

// reference is the frozen model.
func (in *inputs) reference() *model.Model {
	if in.o.Reference.Model != nil {
		return in.o.Reference.Model
	}
	return in.model
}

// asReference runs f with no gradient, and with the adapters off where the
// reference is the policy without them.
func (in *inputs) asReference(f func()) {
	mode := in.reference().Params().Mode()
	before := *mode
	mode.Training = false
	mode.Off = in.o.Reference.Model == nil
	defer func() { *mode = before }()
	tensor.NoGrad(f)
}

// refHidden runs the reference over the batch.
func (in *inputs) refHidden() tensor.Tensor {
	if !in.refStates.Defined() {
		in.asReference(func() { in.refStates = in.reference().Forward(NewPass(in.target.Device, in.b)) })
	}
	return in.refStates
}

// logps returns the label tokens' log-probabilities [B, K, T] of b under a model:
// its head runs at the positions that predict a label and nowhere else.
func (in *inputs) logps(b *data.Batch, hidden tensor.Tensor, m *model.Model) tensor.Tensor {
	return in.view(b, labelLogps(in.target.Device, m, hidden, b))
}

// labelLogps returns the log-probability of each label of b [M], in its order.
func labelLogps(d tensor.Device, m *model.Model, hidden tensor.Tensor, b *data.Batch) tensor.Tensor {
	at := hidden.IndexSelect(0, tensor.Of(d, b.Source))
	return m.Head().TokenLogps(at, tensor.Of(d, b.Target))
}

// policy returns the label tokens' log-probabilities [B, K, T] under the policy, or
// the means over the vocabulary at them. A program that reads the means gets both
// from one pass over the logits.
func (in *inputs) policy(means bool) tensor.Tensor {
	if !in.o.needs.VocabMeans {
		return in.logps(in.b, in.hidden(), in.model)
	}
	if !in.vocabMeans.Defined() {
		d := in.target.Device
		at := in.hidden().IndexSelect(0, tensor.Of(d, in.b.Source))
		logps, vocabMeans := in.model.Head().TokenLogpsAndMeans(at, tensor.Of(d, in.b.Target))
		in.ownLogps, in.vocabMeans = in.view(in.b, logps), in.view(in.b, vocabMeans)
	}
	if means {
		return in.vocabMeans
	}
	return in.ownLogps
}

// view lays numbers of the labels [M] out as [B, K, T].
func (in *inputs) view(b *data.Batch, numbers tensor.Tensor) tensor.Tensor {
	d := in.target.Device
	view := tensor.Zeros(d, numbers.DType(), int64(b.B*b.K*b.T)).Scatter(0, tensor.Of(d, b.Slot), numbers)
	return view.View(int64(b.B), int64(b.K), int64(b.T))
}

// refLogps returns the precomputed values where there are any.
func (in *inputs) refLogps() (t tensor.Tensor) {
	if in.b.RefLogps != nil {
		return tensor.Of(in.target.Device, in.b.RefLogps, int64(in.b.B), int64(in.b.K), int64(in.b.T))
	}
	hidden := in.refHidden()
	in.asReference(func() { t = in.logps(in.b, hidden, in.reference()) })
	return t
}

// kl returns the divergence between both models at each label [B, K, T].
func (in *inputs) kl(forward bool) tensor.Tensor {
	source := tensor.Of(in.target.Device, in.b.Source)
	at := in.hidden().IndexSelect(0, source)
	refAt := in.refHidden().IndexSelect(0, source)
	return in.view(in.b, in.model.Head().TokenKL(at, in.reference().Head(), refAt, forward))
}

// mismatched returns log-probabilities of other answers behind the batch's
// prompts [B, K, U], under the policy or the reference, with no gradient.
func (in *inputs) mismatched(reference bool) (t tensor.Tensor) {
	b := in.b.Mismatched
	run := func(m *model.Model) {
		t = in.logps(b, m.Forward(NewPass(in.target.Device, b)), m)
	}
	if reference {
		in.asReference(func() { run(in.reference()) })
		return t
	}
	tensor.NoGrad(func() { run(in.model) })
	return t
}

// pooled makes one vector of each sequence [B*K, hidden]; zeros for one without tokens.
func (in *inputs) pooled() tensor.Tensor {
	if in.vectors.Defined() {
		return in.vectors
	}
	hidden := in.hidden()
	d := in.target.Device
	if encoder, ok := in.model.Backbone.(model.Encoder); ok {
		in.vectors = encoder.PooledDropout().Forward(encoder.Pooled(hidden, tensor.Of(d, in.firstTokens())))
		return in.vectors
	}
	in.vectors = in.o.pool(in.packed(hidden))
	return in.vectors
}

// packed lists the tokens of each sequence for a pooling over hidden states.
func (in *inputs) packed(hidden tensor.Tensor) exec.Given {
	var token, sequence, ids []int64
	for i := range in.b.Sequences {
		for _, t := range in.unpadded(in.b.SequenceTokens(i)) {
			token = append(token, t)
			sequence = append(sequence, int64(i))
			ids = append(ids, in.b.IDs[t])
		}
	}
	d := in.target.Device
	return exec.Given{
		Inputs: map[string]tensor.Tensor{
			"hidden":       hidden,
			"token":        tensor.Of(d, token),
			"sequence":     tensor.Of(d, sequence),
			"ids":          tensor.Of(d, ids),
			"eos_token_id": tensor.Scalar(d, in.o.EOS),
		},
		Sizes: map[string]int64{
			"P": hidden.Size(0),
			"H": hidden.Size(1),
			"M": int64(len(token)),
			"N": int64(len(in.b.Sequences)),
		},
	}
}

// unpadded are the tokens up to the last that is not the pad token, or the first
// alone where all are: transformers cannot tell a sequence's own pad tokens, such
// as an end token that is one, from those that fill up a batch.
func (in *inputs) unpadded(tokens []int64) []int64 {
	for len(tokens) > 1 && in.b.IDs[tokens[len(tokens)-1]] == in.o.Pad {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

// pool runs the pooling, which is compiled at its first use.
func (o *Objective) pool(in exec.Given) tensor.Tensor {
	if o.pooling == nil || o.pooling.Program() != o.Pooling {
		o.pooling = exec.Compile(o.Pooling, o.device.Target())
	}
	return o.pooling.Pool(in)
}

// firstTokens says where each sequence begins; one without tokens gets the
// first one's place, since nothing reads its result.
func (in *inputs) firstTokens() []int64 {
	first := make([]int64, len(in.b.Sequences))
	for r := range first {
		if tokens := in.b.SequenceTokens(r); len(tokens) > 0 {
			first[r] = tokens[0]
		}
	}
	return first
}

// scores returns the rewards of the score head [B, K], 0 for a candidate that
// only fills up.
func (in *inputs) scores() tensor.Tensor {
	prompts := int64(in.b.B)
	candidates := int64(in.b.K)
	scores := in.model.Score.Forward(in.pooled()).View(prompts, candidates)
	return scores.WhereScalar(tensor.Of(in.target.Device, in.b.Real, prompts, candidates), 0)
}

// classHead finds the head of classes that a loss calls by name: a model's only
// head answers to any.
func (in *inputs) classHead(name string) *nn.Linear {
	if head, found := in.model.Classes[name]; found {
		return head
	}
	return in.model.Classes[""]
}
