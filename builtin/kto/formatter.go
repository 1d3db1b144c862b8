package kto

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Formatter makes an example of one candidate from a record of a prompt, its
// answer and whether that is desirable:
//
//	{"prompt": "2 + 2 = ", "answer": "4", "label": true}
//
// The label is true or false, or a number: one above 0 is desirable. The
// candidate's column "score" is that number, 1 for true and −1 for false. A record
// whose answer is empty or blank is dropped.
type Formatter struct {
	PromptName string `llmhost:"kto_pair_prompt_name,doc=field that holds the prompt; empty: prompt"`
	AnswerName string `llmhost:"kto_pair_answer_name,doc=field that holds the answer; empty: answer, or completion if the record has that"`
	LabelName  string `llmhost:"kto_pair_label_name,doc=field that says whether the answer is desirable, true or a number above 0; empty: label, or score if the record has that"`
}

// Validate checks that no two fields have one name.
func (f Formatter) Validate() error {
	columns := []sdk.Column{{Name: fields.Or(f.PromptName, "prompt")}, {Name: f.answers()[0]}, {Name: f.labels()[0]}}
	return fields.Distinct(columns, "kto_pair_prompt_name", "kto_pair_answer_name", "kto_pair_label_name")
}

func (f Formatter) answers() []string { return eitherOf(f.AnswerName, "answer", "completion") }

func (f Formatter) labels() []string { return eitherOf(f.LabelName, "label", "score") }

func eitherOf(name string, otherwise ...string) []string {
	if name != "" {
		return []string{name}
	}
	return otherwise
}

// Columns declares the prompt, then the answer and the label under each of their
// possible names.
func (f Formatter) Columns() []sdk.Column {
	columns := []sdk.Column{{Name: fields.Or(f.PromptName, "prompt"), Type: sdk.String, Required: true, Doc: "what the model is given",
		Examples: []string{`"2 + 2 = "`, `"3 + 3 = "`}}}
	for i, name := range f.answers() {
		examples := [][]string{{`"4"`, `"7"`}, {"null", "null"}}[i]
		columns = append(columns, sdk.Column{
			Name:     name,
			Type:     sdk.String,
			Doc:      "what it might write",
			Examples: examples,
		})
	}
	for i, name := range f.labels() {
		examples := [][]string{{"true", "-1"}, {"null", "null"}}[i]
		columns = append(columns, sdk.Column{
			Name:     name,
			Type:     sdk.JSON,
			Role:     sdk.RewardRole,
			Doc:      "true or a number above 0 where it should",
			Examples: examples,
		})
	}
	return columns
}

// Forms are a prompt with the answer and the label under each of their possible
// names.
func (f Formatter) Forms() (forms []sdk.Form) {
	prompt := fields.Or(f.PromptName, "prompt")
	for _, answer := range f.answers() {
		for _, label := range f.labels() {
			forms = append(forms, sdk.Form{
				Name:   prompt + " + " + answer + " + " + label,
				Fields: []sdk.FormField{{Name: prompt}, {Name: answer}, {Name: label}},
			})
		}
	}
	return forms
}

// Gives declares the score of the candidate.
func (Formatter) Gives() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.RewardRole}}
}

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	answers := f.answers()
	labels := f.labels()
	answer, err := fields.Present(r, 1, answers, "kto_pair_answer_name")
	if err != nil {
		return err
	}
	label, err := fields.Present(r, 1+len(answers), labels, "kto_pair_label_name")
	if err != nil {
		return err
	}
	score, fits := scoreOf(strings.TrimSpace(r.JSON(label)))
	if !fits {
		return errors.New("field " + strconv.Quote(labels[label-1-len(answers)]) + " is " + r.JSON(label) + "; want true, false or a number")
	}
	if fields.Blank(r.Str(answer)) {
		return o.Drop("an empty answer")
	}
	o.Candidate(r.Str(0), r.Str(answer)).Set("score", score)
	return nil
}

// scoreOf reads a label.
func scoreOf(text string) (score float64, fits bool) {
	switch text {
	case "true":
		return 1, true
	case "false":
		return -1, true
	}
	score, err := strconv.ParseFloat(text, 64)
	return score, err == nil
}
