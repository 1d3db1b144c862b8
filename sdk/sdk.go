// Package sdk is what a plugin imports: the types of losses, poolings and
// formatters, the graph that a loss or pooling is traced into, and the server
// that answers a host's calls. A plugin is a value of type Plugin; sdk/wasm
// hands it to a host as a WASM module. The package uses only the standard
// library and computes no tensors: a Graph only records what the host will run.
//
// To write a loss, start at Loss and Graph; README.md documents the contract.
package sdk

import "llmhost/sdk/op"

// Version is the version of this SDK, which a descriptor names.
const Version = "0.3.0"

// ABI is the version of the calls between host and plugin. A host refuses any
// other. ABIMinor rises with additions that an older host can ignore.
const (
	ABI      = 2
	ABIMinor = 1
)

// DType is the type of a tensor's elements.
type DType = op.DType

// The types that To converts between. Masks are of a third type, bool, which
// comparisons give.
const (
	F32 = op.F32
	I64 = op.I64
)

// Dim is the length of an axis as a symbol: "B", "3" or "2*B".
type Dim = op.Dim

// Shape lists the axes of a tensor.
type Shape = op.Shape

// Loss is a training objective. Its exported fields with an llmhost tag are
// its parameters:
//
//	Margin float64 `llmhost:"margin,default=0,min=0,doc=gap wanted for every pair"`
//
// of type float64, int, bool or string, with default=, min=, max=,
// choices=a|b|c, values=a|b (some that a text without choices takes, which plugins
// check tries) and doc= (last, since it may contain commas). A method Validate()
// error, if present, checks them together.
type Loss interface {
	// Trace records the loss once. What it computes may depend on the
	// parameters, never on data: the graph holds symbols, not numbers.
	Trace(g *Graph) Objective
}

// Pooling turns hidden states into one vector a sequence. Parameters are as in
// Loss.
//
// A pooling may have the methods PoolsLastToken() bool, which is true if it
// takes the hidden state of each sequence's last token unchanged, as
// transformers' …ForSequenceClassification do; and Allow() map[string]string,
// which works like Objective.Allow. Both are called with the parameters set. A
// pooling of the last token gets sequences without the pad tokens at their end,
// such as an end token that is the pad token: transformers looks for the last
// token that is not the pad token.
type Pooling interface {
	// Trace returns f32 [N, H], computed from g.Hidden and the other pooling
	// inputs.
	Trace(g *Graph) Tensor
}

// Objective is what a loss yields: loss = Σ over Terms of
// Coefficient · ΣSum/ΣCount, where both sums run over the whole optimizer step.
type Objective struct {
	Terms   []Term
	Metrics []Metric
	States  []State

	// Allow lists what `plugins check` would report although it is intended: the
	// name of the check, and why it does not apply. It accompanies the program
	// but is not part of it.
	//
	//	Allow: map[string]string{"detach": "the advantage is a constant by eq. 5"}
	Allow map[string]string
}

// Term is one part of the loss. Sum is an f32 scalar over the batch, never a
// mean, so that how a batch was split cannot change the gradient. Count is an
// f32 scalar that depends on data alone; without it the term is a plain sum.
type Term struct {
	Name        string
	Sum, Count  Tensor
	Coefficient float64
}

// Metric is reported as ΣSum/ΣCount over all batches, or as the exponential of
// that if Exp is set (a perplexity). A log entry of training averages the loss over
// its steps, and so the mean under an exponential.
type Metric struct {
	Name       string
	Sum, Count Tensor
	Exp        bool
}

// State is a number kept from step to step: g.State(Name) reads it. It begins as
// Initial, and after each optimizer step it becomes Update, an f32 scalar
// computed only from states and GlobalMeans.
type State struct {
	Name    string
	Initial float64
	Update  Tensor
}

// Plugin is what one file offers: components, and tasks that combine them.
type Plugin struct {
	Name    string // letters, digits, - and _
	Version string
	Doc     string // one line

	Losses     []LossSpec
	Poolings   []PoolingSpec
	Formatters []FormatterSpec
	Tasks      []Task
}

// The heads of a task.
const (
	LMHead    = op.LMHead    // gives log-probabilities of tokens
	ScoreHead = op.ScoreHead // gives each candidate a reward
	ClassHead = op.ClassHead // gives each example the logits of classes, by name
)

// Task names the parts of a training run. A part is a component of the same
// plugin, or "builtin:NAME", or empty where the task has none of its kind.
type Task struct {
	Name, Doc string
	Formatter string
	Head      string // one that the loss reads: LMHead, ScoreHead or ClassHead; empty means whatever it reads
	Pooling   string
	Loss      string

	// Aliases are other names of the task, such as a former one; a user who
	// gives one is told the name.
	Aliases []string

	// Defaults are settings and parameters that the task starts from: values
	// of type float64, int, bool or string.
	Defaults map[string]any
}

// LossSpec is a named loss of a plugin. Make one with NewLoss.
type LossSpec struct{ component }

// PoolingSpec is a named pooling of a plugin. Make one with NewPooling.
type PoolingSpec struct{ component }

// FormatterSpec is a named formatter of a plugin. Make one with NewFormatter.
type FormatterSpec struct{ component }

// NewLoss names a loss. Fields of proto are the defaults of parameters without
// one in their tag.
func NewLoss(name, doc string, proto Loss) LossSpec {
	return LossSpec{component{"loss", name, doc, proto}}
}

// NewPooling names a pooling, as NewLoss does.
func NewPooling(name, doc string, proto Pooling) PoolingSpec {
	return PoolingSpec{component{"pooling", name, doc, proto}}
}

// NewFormatter names a formatter, as NewLoss does.
func NewFormatter(name, doc string, proto Formatter) FormatterSpec {
	return FormatterSpec{component{"formatter", name, doc, proto}}
}

// component is a part of a plugin with its parameters still at their defaults.
type component struct {
	kind, name, doc string
	proto           any
}

// components lists every component in the order of the descriptor.
func (p Plugin) components() []component {
	var all []component
	for _, spec := range p.Losses {
		all = append(all, spec.component)
	}
	for _, spec := range p.Poolings {
		all = append(all, spec.component)
	}
	for _, spec := range p.Formatters {
		all = append(all, spec.component)
	}
	return all
}

// Name is the component's name.
func (c component) Name() string { return c.name }

// New returns the loss with its parameters set, as a host configures it.
// Parameters that values lacks stay at their defaults.
func (s LossSpec) New(values map[string]any) (Loss, error) {
	part, err := s.configured(values)
	if err != nil {
		return nil, err
	}
	return part.(Loss), nil
}

// New returns the pooling with its parameters set, as New of a LossSpec does.
func (s PoolingSpec) New(values map[string]any) (Pooling, error) {
	part, err := s.configured(values)
	if err != nil {
		return nil, err
	}
	return part.(Pooling), nil
}

// New returns the formatter with its parameters set, as New of a LossSpec does.
func (s FormatterSpec) New(values map[string]any) (Formatter, error) {
	part, err := s.configured(values)
	if err != nil {
		return nil, err
	}
	return part.(Formatter), nil
}
