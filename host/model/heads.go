package model

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// Heads says which heads are on the body of a network. The zero value is the one
// head that predicts tokens.
type Heads struct {
	LM      bool        // predicts tokens
	Score   bool        // gives a sequence its reward
	Classes []ClassHead // each gives a sequence the logits of its classes
	// Codebase names a score head as llm_codebase does, rm_head, instead of
	// transformers' …ForSequenceClassification, which always pools at the last
	// token and has no head for tokens beside it.
	Codebase bool
}

// ClassHead is a head of classes. The only one of a model whose name is "" is
// that of transformers' …ForSequenceClassification, which always pools at the
// last token; others, each with a bias, are named as in llm_codebase.
type ClassHead struct {
	Name        string
	Labels      []string // by class
	Coefficient float64  // of its loss
	Fresh       bool     `json:"-"` // initialize it, although the model's files may hold it, for other classes
}

// The names of heads in files.
const (
	scoreName    = "score"      // of …ForSequenceClassification on a decoder
	bertName     = "classifier" // and on BERT
	codebaseName = "rm_head"
	formerName   = "reward_head" // llm_codebase's before March 2024
	classesName  = "cls_heads."
)

// codebaseClassifier ends the class name of llm_codebase's classifier
// of several heads; it is spelled so there.
const codebaseClassifier = "Classifer"

// none tells whether h names no head.
func (h Heads) none() bool { return !h.LM && !h.Score && len(h.Classes) == 0 }

// predict tells whether there is a head that predicts tokens.
func (h Heads) predict() bool { return h.LM || h.none() }

// addHeads adds the requested heads to f. A decoder's score head and its
// only head of classes have no bias; BERT's have one.
func (f *Model) addHeads(p *nn.Params, h Heads) {
	bert := IsEncoder(f.Config.ModelType)
	h.Codebase = h.Codebase && !bert // BERT pools as …ForSequenceClassification does, whatever the run's pooling
	f.Heads = h
	one := func(codebase bool, out int) *nn.Linear {
		switch {
		case bert:
			return p.Head(bertName, f.Config.HiddenSize, int64(out), true)
		case codebase:
			return p.Head(codebaseName, f.Config.HiddenSize, int64(out), false)
		}
		return p.Head(scoreName, f.Config.HiddenSize, int64(out), false)
	}
	if h.Score {
		f.Score = one(h.Codebase, 1)
	}
	f.Classes = map[string]*nn.Linear{}
	for _, c := range h.Classes {
		if c.Name == "" {
			f.Classes[""] = one(false, len(c.Labels))
			continue
		}
		f.Classes[c.Name] = p.Head(classesName+c.Name, f.Config.HiddenSize, int64(len(c.Labels)), true)
	}
}

// isHead tells whether a parameter belongs to a head that a run may initialize.
func isHead(name string) bool {
	module := nn.Param{Name: name}.Module()
	return slices.Contains([]string{scoreName, bertName, codebaseName}, module) ||
		strings.HasPrefix(module, classesName)
}

// HeadParams names the parameters of the score head and of the heads of classes.
func (f *Model) HeadParams() (names []string) {
	for _, p := range f.Params().All() {
		if isHead(p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// orFresh initializes the heads that the file does not have, or has for other
// classes, and notes which.
func (f *Model) orFresh(files *stored, o Options) nn.Source {
	read := files.source(o)
	draw := f.randomSource(o)
	return func(name string, shape []int64) tensor.Tensor {
		if !isHead(name) {
			return read(name, shape)
		}
		there := files.find(name)
		fresh := !files.Has(there) || o.Heads.drawn(name)
		if found, err := files.Get(there); !fresh &&
			err == nil &&
			!slices.Equal(found.Shape, shape) {
			if !o.IgnoreMismatchedSizes {
				panic(SourceError{Err: fmt.Errorf("%s: tensor %q has shape %s; the head of this task wants %s; set ignore_mismatched_sizes = true to initialize it",
					files.Path(), there, safetensors.ShapeText(found.Shape), safetensors.ShapeText(shape))})
			}
			fresh = true
		}
		if !fresh {
			return read(name, shape)
		}
		f.Fresh = append(f.Fresh, name)
		return draw(name, shape)
	}
}

// drawn tells whether a parameter belongs to a head of classes that is initialized.
func (h Heads) drawn(name string) bool {
	of, named := strings.CutPrefix(nn.Param{Name: name}.Module(), classesName)
	if !named {
		of = ""
	}
	return slices.ContainsFunc(h.Classes, func(c ClassHead) bool { return c.Fresh && c.Name == of })
}
