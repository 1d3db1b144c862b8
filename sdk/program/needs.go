package program

import "strings"

// Needs says what a loss program makes a run provide besides data.
type Needs struct {
	LM         bool     // the head that predicts tokens
	Score      bool     // the score head
	Classes    []string // heads of classes, by name
	Reference  bool     // a model that stays as it is
	Mismatched bool     // prompts with answers of others
	// RefLogps says that a reference model is asked for log-probabilities of the
	// labels alone, which can be computed once for all steps.
	RefLogps bool
}

// Needs reads off the program's inputs what a run must provide.
func (p *Program) Needs() (n Needs) {
	others := false // whether the reference is asked for more than its log-probabilities
	for _, input := range p.Inputs {
		kind, rest, _ := strings.Cut(input.Name, ".")
		switch kind {
		case "policy":
			n.LM = true
		case "rewards":
			n.Score = true
		case "logits":
			n.Classes = append(n.Classes, rest)
		case "ref":
			n.LM = true
			n.Reference = true
		case "kl":
			n.LM = true
			n.Reference = true
			others = true
		case "mismatched":
			n.LM = true
			n.Mismatched = true
			n.Reference = n.Reference || rest == "ref.logps"
			others = true
		}
	}
	n.RefLogps = n.Reference && !others
	return n
}
