package preference

import (
	"errors"
	"slices"
	"strconv"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

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
