package program

import "strings"

// Needs says what a loss program makes a run provide besides data.
type Needs struct {
	LM         bool     // the head that predicts tokens
	Score      bool     // the score head
	Classes    []string // heads of classes, by name
	Reference  bool     // a frozen model
	Mismatched bool     // prompts followed by other examples' answers
	// RefLogps reports that only label log-probabilities are needed of the
	// reference model, which can be computed once for all steps.
	RefLogps   bool
	RefAnswers bool // log-probabilities of the labels under the reference model
	VocabMeans bool // means over the vocabulary of the policy's log-probabilities
}

// Needs derives from the program's inputs what a run must provide.
func (p *Program) Needs() (n Needs) {
	others := false // whether more than log-probabilities is needed of the reference
	for _, input := range p.Inputs {
		kind, rest, _ := strings.Cut(input.Name, ".")
		switch kind {
		case "policy":
			n.LM = true
			n.VocabMeans = n.VocabMeans || rest == "vocab_mean_logps"
		case "rewards":
			n.Score = true
		case "logits":
			n.Classes = append(n.Classes, rest)
		case "ref":
			n.RefAnswers = true
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
