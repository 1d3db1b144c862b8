// Package preference holds the formatter of preference records: one prompt
// with several answers, each with a score.
//
// A record has a list of texts and a list of scores, of equal length:
//
//	{"texts": ["Say hi.<sep>Hi!", "Say hi.<sep>No."], "scores": [1, 0]}
//
// Each text becomes a candidate with a column "score". Split says where a text's
// prompt ends; the texts of one record may have different prompts, as dialogs do
// that diverge before their last turn.
//
// Scores are any finite numbers; their order matters, and the loss decides what
// else they mean.
package preference

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "preference", Version: "1.0.0", Doc: "records of several texts with a score each",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"preference",
		"texts with a score each, cut into prompt and answer",
		Default(),
	)},
}

// Formatter makes an example of a preference record.
//
// A record is dropped, and counted by its reason, if an answer is empty or blank
// (one is enough: dropping only that candidate would change what the others are
// ranked against), or if common_prefix or common_start finds a single text, which
// has nothing to share a beginning with. Anything else that is wrong is an error: a missing field,
// texts and scores of different length, a text without the mark that the split
// needs.
type Formatter struct {
	Fields
	Split      string `llmhost:"prompt_split,choices=auto|sep|assistant|common_prefix|common_start,doc=where the prompt of a text ends; auto: at sep_token if every text of the record has it, else after the last assistant mark; common_start: where the texts begin to differ, as TRL does"`
	Separator  string `llmhost:"sep_token,doc=the mark between prompt and answer, which the model does not see; the first one in a text counts"`
	Assistants string `llmhost:"assistant_marks,doc=what an assistant's turn begins with; several are separated by |; \\n is a line break, \\t a tab, \\| a bar, \\\\ a backslash"`
}

// The values of Formatter.Split.
const (
	Auto         = "auto"
	AtSeparator  = "sep"
	AtAssistant  = "assistant"
	CommonPrefix = "common_prefix"
	CommonStart  = "common_start"
)

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter {
	return Formatter{
		Fields:     Fields{PaddingScore: PadAsItIs},
		Split:      Auto,
		Separator:  "<sep>",
		Assistants: `\n\nAssistant: |## Assistant:\n`,
	}
}

// Validate checks the marks and the padding.
func (f Formatter) Validate() error {
	if err := f.Fields.Validate(); err != nil {
		return err
	}
	if f.Separator == "" {
		return errors.New("sep_token is empty; want the mark between prompt and answer, such as <sep>")
	}
	for _, mark := range f.marks() {
		if mark == "" {
			return errors.New("assistant_marks " + strconv.Quote(f.Assistants) + " has an empty mark; want such as \"## Assistant:\\n\", several separated by |")
		}
	}
	return nil
}

// Columns declares texts and scores.
func (f Formatter) Columns() []sdk.Column {
	mark := f.Separator
	if f.Split == AtAssistant {
		mark = f.marks()[0]
	}
	return f.ColumnsOf([]string{"What do two and two make? " + mark + "Four.", "What do two and two make? " + mark + "Five."})
}

// Format cuts each text of the record into prompt and answer.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	parts, scores, err := f.Parts(r, o)
	if err != nil {
		return err
	}
	for i, part := range parts {
		if part.Empty() {
			return o.Drop("an empty answer")
		}
		o.Candidate(part.Prompt, part.Answer).Set("score", scores[i])
	}
	return nil
}

// Parts returns the record's texts, each cut into prompt and answer, and their
// scores. The error may be a drop.
func (f Formatter) Parts(r *sdk.Row, o *sdk.Out) ([]Part, []float64, error) {
	texts, scores, err := f.Read(r)
	if err != nil {
		return nil, nil, err
	}
	parts, err := f.Cut(texts, o)
	return parts, scores, err
}

// Part is a text cut in two.
type Part struct{ Prompt, Answer string }

// Empty tells whether the answer is empty or blank.
func (p Part) Empty() bool { return strings.TrimSpace(p.Answer) == "" }

// Cut cuts the texts of one record into prompt and answer. The error may be a drop.
func (f Formatter) Cut(texts []string, o *sdk.Out) ([]Part, error) {
	if (f.Split == CommonPrefix || f.Split == CommonStart) && len(texts) == 1 {
		return nil, o.Drop("a single text under prompt_split = " + f.Split)
	}
	ends, err := f.split(texts)
	if err != nil {
		return nil, err
	}
	parts := make([]Part, len(texts))
	for i, text := range texts {
		parts[i] = Part{text[:ends[i].prompt], text[ends[i].answer:]}
	}
	return parts, nil
}

// Fields are the texts and scores of a record, shared by the formatters that read
// them.
//
// PaddingScore is the score of candidates that only make a batch rectangular;
// losses recognise those by their mask, so real scores may be any finite numbers.
// With −1 the scores of each record are also shifted so that the lowest is 0 and
// none is below the padding, as in llm_codebase.
type Fields struct {
	TextName  string `llmhost:"preference_data_text_name,doc=field that holds the texts; empty: texts, or text if the record has that"`
	ScoreName string `llmhost:"preference_data_score_name,doc=field that holds the scores; empty: scores, or score if the record has that"`

	PaddingScore float64 `llmhost:"padding_score,default=-100,doc=score of candidates that are padding: -100, or -1, which also shifts each record's scores so that the lowest is 0"`
}

// The values of Fields.PaddingScore; Go's zero value is the first.
const (
	PadAsItIs = -100
	PadMoved  = -1
)

// Validate checks the padding.
func (f Fields) Validate() error {
	if f.PaddingScore != 0 && f.PaddingScore != PadAsItIs && f.PaddingScore != PadMoved {
		return errors.New("padding_score is " + strconv.FormatFloat(f.PaddingScore, 'g', -1, 64) + "; want -100, or -1 to shift the lowest score of each record to 0")
	}
	return nil
}

// Columns declares the texts under each of their possible names, then the scores
// likewise.
func (f Fields) Columns() []sdk.Column {
	return f.ColumnsOf([]string{"Two and two make 4.", "Two and two make 5."})
}

// ColumnsOf is Columns with the texts of an example record, of which there are two.
func (f Fields) ColumnsOf(texts []string) []sdk.Column {
	var columns []sdk.Column
	for i, name := range f.textNames() {
		columns = append(columns, sdk.Column{Name: name, Type: sdk.StringList, Doc: "whole texts, prompt and answer",
			Examples: firstAlone(i, fields.Quoted(texts))})
	}
	for i, name := range f.scoreNames() {
		columns = append(columns, sdk.Column{Name: name, Type: sdk.FloatList, Role: sdk.ScoreRole, Doc: "one score per text; higher is better",
			Examples: firstAlone(i, "[1, 0]")})
	}
	return columns
}

// firstAlone is the example of the first of several names of a field: a record
// has one of them.
func firstAlone(i int, example string) []string {
	if i > 0 {
		example = "null"
	}
	return []string{example}
}

// Names are the columns' names, in their order.
func (f Fields) Names() []string { return append(f.textNames(), f.scoreNames()...) }

// Forms are texts and scores, each under its possible names.
func (f Fields) Forms() (forms []sdk.Form) {
	for _, text := range f.textNames() {
		for _, score := range f.scoreNames() {
			forms = append(forms, sdk.Form{
				Name:   text + " + " + score,
				Fields: []sdk.FormField{{Name: text}, {Name: score}},
			})
		}
	}
	return forms
}

// Gives declares the score of each candidate.
func (f Fields) Gives() []sdk.Output {
	return []sdk.Output{{
		Name:    "score",
		Role:    sdk.ScoreRole,
		Padding: f.PaddingScore,
	}}
}

func (f Fields) textNames() []string {
	if f.TextName != "" {
		return []string{f.TextName}
	}
	return []string{"texts", "text"}
}

func (f Fields) scoreNames() []string {
	if f.ScoreName != "" {
		return []string{f.ScoreName}
	}
	return []string{"scores", "score"}
}

// Read returns the record's texts and scores, equally many and at least one.
func (f Fields) Read(r *sdk.Row) (texts []string, scores []float64, err error) {
	names := f.textNames()
	text, err := fields.Present(r, 0, names, "preference_data_text_name")
	if err != nil {
		return nil, nil, err
	}
	score, err := fields.Present(r, len(names), f.scoreNames(), "preference_data_score_name")
	if err != nil {
		return nil, nil, err
	}
	texts = r.Strs(text)
	scores = r.Floats(score)
	textName := names[text]
	scoreName := f.scoreNames()[score-len(names)]
	if len(texts) == 0 {
		return nil, nil, errors.New("field " + strconv.Quote(textName) + " is an empty list; want at least one text")
	}
	if len(texts) != len(scores) {
		return nil, nil, errors.New("field " + strconv.Quote(textName) + " has " + strconv.Itoa(len(texts)) + " texts, field " +
			strconv.Quote(scoreName) + " " + strconv.Itoa(len(scores)) + " scores; want one score a text")
	}
	if f.PaddingScore == PadMoved {
		scores = moved(scores)
	}
	return texts, scores, nil
}

// moved returns scores minus the lowest of them.
func moved(scores []float64) []float64 {
	lowest := slices.Min(scores)
	out := make([]float64, len(scores))
	for i, s := range scores {
		out[i] = s - lowest
	}
	return out
}
