package conformance_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

// formatterFile is a file of cases: records, and the padded tensors to make of them.
type formatterFile struct {
	Tokenizer string
	MaxLength int   `json:"max_length"`
	PadID     int64 `json:"pad_id"`
	Cases     []formatterCase
	Pairs     pairCase `json:"dpo_pairs"`

	Alpaca         textCase `json:"transform_alpaca"`
	HumanAssistant textCase `json:"transform_human_assistant"`
	Chat           chatCase `json:"llama2_chat"`
}

type formatterCase struct {
	Name    string
	Options struct {
		Tokenizer         string
		OnlyPredictAnswer *bool            `json:"only_predict_answer"`
		AddSpecialTokens  *bool            `json:"add_special_tokens"`
		PaddingScore      float64          `json:"padding_score"` // 0: padScore
		Classes           map[string]int64 `json:"label2id"`
	}
	Rows  json.RawMessage // an array of records, as a .json file is one
	Batch json.RawMessage // tensors by name; those of other tasks may be none
}

// formatters are the formatters of tasks, by what the golden numbers call
// these. They keep a record that nothing is learned from, which llmhost drops by default.
var formatters = map[string]struct {
	name   string
	params map[string]any
}{
	"sft":                {"promptanswer", map[string]any{"keep_empty_answers": true}},
	"rrhf":               {"preference", nil},
	"reward":             {"scored_texts", map[string]any{"keep_without_pair": true}},
	"classification":     {"labelled", nil},
	"rejection_sampling": {"best_of", nil},
	"weighted_learning":  {"weighted", nil},
	"offline_ppo":        {"rated", nil},
}

func checkFormatters(t *testing.T, f fixtures, name string) {
	all := read[formatterFile](t, f, "formatters", name)
	require.NotEmpty(t, all.Cases)
	for _, c := range all.Cases {
		t.Run(c.Name, func(t *testing.T) { c.check(t, f, all) })
	}
	t.Run("dpo_pairs", func(t *testing.T) { all.Pairs.check(t, f, all) })
	t.Run("transform_alpaca", func(t *testing.T) { all.Alpaca.check(t, nil) })
	t.Run("transform_human_assistant", func(t *testing.T) {
		all.HumanAssistant.check(t, map[string]any{"prompt_template": "human_assistant"})
	})
	t.Run("llama2_chat", func(t *testing.T) { all.Chat.check(t, f, all) })
}

func (c formatterCase) check(t *testing.T, f fixtures, all formatterFile) {
	task, kind, _ := strings.Cut(c.Name, "/")
	formatter, known := formatters[task]
	if !known {
		t.Skip(noSuchTask)
	}
	if c.Options.Tokenizer == "" {
		c.Options.Tokenizer = all.Tokenizer
	}
	tok, err := tokenizer.Load(filepath.Join(f.root, c.Options.Tokenizer))
	require.NoError(t, err)
	defer tok.Close()
	special := tok.Special()
	how := data.Tokenizing{MaxLength: all.MaxLength, OnlyPredictAnswer: orTrue(c.Options.OnlyPredictAnswer), Padding: map[string]float32{"score": float32(c.padding())}}
	if orTrue(c.Options.AddSpecialTokens) {
		how.Before, how.After = []int32{special.BOS}, []int32{special.EOS}
	}
	pad := all.PadID
	if kind == "bert" {
		how.Before, how.After, how.Encoder, pad = []int32{special.CLS}, []int32{special.SEP}, true, int64(special.PAD)
	}
	got, err := data.Tokenize(format(t, c.Rows, component(t, plugin.Formatter, formatter.name), c.params(formatter.params)), tok, how)
	require.NoError(t, err)
	var want map[string]array
	require.NoError(t, json.Unmarshal(c.Batch, &want))
	requirePadded(t, want, got, pad)
	c.requireClasses(t, want["labels"], got)
	c.requireColumns(t, want, data.Pack(got, true))
}

// padding is the score of candidates that only fill up.
func (c formatterCase) padding() float64 {
	if c.Options.PaddingScore == 0 {
		return padScore
	}
	return c.Options.PaddingScore
}

// params are the formatter's.
func (c formatterCase) params(all map[string]any) map[string]any {
	if c.Options.PaddingScore == 0 {
		return all
	}
	with := map[string]any{"padding_score": c.Options.PaddingScore}
	maps.Copy(with, all)
	return with
}

// requireClasses compares the numbers of classes, where the case has any.
func (c formatterCase) requireClasses(t *testing.T, want array, examples []data.Example) {
	t.Helper()
	if len(want.shape) != 1 {
		return
	}
	survey := data.TakeSurvey(examples, false, data.Limits{})
	names := survey.ClassNames(onlyHead)
	for name, id := range c.Options.Classes {
		require.Equal(t, name, names[id])
	}
	_, unseen := survey.Unseen(onlyHead, names)
	require.False(t, unseen)
	labelled := data.NewLabeler(map[string][]string{onlyHead: names}).Label(examples)
	for i, class := range want.values {
		require.EqualValues(t, class, labelled[i].Labels[onlyHead], "class of example %d", i)
	}
}

func orTrue(b *bool) bool { return b == nil || *b }

// format runs a formatter over records.
func format(t *testing.T, rows []byte, c *plugin.Component, params map[string]any) []data.Formatted {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.json")
	require.NoError(t, os.WriteFile(path, rows, 0o666))
	f, err := c.Formatter(context.Background(), settle(t, c, params))
	require.NoError(t, err)
	examples, err := data.Format(context.Background(), source.Files{Paths: []string{path}}, data.Formatter{Name: c.Name, Columns: f.Columns, Format: f.Format}, data.FailOnBadRow)
	require.NoError(t, err)
	return examples.All
}

// requirePadded compares the padded view of examples. A candidate that only
// fills up an example has no tokens here, where the golden numbers have an empty
// text; nothing is learned from it in either.
func requirePadded(t *testing.T, want map[string]array, examples []data.Example, padID int64) {
	t.Helper()
	got := pad(examples, padID)
	ids, mask := want["input_ids"].ints(), want["attention_mask"].ints()
	require.Len(t, got.ids, len(ids))
	k := len(ids) / len(examples)
	for r := range ids {
		if r%k >= len(examples[r/k].Sequences) {
			continue
		}
		require.Equal(t, ids[r], got.ids[r], "ids of sequence %d", r)
		require.Equal(t, mask[r], got.mask[r], "mask of sequence %d", r)
		if labels := want["labels"]; len(labels.shape) > 1 {
			require.Equal(t, labels.ints()[r], got.labels[r], "labels of sequence %d", r)
		}
	}
}

// requireColumns compares what a batch holds besides tokens.
func (c formatterCase) requireColumns(t *testing.T, want map[string]array, b data.Batch) {
	t.Helper()
	for r, score := range want["scores"].values {
		require.Equal(t, score != c.padding(), b.Real[r], "sequence %d", r)
		require.Equal(t, float32(score), b.Columns["score"][r], "score of sequence %d", r)
	}
	for key, name := range exampleKeys {
		for e, v := range want[key].values {
			require.Equal(t, float32(v), b.ExampleColumns[name][e], "%s of example %d", name, e)
		}
	}
}

// pairCase is the pairs that are made of candidates with scores.
type pairCase struct {
	Rows  json.RawMessage
	Pairs map[string][]struct{ Prompt, Chosen, Rejected string } // by construct_method
}

func (c pairCase) check(t *testing.T, f fixtures, all formatterFile) {
	if c.Pairs == nil {
		t.Skip("this file has no such records")
	}
	require.NotEmpty(t, c.Pairs)
	tok, err := tokenizer.Load(filepath.Join(f.root, all.Tokenizer))
	require.NoError(t, err)
	defer tok.Close()
	for method, want := range c.Pairs {
		t.Run(method, func(t *testing.T) {
			params := map[string]any{"construct_method": method}
			examples := format(t, c.Rows, component(t, plugin.Formatter, "chosen_rejected"), params)
			tokens, err := data.Tokenize(examples, tok, data.Tokenizing{MaxLength: all.MaxLength, OnlyPredictAnswer: true})
			require.NoError(t, err)
			b := data.Pack(tokens, true)
			objective := objective.New(trace(t, plugin.Loss, "dpo", params), tensor.CPU, tensor.Float32)
			require.EqualValues(t, len(want), objective.Counts(&b)[0], "pairs")
			for _, pair := range want {
				require.Equal(t, pair.Prompt, examples[0].Candidates[0].Prompt)
				require.Greater(t, scoreOf(t, examples[0], pair.Chosen), scoreOf(t, examples[0], pair.Rejected))
			}
		})
	}
}

// scoreOf finds an answer's score.
func scoreOf(t *testing.T, e data.Formatted, answer string) float64 {
	t.Helper()
	for _, c := range e.Candidates {
		if c.Answer == answer {
			return c.Columns["score"]
		}
	}
	require.Fail(t, "no candidate has the answer "+answer)
	return 0
}

// textCase is records and the texts to make of them.
type textCase struct {
	Rows json.RawMessage
	Out  []struct{ Prompt, Answer string }
}

func (c textCase) check(t *testing.T, params map[string]any) {
	if c.Rows == nil {
		t.Skip("this file has no such records")
	}
	examples := format(t, c.Rows, component(t, plugin.Formatter, "alpaca"), params)
	require.NotEmpty(t, c.Out)
	require.Len(t, examples, len(c.Out))
	for i, want := range c.Out {
		got := examples[i].Candidates[0]
		require.Equal(t, want.Prompt, got.Prompt)
		require.Equal(t, want.Answer, got.Answer)
	}
}

// chatCase is dialogs and their whole texts, special tokens included.
type chatCase struct {
	Dialogs [][]map[string]string
	Out     []string
}

// check compares texts and tokens with the golden ones. A dialog that ends with the
// user is given an answer, which a sequence has and the golden text then lacks.
func (c chatCase) check(t *testing.T, f fixtures, all formatterFile) {
	if c.Dialogs == nil {
		t.Skip("this file has no such dialogs")
	}
	require.NotEmpty(t, c.Dialogs)
	tok, err := tokenizer.Load(filepath.Join(f.root, all.Tokenizer))
	require.NoError(t, err)
	defer tok.Close()
	for i, dialog := range c.Dialogs {
		open := dialog[len(dialog)-1]["role"] == "user"
		if open {
			dialog = append(dialog, map[string]string{"role": "assistant", "content": "x"})
		}
		rows, err := json.Marshal([]any{map[string]any{"messages": dialog}})
		require.NoError(t, err)
		got := format(t, rows, component(t, plugin.Formatter, "llama2_chat"), nil)[0].Candidates[0]
		text := "<s>" + got.Prompt
		if !open {
			text += got.Answer + "</s>"
		}
		require.Equal(t, c.Out[i], text)
		ids, err := tok.EncodeBatch([]string{c.Out[i], got.Prompt}, false)
		require.NoError(t, err)
		if open {
			require.Equal(t, ids[0], append([]int32{tok.Special().BOS}, ids[1]...), "the tokens that the model sees")
		}
	}
}
