package host_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// spoilt is a record that no run of a task can learn from, after a good one. It
// ends the run with an error, or is dropped and counted.
type spoilt struct {
	name, good, bad string
	want            string // the error after "FILE:2: ", or the reason of the drop
}

// badRecords are the bad records of each task.
var badRecords = map[string]struct {
	params  map[string]any
	errors  []spoilt
	dropped []spoilt
}{
	"sft": {errors: []spoilt{
		{"no answer", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a"}`, `field "answer" missing; promptanswer needs it as a string; the record has "prompt"`},
		{"null", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a", "answer": null}`, `field "answer" is null; promptanswer needs it as a string`},
		{"a number", `{"prompt": "a", "answer": "b"}`, `{"prompt": 1, "answer": "b"}`, `field "prompt" is 1; want a string`},
		{"a weight of NaN", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a", "answer": "b", "weight": NaN}`, `field "weight" is NaN; want a finite number`},
		{"a negative weight", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a", "answer": "b", "weight": -2}`, `field "weight" is -2; want 0 or more`},
	}, dropped: []spoilt{
		{"an empty answer", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a", "answer": " "}`, "an empty answer"},
	}},
	"classification": {errors: []spoilt{
		{"no label", `{"text": "a", "label": 1}`, `{"text": "a"}`, `field "label" missing; labelled needs it as a JSON value; the record has "text"`},
		{"a label of null", `{"text": "a", "label": 1}`, `{"text": "a", "label": null}`, `field "label" is null; labelled needs it as a JSON value`},
		{"a label of NaN", `{"text": "a", "label": 1}`, `{"text": "a", "label": NaN}`, `field "label" is NaN, which is no JSON value; correct the record or take it out`},
		{"a label of Infinity", `{"text": "a", "label": 1}`, `{"text": "a", "label": -Infinity}`, `field "label" is -Infinity, which is no JSON value; correct the record or take it out`},
		{"a list of labels", `{"text": "a", "label": 1}`, `{"text": "a", "label": [1, 2]}`, `field "label" is [1, 2]; want a text, a number, true or false`},
	}, dropped: []spoilt{
		{"an empty text", `{"text": "a", "label": 1}` + "\n" + `{"text": "b", "label": 2}`, `{"text": "", "label": 1}`, "an empty text"},
	}},
	"multi_objective_classification": {params: map[string]any{"cls_objectives": "tone,who=0.5"}, errors: []spoilt{
		{"an objective that nobody declared", `{"text": "a", "labels": {"tone": 1}}`, `{"text": "a", "labels": {"tone": 1, "size": 2}}`,
			`field "labels" has the objective "size"; cls_objectives has tone, who: add it there, or take it out of the record`},
		{"a class of NaN", `{"text": "a", "labels": {"tone": 1}}`, `{"text": "a", "labels": {"tone": NaN}}`,
			`field "labels" holds NaN or Infinity, which are no JSON values; correct the record or take it out`},
		{"no object", `{"text": "a", "labels": {"tone": 1}}`, `{"text": "a", "labels": "tone"}`,
			`field "labels" is "tone"; want classes by objective, such as {"source": "web"}`},
		{"a list of classes", `{"text": "a", "labels": {"tone": 1}}`, `{"text": "a", "labels": {"who": [1]}}`, `field "labels.who" is [1]; want a text, a number, true or false`},
	}, dropped: []spoilt{
		{"no label at all", `{"text": "a", "labels": {"tone": 1, "who": 1}}` + "\n" + `{"text": "b", "labels": {"tone": 2, "who": 2}}`, `{"text": "a", "labels": {"tone": null}}`, "no label"},
	}},
	"reward": {errors: []spoilt{
		{"no scores", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a", "b"]}`, `field "scores" missing, and so is "score"; preference_data_score_name names another`},
		{"half a pair", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"prompt": "a", "rejected": "b"}`, `field "chosen" missing beside "rejected"`},
		{"a score of NaN", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a", "b"], "scores": [NaN, 0]}`, `field "scores"[0] is NaN; want a finite number`},
		{"a weight of NaN", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a", "b"], "scores": [1, 0], "weight": NaN}`, `field "weight" is NaN; want a finite number`},
		{"no text", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": [], "scores": []}`, `field "texts" is an empty list; want at least one text`},
		{"lengths", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a", "b"], "scores": [1]}`, `field "texts" has 2 texts, field "scores" 1 scores; want one score a text`},
	}, dropped: []spoilt{
		{"one text", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a"], "scores": [1]}`, "no pair: a single text"},
		{"equal scores", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a", "b"], "scores": [2, 2]}`, "no pair: all scores are equal"},
		{"an empty text", `{"texts": ["a", "b"], "scores": [1, 0]}`, `{"texts": ["a", ""], "scores": [1, 0]}`, "an empty text"},
	}},
	"rejection_sampling": {errors: []spoilt{
		{"no mark", `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`, `{"texts": ["ab", "ac"], "scores": [1, 0]}`,
			`text 0 ("ab"): no "<sep>" in all of them and no assistant mark ("\n\nAssistant: ", "## Assistant:\n") in this one; set prompt_split to sep, assistant or common_prefix, and sep_token or assistant_marks to the marks of this data`},
		{"no texts", `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`, `{"scores": [1, 0]}`, `field "texts" missing, and so is "text"; preference_data_text_name names another`},
	}, dropped: []spoilt{
		{"the best is empty", `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`, `{"texts": ["a<sep>", "a<sep>c"], "scores": [1, 0]}`, "an empty answer"},
	}},
	"weighted_learning": {errors: []spoilt{
		{"no score", `{"prompt": "a", "answer": "b", "score": 1}`, `{"prompt": "a", "answer": "b"}`, `field "score" missing; weighted needs it as a number; the record has "answer", "prompt"`},
		{"a score of NaN", `{"prompt": "a", "answer": "b", "score": 1}`, `{"prompt": "a", "answer": "b", "score": NaN}`, `field "score" is NaN; want a finite number`},
	}, dropped: []spoilt{
		{"an empty answer", `{"prompt": "a", "answer": "b", "score": 1}`, `{"prompt": "a", "answer": "", "score": 1}`, "an empty answer"},
	}},
	"rrhf": {errors: []spoilt{
		{"no scores", `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`, `{"texts": ["a<sep>b", "a<sep>c"]}`, `field "scores" missing, and so is "score"; preference_data_score_name names another`},
		{"two names at once", `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`, `{"texts": ["a<sep>b"], "scores": [1], "score": [1]}`,
			`fields "scores" and "score" both present; want one of them, or preference_data_score_name to say which`},
	}, dropped: []spoilt{
		{"an empty answer", `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 0]}`, `{"texts": ["a<sep>b", "a<sep> "], "scores": [1, 0]}`, "an empty answer"},
	}},
	"dpo":  pairsOfAnswers,
	"orpo": pairsOfAnswers, "simpo": pairsOfAnswers, "cpo": pairsOfAnswers,
	"kto": {errors: []spoilt{
		{"no label", `{"prompt": "a", "answer": "b", "label": true}`, `{"prompt": "a", "answer": "b"}`, `field "label" missing, and so is "score"; kto_pair_label_name names another`},
		{"a label of null", `{"prompt": "a", "answer": "b", "label": true}`, `{"prompt": "a", "answer": "b", "label": null}`,
			`field "label" missing, and so is "score"; kto_pair_label_name names another (null in the record: label)`},
		{"a label of NaN", `{"prompt": "a", "answer": "b", "label": true}`, `{"prompt": "a", "answer": "b", "label": NaN}`, `field "label" is NaN, which is no JSON value; correct the record or take it out`},
		{"no answer", `{"prompt": "a", "answer": "b", "label": true}`, `{"prompt": "a", "label": true}`, `field "answer" missing, and so is "completion"; kto_pair_answer_name names another`},
		{"a label of text", `{"prompt": "a", "answer": "b", "label": true}`, `{"prompt": "a", "answer": "b", "label": "good"}`, `field "label" is "good"; want true, false or a number`},
	}, dropped: []spoilt{
		{"an empty answer", `{"prompt": "a", "answer": "b", "label": true}`, `{"prompt": "a", "answer": " ", "label": true}`, "an empty answer"},
	}},
	"offline_ppo": {errors: []spoilt{
		{"no prompt", `{"prompt": "a", "answer": "b", "reward": 1}`, `{"answer": "b", "reward": 1}`, `field "prompt" missing; rated needs it as a string; the record has "answer", "reward"`},
		{"a reward of text", `{"prompt": "a", "answer": "b", "reward": 1}`, `{"prompt": "a", "answer": "b", "reward": "1"}`, `field "reward" is the text "1"; want a number`},
		{"a weight of NaN", `{"prompt": "a", "answer": "b", "reward": 1}`, `{"prompt": "a", "answer": "b", "weight": NaN}`, `field "weight" is NaN; want a finite number`},
	}, dropped: []spoilt{
		{"an empty answer", `{"prompt": "a", "answer": "b", "reward": 1}`, `{"prompt": "a", "answer": "", "reward": 1}`, "an empty answer"},
	}},
	"distill": {errors: []spoilt{
		{"no answer", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a"}`, `field "answer" missing; promptanswer needs it as a string; the record has "prompt"`},
	}, dropped: []spoilt{
		{"an empty answer", `{"prompt": "a", "answer": "b"}`, `{"prompt": "a", "answer": ""}`, "an empty answer"},
	}},
}

// pairsOfAnswers are the bad records with chosen and rejected answers.
var pairsOfAnswers = struct {
	params  map[string]any
	errors  []spoilt
	dropped []spoilt
}{errors: []spoilt{
	{"no rejected answer", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"prompt": "a", "chosen": "b"}`, `field "rejected" missing beside "chosen"`},
	{"nothing", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"prompt": "a"}`, `fields "chosen" and "rejected" missing, and so are texts with scores; want either`},
	{"too much", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"prompt": "a", "chosen": "b", "rejected": "c", "texts": ["a<sep>b"], "scores": [1]}`,
		`fields "chosen" and "texts" both present; want a pair or texts with scores`},
	{"a score of NaN", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"texts": ["a<sep>b", "a<sep>c"], "scores": [NaN, 1]}`, `field "scores"[0] is NaN; want a finite number`},
}, dropped: []spoilt{
	{"an empty answer", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"prompt": "a", "chosen": "b", "rejected": " "}`, "an empty answer"},
	{"one text", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"texts": ["a<sep>b"], "scores": [1]}`, "no pair: a single answer"},
	{"equal scores", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, `{"texts": ["a<sep>b", "a<sep>c"], "scores": [1, 1]}`, "no pair: all scores are equal"},
}}

// A bad record is an error with file, line and field, found before a weight is
// read, or it is left out, counted and reported, depending on the task.
func TestBadRecords(t *testing.T) {
	for _, plugin := range allTasks(t) {
		t.Run(plugin, func(t *testing.T) {
			of, known := badRecords[plugin]
			require.True(t, known, "no bad record of %s is tried", plugin)
			require.NotEmpty(t, of.errors, "no record of %s is refused", plugin)
			require.NotEmpty(t, of.dropped, "no record of %s is dropped", plugin)
			for _, c := range of.errors {
				t.Run(c.name, func(t *testing.T) {
					s := lesson(t, plugin, nil, of.params)
					file := records(c.good, c.bad)(t, &s)
					s.EvalDataPaths = nil
					unreadable(t, &s)
					lines, err := trained(s)
					require.EqualError(t, err, fmt.Sprintf("%s:2: %s", file, c.want))
					require.Empty(t, lines)
					require.NoDirExists(t, s.OutputDir)
				})
			}
			for _, c := range of.dropped {
				t.Run(c.name, func(t *testing.T) {
					s := lesson(t, plugin, nil, of.params)
					file := records(c.bad, c.good, c.good, c.bad)(t, &s)
					s.EvalDataPaths, s.NumTrainEpochs = nil, 1
					require.Contains(t, mustTrain(t, s), fmt.Sprintf("2 dropped: %s (the first at %s:1)", c.want, file))
				})
			}
		})
	}
}

// A class that training never saw is counted as wrong, and reported.
func TestUnseenClass(t *testing.T) {
	s := lesson(t, "classification", tone, nil)
	s.EvalDataPaths = []string{written(t, s.EvalDataPaths[0], `{"text": "we like the ant", "label": "sideways"}`+"\n"+`{"text": "we like the ant", "label": "up"}`+"\n")}
	lines := mustTrain(t, s)
	require.Contains(t, lines, s.EvalDataPaths[0]+`:1: the class "sideways" of label is not among the trained classes; it and others like it count as wrong`)
	_, after := measured(t, s.OutputDir, "eval_accuracy")
	require.InDelta(t, 0.5, after, 1e-9)

	all := lesson(t, "classification", func(_ int, thing string) map[string]any { return map[string]any{"text": thing, "label": "x"} }, nil)
	_, err := trained(all)
	require.EqualError(t, err, `all training records have the class "x" of label; want at least two classes`)
	objective := lesson(t, "multi_objective_classification", tones, map[string]any{"cls_objectives": "tone,who,size"})
	_, err = trained(objective)
	require.EqualError(t, err, "no training record has a class of size; the data has those of tone, who")
}
