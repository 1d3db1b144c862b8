package dpo

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// The types of loss, as the parameter dpo_loss_type has them.
const (
	sigmoid = "sigmoid"
	robust  = "robust"
	hinge   = "hinge"
	ipo     = "ipo"
	apoZero = "apo_zero"
	apoDown = "apo_down"
	ktoPair = "kto_pair"
)

var types = []string{sigmoid, robust, hinge, ipo, apoZero, apoDown, ktoPair}

// part is a type with its weight.
type part struct {
	name   string
	weight float64
}

// Validate checks the types, their weights, and what some types require of other parameters.
func (l Loss) Validate() error {
	parts, err := l.parts()
	if err != nil {
		return err
	}
	for _, p := range parts {
		switch {
		case p.name == ipo && l.Beta == 0:
			return errors.New("dpo_beta is 0, and dpo_loss_type ipo divides by it; want a number above 0")
		case p.name == robust && l.LabelSmoothing == 0.5:
			return errors.New("label_smoothing is 0.5, and dpo_loss_type robust divides by 1 - 2 · label_smoothing; want a number below 0.5")
		}
	}
	return nil
}

// parts reads the types and their weights.
func (l Loss) parts() ([]part, error) {
	var parts []part
	seen := map[string]bool{}
	for _, word := range strings.Split(l.Type, ",") {
		name := strings.TrimSpace(word)
		switch {
		case !known(name):
			return nil, errors.New("dpo_loss_type has " + strconv.Quote(name) + "; want " + strings.Join(types, ", ") + ", or several of them, comma-separated")
		case seen[name]:
			return nil, errors.New("dpo_loss_type has " + name + " twice; want it once, and its weight in dpo_loss_weights")
		}
		seen[name] = true
		parts = append(parts, part{name, 1})
	}
	if l.Weights == "" {
		return parts, nil
	}
	words := strings.Split(l.Weights, ",")
	if len(words) != len(parts) {
		return nil, errors.New("dpo_loss_weights has " + strconv.Itoa(len(words)) + " weights, dpo_loss_type " + strconv.Itoa(len(parts)) + " types; want one weight per type")
	}
	for i, word := range words {
		w, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || math.IsNaN(w) || math.IsInf(w, 0) || w < 0 {
			return nil, errors.New("dpo_loss_weights has " + strconv.Quote(strings.TrimSpace(word)) + "; want comma-separated numbers of at least 0")
		}
		parts[i].weight = w
	}
	return parts, nil
}

func known(name string) bool {
	for _, t := range types {
		if t == name {
			return true
		}
	}
	return false
}
