package weightedlearning

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Formatter makes an example of one candidate from a record of a prompt, its
// answer and a score:
//
//	{"prompt": "2 + 2 = ", "answer": "5", "score": -1}
//
// The score is the candidate's column "score": answers above 0 are learned, answers
// below 0 unlearned, the more strongly the further the score is from 0. A record
// whose answer is empty or blank is dropped.
type Formatter struct {
	PromptName string `llmhost:"weighted_data_prompt_name,doc=field that holds the prompt; empty: prompt"`
	AnswerName string `llmhost:"weighted_data_answer_name,doc=field that holds the answer; empty: answer"`
	ScoreName  string `llmhost:"weighted_data_score_name,doc=field that holds the score; empty: score"`
}

// Validate checks that no two fields have one name.
func (f Formatter) Validate() error {
	return fields.Distinct(
		f.Columns(),
		"weighted_data_prompt_name",
		"weighted_data_answer_name",
		"weighted_data_score_name",
	)
}

// Columns declares prompt, answer and score.
func (f Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     fields.Or(f.PromptName, "prompt"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what the model is given",
			Examples: []string{`"2 + 2 = "`, `"2 + 2 = "`},
		},
		{
			Name:     fields.Or(f.AnswerName, "answer"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what it is to write, or not to",
			Examples: []string{`"4"`, `"5"`},
		},
		{
			Name:     fields.Or(f.ScoreName, "score"),
			Type:     sdk.Float,
			Role:     sdk.RewardRole,
			Required: true,
			Doc:      "above 0 to learn the answer, below 0 to unlearn it",
			Examples: []string{"1", "-0.5"},
		},
	}
}

// Gives declares the score of the candidate.
func (Formatter) Gives() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.RewardRole}}
}

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	if fields.Blank(r.Str(1)) {
		return o.Drop("an empty answer")
	}
	o.Candidate(r.Str(0), r.Str(1)).Set("score", r.Float(2))
	return nil
}
