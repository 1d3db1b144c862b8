// Package multiclassification trains a classifier that answers several questions
// about a text at once, each with a head of its own.
package multiclassification

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"llmhost/builtin/classification"
	"llmhost/sdk"
)

// Loss is a sum of cross entropies, one for each objective o with its coefficient λ_o:
//
//	L = Σ_o λ_o · mean over the examples that have a label of o of −log softmax(z^o)_c
//
// where z^o are the logits of the head called o. An example may lack any of the
// objectives.
//
// Metrics: accuracy/OBJECTIVE, defined as in classification.Loss.
type Loss struct {
	Objectives string `llmhost:"cls_objectives,default=label=1,values=source=1.0|rank=0.5,doc=names and weights of the objectives, such as source=1.0,rank=0.5; without a number the weight is 1"`
}

// Validate checks the list of objectives.
func (l Loss) Validate() error {
	_, err := parse(l.Objectives)
	return err
}

// Trace records the loss.
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	objectives, _ := parse(l.Objectives) // Validate has seen them
	var o sdk.Objective
	for _, objective := range objectives {
		term, accuracy := classification.CrossEntropy(g, objective.name, 0)
		term.Name = objective.name
		term.Coefficient = objective.coefficient
		accuracy.Name = "accuracy/" + objective.name
		o.Terms, o.Metrics = append(o.Terms, term), append(o.Metrics, accuracy)
	}
	return o
}

// objective is one question about a text.
type objective struct {
	name        string
	coefficient float64
}

// parse reads "source=1.0,rank=0.5".
func parse(list string) ([]objective, error) {
	var all []objective
	seen := map[string]bool{}
	for _, word := range strings.Split(list, ",") {
		name, number, weighed := strings.Cut(strings.TrimSpace(word), "=")
		name = strings.TrimSpace(name)
		o := objective{name, 1}
		switch {
		case !isName(name):
			return nil, errors.New("cls_objectives has " + strconv.Quote(name) + "; want names of letters, digits and _, such as source=1.0,rank=0.5")
		case seen[name]:
			return nil, errors.New("cls_objectives has " + name + " twice")
		}
		if weighed {
			var err error
			o.coefficient, err = strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil ||
				math.IsNaN(o.coefficient) ||
				math.IsInf(o.coefficient, 0) ||
				o.coefficient < 0 {
				return nil, errors.New("cls_objectives gives " + name + " the coefficient " + strconv.Quote(number) + "; want a number of at least 0")
			}
		}
		seen[name] = true
		all = append(all, o)
	}
	return all, nil
}

// isName accepts what the name of a head's dimension may hold.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 48
}

// Plugin is the loss, its formatter and the task that trains with them.
var Plugin = sdk.Plugin{
	Name:    "multi_objective_classification",
	Version: "1.0.0",
	Doc:     "classifiers with several heads",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"multi_objective_classification",
		"weighted sum of cross entropies, one for each head",
		Loss{},
	)},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"multi_labelled",
		"a text and the name of its class for each objective",
		Formatter{},
	)},
	Tasks: []sdk.Task{{
		Name: "multi_objective_classification", Doc: "train a classifier that answers several questions about a text",
		Formatter: "multi_labelled", Head: sdk.ClassHead, Pooling: "builtin:eos", Loss: "multi_objective_classification",
	}},
}
