// Package preference holds the formatter of preference records: one prompt
// with several answers, each with a score.
//
// A record has a list of texts and a list of scores, of equal length:
//
//	{"texts": ["Say hi.<sep>Hi!", "Say hi.<sep>No."], "scores": [1, 0]}
//
// Each text becomes a candidate with a column "score". Split says where a
// text's prompt ends; the parts of one record's texts may differ in their
// prompts, as those of dialogs do that part before their last turn.
//
// Scores are any finite numbers; their order matters, and what more they mean is the loss's to say.
package preference

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "preference", Version: "1.0.0", Doc: "records of several texts with a score each",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("preference", "texts with a score each, cut into prompt and answer", Default())},
}

// Formatter makes an example of a preference record.
//
// A record is dropped, and counted by its reason, where an answer is empty or
// holds nothing but blanks (one is enough: to drop that candidate alone would
// change what the others are ranked against), and where common_prefix meets
// a single text, which has nothing in common with anything. Everything else that is not as it
// should be is an error: a field that is missing, texts and scores of
// different length, a text without the mark that the split needs.
type Formatter struct {
	TextName   string `llmhost:"preference_data_text_name,doc=field that holds the texts; empty: texts, or text where a record has that"`
	ScoreName  string `llmhost:"preference_data_score_name,doc=field that holds the scores; empty: scores, or score where a record has that"`
	Split      string `llmhost:"prompt_split,choices=auto|sep|assistant|common_prefix,doc=where the prompt of a text ends; auto: at sep_token if every text of the record has it, else after the last assistant mark"`
	Separator  string `llmhost:"sep_token,doc=the mark between prompt and answer, which the model does not see; the first one in a text counts"`
	Assistants string `llmhost:"assistant_marks,doc=what an assistant's turn begins with; several with | between them; \\n is a line break, \\t a tab, \\| a bar, \\\\ a backslash"`
}

// The values of Formatter.Split.
const (
	Auto         = "auto"
	AtSeparator  = "sep"
	AtAssistant  = "assistant"
	CommonPrefix = "common_prefix"
)

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter {
	return Formatter{Split: Auto, Separator: "<sep>", Assistants: `\n\nAssistant: |## Assistant:\n`}
}

// Validate checks the marks.
func (f Formatter) Validate() error {
	if f.Separator == "" {
		return errors.New("sep_token is empty; want the mark between prompt and answer, such as <sep>")
	}
	for _, mark := range f.marks() {
		if mark == "" {
			return errors.New("assistant_marks " + strconv.Quote(f.Assistants) + " has an empty mark; want such as \"## Assistant:\\n\", several with | between them")
		}
	}
	return nil
}

// Columns declares the texts under each name that they may have, then the scores likewise.
func (f Formatter) Columns() []sdk.Column {
	var columns []sdk.Column
	for _, name := range f.textNames() {
		columns = append(columns, sdk.Column{Name: name, Type: sdk.StringList, Doc: "whole texts, prompt and answer"})
	}
	for _, name := range f.scoreNames() {
		columns = append(columns, sdk.Column{Name: name, Type: sdk.FloatList, Doc: "one score a text, the better the higher"})
	}
	return columns
}

func (f Formatter) textNames() []string {
	if f.TextName != "" {
		return []string{f.TextName}
	}
	return []string{"texts", "text"}
}

func (f Formatter) scoreNames() []string {
	if f.ScoreName != "" {
		return []string{f.ScoreName}
	}
	return []string{"scores", "score"}
}

// Format cuts each text of the record into prompt and answer.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	texts, scores, err := f.read(r)
	if err != nil {
		return err
	}
	if f.Split == CommonPrefix && len(texts) == 1 {
		return o.Drop("a single text under prompt_split = common_prefix")
	}
	ends, err := f.split(texts)
	if err != nil {
		return err
	}
	for i, text := range texts {
		answer := text[ends[i].answer:]
		if strings.TrimSpace(answer) == "" {
			return o.Drop("an empty answer")
		}
		o.Candidate(text[:ends[i].prompt], answer).Set("score", scores[i])
	}
	return nil
}

// read returns the record's texts and scores, which are as many and not none.
func (f Formatter) read(r *sdk.Row) (texts []string, scores []float64, err error) {
	names := f.textNames()
	text, err := present(r, 0, names, "preference_data_text_name")
	if err != nil {
		return nil, nil, err
	}
	score, err := present(r, len(names), f.scoreNames(), "preference_data_score_name")
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

// present returns the index of the one column, of those from first on that
// bear names, that the record has.
func present(r *sdk.Row, first int, names []string, parameter string) (int, error) {
	found := -1
	for i := range names {
		switch {
		case !r.Has(first + i):
		case found >= 0:
			return 0, errors.New("fields " + strconv.Quote(names[found-first]) + " and " + strconv.Quote(names[i]) + " both present; want one of them, or " + parameter + " to say which")
		default:
			found = first + i
		}
	}
	if found < 0 {
		return 0, errors.New("field " + strconv.Quote(names[0]) + " missing" + orOther(names) + "; " + parameter + " names another")
	}
	return found, nil
}

func orOther(names []string) string {
	if len(names) < 2 {
		return ""
	}
	return ", and so is " + strconv.Quote(names[1])
}
