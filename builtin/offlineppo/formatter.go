package offlineppo

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Formatter makes an example of one candidate from a record of a prompt, its
// answer and a reward:
//
//	{"prompt": "2 + 2 = ", "answer": "5", "reward": -1, "weight": 1}
//	{"prompt": "2 + 2 = ", "answer": "4"}
//
// A record without a reward is learned as it is. The example's columns are
// "reward" (0 if there is none), "lm_mask" (1 if there is none, otherwise 0) and
// "weight" (1 if the record has none). A record whose answer is empty or blank is
// dropped.
type Formatter struct {
	PromptName string `llmhost:"prompt_name,doc=field that holds the prompt; empty: prompt"`
	AnswerName string `llmhost:"answer_name,doc=field that holds the answer; empty: answer"`
	RewardName string `llmhost:"reward_name,doc=field that holds the reward; records without one are learned as they are; empty: reward"`
	WeightName string `llmhost:"weight_name,doc=field that holds the record's weight, 0 or more, which may be absent; empty: weight"`
}

// Validate checks that no two fields have one name.
func (f Formatter) Validate() error {
	return fields.Distinct(f.Columns(), "prompt_name", "answer_name", "reward_name", "weight_name")
}

// Columns declares prompt, answer, reward and weight.
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
			Doc:      "what it wrote",
			Examples: []string{`"5"`, `"4"`},
		},
		{
			Name:     fields.Or(f.RewardName, "reward"),
			Type:     sdk.Float,
			Role:     sdk.RewardRole,
			Doc:      "how good that is; absent: the answer is learned as it is",
			Examples: []string{"-1", "null"},
		},
		fields.WeightColumn(fields.Or(f.WeightName, "weight"), "1", "0.5"),
	}
}

// Gives declares reward, mask and weight of the example.
func (Formatter) Gives() []sdk.Output {
	return []sdk.Output{
		{Name: "reward", Kind: sdk.ExampleColumn, Role: sdk.RewardRole},
		{Name: "lm_mask", Kind: sdk.ExampleColumn, Role: sdk.MaskRole},
		fields.WeightOutput(),
	}
}

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	if fields.Blank(r.Str(1)) {
		return o.Drop("an empty answer")
	}
	weight, err := fields.Weight(r, 3, fields.Or(f.WeightName, "weight"))
	if err != nil {
		return err
	}
	lm := 1.0
	if r.Has(2) {
		lm = 0
	}
	o.Candidate(r.Str(0), r.Str(1))
	o.Set("reward", r.Float(2))
	o.Set("lm_mask", lm)
	o.Set("weight", weight)
	return nil
}
