package preference

import (
	"errors"
	"strconv"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Fields are the texts and scores of a record, which formatters of such records share.
type Fields struct {
	TextName  string `llmhost:"preference_data_text_name,doc=field that holds the texts; empty: texts, or text where a record has that"`
	ScoreName string `llmhost:"preference_data_score_name,doc=field that holds the scores; empty: scores, or score where a record has that"`
}

// Columns declares the texts under each name that they may have, then the scores likewise.
func (f Fields) Columns() []sdk.Column {
	var columns []sdk.Column
	for _, name := range f.textNames() {
		columns = append(columns, sdk.Column{Name: name, Type: sdk.StringList, Doc: "whole texts, prompt and answer"})
	}
	for _, name := range f.scoreNames() {
		columns = append(columns, sdk.Column{Name: name, Type: sdk.FloatList, Doc: "one score a text, the better the higher"})
	}
	return columns
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

// Read returns the record's texts and scores, which are as many and not none.
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
	texts, scores = r.Strs(text), r.Floats(score)
	textName, scoreName := names[text], f.scoreNames()[score-len(names)]
	if len(texts) == 0 {
		return nil, nil, errors.New("field " + strconv.Quote(textName) + " is an empty list; want at least one text")
	}
	if len(texts) != len(scores) {
		return nil, nil, errors.New("field " + strconv.Quote(textName) + " has " + strconv.Itoa(len(texts)) + " texts, field " +
			strconv.Quote(scoreName) + " " + strconv.Itoa(len(scores)) + " scores; want one score a text")
	}
	return texts, scores, nil
}
