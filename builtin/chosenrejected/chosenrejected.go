// Package chosenrejected holds the formatter of pairs of answers, the data of
// preference losses such as DPO:
//
//	{"prompt": "2 + 2 = ", "chosen": "4", "rejected": "5"}
//	{"chosen": "Human: 2 + 2?<sep>4", "rejected": "Human: 2 + 2?<sep>5"}
//	{"texts": ["2 + 2 = <sep>4", "2 + 2 = <sep>5", "2 + 2 = <sep>22"], "scores": [1, 0.2, 0]}
package chosenrejected

import (
	"errors"
	"strconv"

	"llmhost/builtin/fields"
	"llmhost/builtin/pairs"
	"llmhost/builtin/preference"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "chosen_rejected", Version: "1.0.0", Doc: "records of a chosen and a rejected answer, or of several with a score each",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"chosen_rejected",
		"a chosen and a rejected answer to a prompt, or several with a score each",
		Default(),
	)},
}

// Formatter makes an example of the candidates that are part of a pair, each with
// a column "score": 1 for the chosen and 0 for the rejected answer of a record that
// names them, otherwise the record's own score. Without a prompt both are whole
// texts, cut as preference.Formatter cuts those of a record with scores, or, where
// prompt_split is auto and no mark is in them, where they begin to differ.
//
// A candidate that construct_method puts into no pair is left out, so that
// nothing is computed for it: with best_over_worst all but the best and the worst,
// with best_over_rest those that tie with the best. A record is dropped if it makes
// no pair, because all scores are equal or there is only one answer, or if an
// answer is empty.
type Formatter struct {
	preference.Formatter
	PromptName   string `llmhost:"prompt_name,doc=field that holds the prompt, where chosen and rejected are answers; empty: prompt"`
	ChosenName   string `llmhost:"chosen_name,doc=field that holds the better answer, or the whole text with it; empty: chosen"`
	RejectedName string `llmhost:"rejected_name,doc=field that holds the worse answer, or the whole text with it; empty: rejected"`
	Pairs        string `llmhost:"construct_method,choices=best_over_rest|best_over_worst|one_over_rest,doc=which candidates of a prompt make pairs"`
}

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter {
	return Formatter{Formatter: preference.Default(), Pairs: pairs.BestOverRest}
}

// Validate checks the marks, and that no two fields have one name.
func (f Formatter) Validate() error {
	if err := f.Formatter.Validate(); err != nil {
		return err
	}
	return fields.Distinct(f.own(), "prompt_name", "chosen_name", "rejected_name")
}

// own are the columns of a record that names its pair.
func (f Formatter) own() []sdk.Column {
	return []sdk.Column{
		{
			Name:     fields.Or(f.PromptName, "prompt"),
			Type:     sdk.String,
			Doc:      "what the model is given",
			Examples: []string{"null", `"2 + 2 = "`},
		},
		{
			Name:     fields.Or(f.ChosenName, "chosen"),
			Type:     sdk.String,
			Doc:      "the better answer",
			Examples: []string{"null", `"4"`},
		},
		{
			Name:     fields.Or(f.RejectedName, "rejected"),
			Type:     sdk.String,
			Doc:      "the worse answer",
			Examples: []string{"null", `"5"`},
		},
	}
}

// Columns declares those of preference.Formatter, then prompt, chosen and rejected.
func (f Formatter) Columns() []sdk.Column { return append(f.Formatter.Columns(), f.own()...) }

// Forms are those of preference.Formatter, and pairs with and without a prompt.
func (f Formatter) Forms() []sdk.Form {
	names := f.own()
	var texts []sdk.FormField
	for _, c := range names {
		texts = append(texts, sdk.FormField{Name: c.Name})
	}
	pair := names[1].Name + " + " + names[2].Name
	return append(f.Formatter.Forms(),
		sdk.Form{Name: names[0].Name + " + " + pair, Fields: texts},
		sdk.Form{Name: pair, Fields: texts[1:]},
	)
}

// Format makes the candidates that are part of a pair.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	parts, scores, err := f.parts(r, o)
	if err != nil {
		return err
	}
	if len(parts) == 1 {
		return o.Drop("no pair: a single answer")
	}
	best, worst := extremes(scores)
	if best == worst {
		return o.Drop("no pair: all scores are equal")
	}
	for i, part := range parts {
		if f.paired(scores, i, best, worst) {
			if part.Empty() {
				return o.Drop("an empty answer")
			}
			o.Candidate(part.Prompt, part.Answer).Set("score", scores[i])
		}
	}
	return nil
}

// extremes returns the indices of the best and the worst score; ties go to the first.
func extremes(scores []float64) (best, worst int) {
	for i, score := range scores {
		if score > scores[best] {
			best = i
		}
		if score < scores[worst] {
			worst = i
		}
	}
	return best, worst
}

// paired tells whether candidate i is part of a pair.
func (f Formatter) paired(scores []float64, i, best, worst int) bool {
	switch f.Pairs {
	case pairs.OneOverRest:
		return true
	case pairs.BestOverWorst:
		return i == best || i == worst
	}
	return i == best || scores[i] < scores[best]
}

// parts reads the record in either of its forms.
func (f Formatter) parts(r *sdk.Row, o *sdk.Out) ([]preference.Part, []float64, error) {
	first := len(f.Names())
	prompt := first
	chosen := first + 1
	rejected := first + 2
	if !r.Has(chosen) && !r.Has(rejected) {
		if f.scored(r) == "" {
			names := f.own()
			return nil, nil, errors.New("fields " + strconv.Quote(names[1].Name) + " and " + strconv.Quote(names[2].Name) + " missing, and so are texts with scores; want either")
		}
		return f.Parts(r, o)
	}
	for i, other := range []int{chosen, rejected} {
		if !r.Has(other) {
			return nil, nil, errors.New("field " + strconv.Quote(f.own()[1+i].Name) + " missing beside " + strconv.Quote(f.own()[2-i].Name))
		}
	}
	if also := f.scored(r); also != "" {
		return nil, nil, errors.New("fields " + strconv.Quote(f.own()[1].Name) + " and " + strconv.Quote(also) + " both present; want a pair or texts with scores")
	}
	if r.Has(prompt) {
		p := r.Str(prompt)
		return []preference.Part{{Prompt: p, Answer: r.Str(chosen)}, {Prompt: p, Answer: r.Str(rejected)}}, []float64{1, 0}, nil
	}
	texts := []string{r.Str(chosen), r.Str(rejected)}
	cut := f.Formatter
	if cut.Split == preference.Auto && !cut.Marked(texts) {
		cut.Split = preference.CommonStart
	}
	parts, err := cut.Cut(texts, o)
	return parts, []float64{1, 0}, err
}

// scored is the name of a field of texts or scores that the record has, or "".
func (f Formatter) scored(r *sdk.Row) string {
	for i, name := range f.Names() {
		if r.Has(i) {
			return name
		}
	}
	return ""
}
