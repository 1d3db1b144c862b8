// Package classification trains a classifier of texts.
package classification

import "llmhost/sdk"

// Loss is the cross entropy of an example's class under one head. With z the
// logits of C classes, c the example's own class and ε = Smoothing,
//
//	L = mean over examples of −(1 − ε) · log softmax(z)_c − ε/C · Σ_j log softmax(z)_j
//
// Examples with a negative label have no class that the head knows and do not count.
//
// Metrics: accuracy, over all examples whose label is not −100; any other negative
// label stands for a class that training never saw, and counts as wrong.
// Smoothing is Szegedy et al. 2015, arXiv:1512.00567, section 7, named as in
// transformers' TrainingArguments, whose default is 0 too.
type Loss struct {
	Head      string  `llmhost:"cls_head,default=label,doc=name of the classification head; used for nothing else"`
	Smoothing float64 `llmhost:"label_smoothing_factor,default=0,min=0,max=1,doc=share of the label that is spread evenly over all classes"`
}

// Trace records the loss. Shapes: logits [B, C]; label, cost [B].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	term, accuracy := CrossEntropy(g, l.Head, l.Smoothing)
	term.Name = "cross_entropy"
	accuracy.Name = "accuracy"
	return sdk.Objective{Terms: []sdk.Term{term}, Metrics: []sdk.Metric{accuracy}}
}

// None is the label of an example that has none under a head.
const None = -100

// CrossEntropy is the cross entropy of one head and its accuracy, both unnamed.
func CrossEntropy(g *sdk.Graph, head string, smoothing float64) (sdk.Term, sdk.Metric) {
	logits := g.Logits(head)
	label := g.Label(head)
	known := label.GeScalar(0)
	logp := logits.Sub(logits.LogSumExp(-1).Unsqueeze(-1))
	cost := logp.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1).Neg()
	if smoothing != 0 {
		cost = cost.MulScalar(1 - smoothing).Sub(logp.Mean(-1).MulScalar(smoothing))
	}
	right := logits.Argmax(-1).Eq(label) // never true of a negative label
	return sdk.Term{
			Sum:         cost.Where(known, 0).Sum(),
			Count:       known.Sum(),
			Coefficient: 1,
		},
		sdk.Metric{Sum: right.Sum(), Count: label.NeScalar(None).Sum()}
}

// Plugin is the loss, its formatter and the task that trains with them.
var Plugin = sdk.Plugin{
	Name:       "classification",
	Version:    "1.0.0",
	Doc:        "classifiers of texts",
	Losses:     []sdk.LossSpec{sdk.NewLoss("classification", "cross entropy of the text's class", Loss{})},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("labelled", "a text and the name of its class", Formatter{})},
	Tasks: []sdk.Task{{
		Name: "classification", Doc: "train a classifier of texts",
		Formatter: "labelled", Head: sdk.ClassHead, Pooling: "builtin:eos", Loss: "classification",
	}},
}
