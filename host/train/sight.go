package train

import (
	"strings"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// sight is what a loss sees of one batch: each input is computed when the
// program asks for it, and a model runs over the batch once at most.
type sight struct {
	o     *Objective
	model *model.Model
	b     *data.Batch
	tape  *nn.Tape

	states, refStates, vectors tensor.Tensor // hidden states of both models, pooled vectors; undefined until made
}

// arguments gives the inputs that the values which only names are made of, all
// where it is nil.
func (s *sight) arguments(only []bool, globals map[int]float64) exec.Arguments {
	rows, candidates, labels := int64(s.b.B), int64(s.b.K), int64(s.b.T)
	a := exec.Arguments{Inputs: map[string]tensor.Tensor{}, Sizes: map[string]int64{"B": rows, "K": candidates, "T": labels}, Globals: globals}
	if s.b.Mismatched != nil {
		a.Sizes["U"] = int64(s.b.Mismatched.T)
	}
	for i, input := range s.o.program.Inputs {
		if kind, head, _ := strings.Cut(input.Name, "."); kind == "logits" && s.model != nil {
			a.Sizes["C_"+head] = s.classHead(head).Weight.Size(0)
		}
		if only != nil && !only[i] {
			continue
		}
		if t := s.input(input.Name); t.Defined() {
			a.Inputs[input.Name] = t
		}
	}
	return a
}

// input computes one input; undefined where the batch lacks it.
func (s *sight) input(name string) (t tensor.Tensor) {
	d, rows, candidates, labels := s.o.where.Device, int64(s.b.B), int64(s.b.K), int64(s.b.T)
	kind, rest, _ := strings.Cut(name, ".")
	switch {
	case name == "policy.logps":
		return s.logps(s.b, s.hidden(), s.model)
	case name == "ref.logps":
		return s.refLogps()
	case kind == "kl":
		return s.kl(rest == "forward")
	case kind == "mismatched":
		return s.mismatched(rest == "ref.logps")
	case name == "rewards":
		return s.rewards()
	case kind == "logits":
		return s.classHead(rest).Forward(s.pooled())
	case kind == "state":
		return tensor.Full(d, s.o.where.Real, s.o.States[rest])
	case name == "label_mask":
		return tensor.Of(d, s.b.LabelMask, rows, candidates, labels)
	case name == "candidate_mask":
		return tensor.Of(d, s.b.Real, rows, candidates)
	case kind == "label" && s.b.Labels[rest] != nil:
		return tensor.Of(d, s.b.Labels[rest], rows)
	case kind == "column" && s.b.Columns[rest] != nil:
		return tensor.Of(d, s.b.Columns[rest], rows, candidates)
	case kind == "example_column" && s.b.ExampleColumns[rest] != nil:
		return tensor.Of(d, s.b.ExampleColumns[rest], rows)
	}
	return t
}

// hidden runs the policy over the batch.
func (s *sight) hidden() tensor.Tensor {
	if !s.states.Defined() {
		pass := NewPass(s.o.where.Device, s.b)
		pass.Tape = s.tape
		s.states = s.model.Forward(pass)
	}
	return s.states
}

// reference is the model that stays as it is.
func (s *sight) reference() *model.Model {
	if s.o.Reference.Model != nil {
		return s.o.Reference.Model
	}
	return s.model
}

// asReference runs f with no gradient, and with the adapters off where the
// reference is the policy without them.
func (s *sight) asReference(f func()) {
	mode := s.reference().Params().Mode()
	before := *mode
	mode.Training, mode.Off = false, s.o.Reference.Model == nil
	defer func() { *mode = before }()
	tensor.NoGrad(f)
}

// refHidden runs the reference over the batch.
func (s *sight) refHidden() tensor.Tensor {
	if !s.refStates.Defined() {
		s.asReference(func() { s.refStates = s.reference().Forward(NewPass(s.o.where.Device, s.b)) })
	}
	return s.refStates
}

// logps returns the label tokens' log-probabilities [B, K, T] of b under a model:
// its head runs at the positions that predict a label and nowhere else.
func (s *sight) logps(b *data.Batch, hidden tensor.Tensor, m *model.Model) tensor.Tensor {
	return s.view(b, labelLogps(s.o.where.Device, m, hidden, b))
}

// labelLogps returns the log-probability of each label of b [M], in its order.
func labelLogps(d tensor.Device, m *model.Model, hidden tensor.Tensor, b *data.Batch) tensor.Tensor {
	at := hidden.IndexSelect(0, tensor.Of(d, b.Source))
	return m.Head().TokenLogps(at, tensor.Of(d, b.Target))
}

// view lays numbers of the labels [M] out as [B, K, T].
func (s *sight) view(b *data.Batch, numbers tensor.Tensor) tensor.Tensor {
	d := s.o.where.Device
	view := tensor.Zeros(d, numbers.DType(), int64(b.B*b.K*b.T)).Scatter(0, tensor.Of(d, b.Slot), numbers)
	return view.View(int64(b.B), int64(b.K), int64(b.T))
}

// refLogps returns what was computed before the run where that is there.
func (s *sight) refLogps() (t tensor.Tensor) {
	if s.b.RefLogps != nil {
		return tensor.Of(s.o.where.Device, s.b.RefLogps, int64(s.b.B), int64(s.b.K), int64(s.b.T))
	}
	hidden := s.refHidden()
	s.asReference(func() { t = s.logps(s.b, hidden, s.reference()) })
	return t
}

// kl returns the divergence between both models at each label [B, K, T].
func (s *sight) kl(forward bool) tensor.Tensor {
	source := tensor.Of(s.o.where.Device, s.b.Source)
	at, refAt := s.hidden().IndexSelect(0, source), s.refHidden().IndexSelect(0, source)
	return s.view(s.b, s.model.Head().TokenKL(at, s.reference().Head(), refAt, forward))
}

// mismatched returns log-probabilities of other answers behind the batch's
// prompts [B, K, U], under the policy or the reference, with no gradient.
func (s *sight) mismatched(reference bool) (t tensor.Tensor) {
	b := s.b.Mismatched
	run := func(m *model.Model) {
		t = s.logps(b, m.Forward(NewPass(s.o.where.Device, b)), m)
	}
	if reference {
		s.asReference(func() { run(s.reference()) })
		return t
	}
	tensor.NoGrad(func() { run(s.model) })
	return t
}

// pooled makes one vector of each row [B*K, hidden]; zeros of a row without tokens.
func (s *sight) pooled() tensor.Tensor {
	if s.vectors.Defined() {
		return s.vectors
	}
	hidden := s.hidden()
	d := s.o.where.Device
	if encoder, ok := s.model.Backbone.(model.Encoder); ok {
		s.vectors = encoder.PooledDropout().Forward(encoder.Pooled(hidden, tensor.Of(d, s.firstTokens())))
		return s.vectors
	}
	var token, sequence, ids []int64
	for r := range s.b.Sequences {
		for _, t := range s.b.SequenceTokens(r) {
			token, sequence, ids = append(token, t), append(sequence, int64(r)), append(ids, s.b.IDs[t])
		}
	}
	s.vectors = exec.Pool(s.o.Pooling, s.o.where, exec.Arguments{
		Inputs: map[string]tensor.Tensor{"hidden": hidden, "token": tensor.Of(d, token), "sequence": tensor.Of(d, sequence),
			"ids": tensor.Of(d, ids), "eos_token_id": tensor.Scalar(d, s.o.EOS)},
		Sizes: map[string]int64{"P": hidden.Size(0), "H": hidden.Size(1), "M": int64(len(token)), "N": int64(len(s.b.Sequences))},
	})
	return s.vectors
}

// firstTokens says where each row begins; a row without tokens is given the
// first one's place, since nothing reads what comes of it.
func (s *sight) firstTokens() []int64 {
	first := make([]int64, len(s.b.Sequences))
	for r := range first {
		if tokens := s.b.SequenceTokens(r); len(tokens) > 0 {
			first[r] = tokens[0]
		}
	}
	return first
}

// rewards returns those of the score head [B, K], 0 for a candidate that only
// fills up its row.
func (s *sight) rewards() tensor.Tensor {
	rows, candidates := int64(s.b.B), int64(s.b.K)
	rewards := s.model.Score.Forward(s.pooled()).View(rows, candidates)
	return rewards.WhereScalar(tensor.Of(s.o.where.Device, s.b.Real, rows, candidates), 0)
}

// classHead finds the head of classes that a loss calls by name: a model's only
// head answers to any.
func (s *sight) classHead(name string) *nn.Linear {
	if head, found := s.model.Classes[name]; found {
		return head
	}
	return s.model.Classes[""]
}
