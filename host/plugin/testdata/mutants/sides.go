package mutants

import (
	"errors"
	"strings"

	"llmhost/sdk"
)

// pair reads a prompt with a chosen and a rejected answer.
type pair struct {
	format func(prompt, chosen, rejected string, o *sdk.Out)
}

func (pair) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "prompt", Type: sdk.String, Required: true},
		{Name: "chosen", Type: sdk.String, Required: true},
		{Name: "rejected", Type: sdk.String, Required: true},
	}
}

func (f pair) Format(r *sdk.Row, o *sdk.Out) error {
	f.format(r.Str(0), r.Str(1), r.Str(2), o)
	return nil
}

// wholes reads two whole texts.
type wholes struct {
	format func(chosen, rejected string, o *sdk.Out) error
}

func (wholes) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "chosen", Type: sdk.String, Required: true, Examples: []string{`"Human: Name a colour. Assistant: Red."`, `"Human: Count to two. Assistant: One, two."`}},
		{Name: "rejected", Type: sdk.String, Required: true, Examples: []string{`"Human: Name a colour. Assistant: Seven."`, `"Human: Count to two. Assistant: No."`}},
	}
}

func (f wholes) Format(r *sdk.Row, o *sdk.Out) error { return f.format(r.Str(0), r.Str(1), o) }

// weighted reads a weight that may be absent.
type weighted struct {
	absent float64
}

func (weighted) Columns() []sdk.Column {
	return append(qa{}.Columns(), sdk.Column{Name: "weight", Type: sdk.Float})
}

func (f weighted) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate(r.Str(0), r.Str(1))
	weight := f.absent
	if r.Has(2) {
		weight = r.Float(2)
	}
	o.Set("weight", weight)
	return nil
}

// judged reads a label that says whether the answer is good.
type judged struct{ good, bad float64 }

func (judged) Columns() []sdk.Column {
	return append(qa{}.Columns(), sdk.Column{Name: "label", Type: sdk.Bool, Required: true})
}

func (f judged) Format(r *sdk.Row, o *sdk.Out) error {
	label := f.bad
	if r.Bool(2) {
		label = f.good
	}
	o.Candidate(r.Str(0), r.Str(1)).Set("label", label)
	return nil
}

// sides give candidates the wrong prompt, score or weight.
func sides() []Mutant {
	scored := func(chosen, rejected float64) sdk.Formatter {
		return pair{func(prompt, better, worse string, o *sdk.Out) {
			o.Candidate(prompt, better).Set("score", chosen)
			o.Candidate(prompt, worse).Set("score", rejected)
		}}
	}
	rescored := func(score func(s float64) float64) sdk.Formatter {
		return ranked{func(texts []string, scores []float64, o *sdk.Out) error {
			for i, text := range texts {
				prompt, answer := cut(text)
				o.Candidate(prompt, answer).Set("score", score(scores[i]))
			}
			return nil
		}}
	}
	return []Mutant{
		formatterMutant("scores-turned-round", "the rejected answer gets the higher score", scored(0, 1), "scores"),
		formatterMutant("scores-even", "both answers get the same score", scored(1, 1), "scores"),
		formatterMutant("rejected-first", "the rejected answer comes first, and nothing else tells them apart", pair{func(prompt, better, worse string, o *sdk.Out) {
			o.Candidate(prompt, worse)
			o.Candidate(prompt, better)
		}}, "scores"),
		formatterMutant("scores-negated", "scores are negated", rescored(func(s float64) float64 { return -s }), "scores"),
		formatterMutant("scores-without-sign", "scores lose their sign", rescored(func(s float64) float64 {
			if s < 0 {
				return -s
			}
			return s
		}), "scores"),
		formatterMutant("label-turned-round", "a good answer gets -1, a bad one 1", judged{-1, 1}, "scores"),
		formatterMutant("rejected-without-prompt", "the rejected answer has no prompt", pair{func(prompt, better, worse string, o *sdk.Out) {
			o.Candidate(prompt, better).Set("score", 1)
			o.Candidate("", worse).Set("score", 0)
		}}, "texts"),
		formatterMutant("rejected-prompt-lost", "the rejected text is cut at the length of the chosen one's prompt", wholes{func(chosen, rejected string, o *sdk.Out) error {
			at := strings.Index(chosen, "Assistant: ")
			if at < 0 || len(rejected) < at+11 {
				return o.Drop("no assistant")
			}
			o.Candidate(chosen[:at+11], chosen[at+11:]).Set("score", 1)
			o.Candidate(chosen[:at+11], rejected[at+11:]).Set("score", 0)
			return nil
		}}, "texts"),
		formatterMutant("chosen-in-rejected-prompt", "the rejected answer's prompt has the chosen answer", pair{func(prompt, better, worse string, o *sdk.Out) {
			o.Candidate(prompt, better).Set("score", 1)
			o.Candidate(prompt+better, worse).Set("score", 0)
		}}, "texts"),
		formatterMutant("no-weight-is-none", "a missing weight is read as 0", weighted{0}, "weights"),
		formatterMutant("no-weight-is-negative", "a missing weight is read as -1", weighted{-1}, "weights"),
		formatterMutant("rating-negated", "a rating is negated", gradedBy{"rating", sdk.Float, -1}, "scores"),
		formatterMutant("liking-negated", "1 for a good answer becomes -1", gradedBy{"desirable", sdk.Int, -1}, "scores"),
		formatterMutant("no-weights-are-none", "missing weights are read as 0", listed{}, "weights"),
		formatterMutant("no-weight-is-half", "a missing weight is read as a half", weighted{0.5}, "weights").noted(),
	}
}

// gradedBy reads one number beside the answer.
type gradedBy struct {
	name string
	kind sdk.ColumnType
	sign float64
}

func (f gradedBy) Columns() []sdk.Column {
	return append(qa{}.Columns(), sdk.Column{Name: f.name, Type: f.kind, Required: true})
}

func (f gradedBy) Format(r *sdk.Row, o *sdk.Out) error {
	v := 0.0
	if f.kind == sdk.Int {
		v = float64(r.Int(2))
	} else {
		v = r.Float(2)
	}
	o.Candidate(r.Str(0), r.Str(1)).Set("score", f.sign*v)
	return nil
}

// listed reads weights of candidates that may be absent.
type listed struct{}

func (listed) Columns() []sdk.Column {
	return append(ranked{}.Columns(), sdk.Column{Name: "weights", Type: sdk.FloatList})
}

func (listed) Format(r *sdk.Row, o *sdk.Out) error {
	texts, scores, weights := r.Strs(0), r.Floats(1), r.Floats(2)
	if len(texts) == 0 || len(texts) != len(scores) || r.Has(2) && len(weights) != len(texts) {
		return errors.New("texts, scores and weights do not pair up")
	}
	for i, text := range texts {
		prompt, answer := cut(text)
		c := o.Candidate(prompt, answer)
		c.Set("score", scores[i])
		weight := 0.0
		if r.Has(2) {
			weight = weights[i]
		}
		c.Set("weight", weight)
	}
	return nil
}
