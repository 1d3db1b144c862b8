package lm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/lm"
	"llmhost/host/model"

	"github.com/stretchr/testify/require"
)

// withConfig is the source of a folder that holds a config.json alone.
func withConfig(t *testing.T, config string) lm.Source {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, model.ConfigName), []byte(config), 0o644))
	return lm.Source{Name: folder, Weights: folder}
}

const (
	causal     = `{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}`
	classifier = `{"model_type": "llama", "architectures": ["LlamaForSequenceClassification"], "id2label": {"0": "no", "1": "yes"}}`
	unnamed    = `{"model_type": "llama", "architectures": ["LlamaForSequenceClassification"], "id2label": {"0": "LABEL_0", "1": "LABEL_1"}}`
)

// nameless is a classifier with more keys.
func nameless(keys string) string {
	return `{"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]` + keys + `}`
}

func found(names ...string) (classes []lm.FoundClass) {
	for i, name := range names {
		classes = append(classes, lm.FoundClass{Name: name, First: len(names) - i, At: "data.jsonl:" + name})
	}
	return classes
}

func TestSettleClasses(t *testing.T) {
	for _, test := range []struct {
		name, config string
		found        []lm.FoundClass
		ignore       bool
		named        bool
		want         []model.ClassHead
		note, fails  string
	}{
		{name: "those of the data, where the model has none", config: causal, found: found("a", "b"),
			want: []model.ClassHead{{Labels: []string{"a", "b"}, Coefficient: 0.5}}},
		{name: "those of the model, of which the data has some", config: classifier, found: found("yes"),
			want: []model.ClassHead{{Labels: []string{"no", "yes"}, Coefficient: 0.5}}},
		{name: "numbers that the model spells otherwise", config: strings.NewReplacer(`"no"`, `"0.0"`, `"yes"`, `"1.0"`).Replace(classifier), found: found("0", "1"),
			want: []model.ClassHead{{Labels: []string{"0.0", "1.0"}, Coefficient: 0.5}}},
		{name: "named, since another pooling than the last token's reads them", config: causal, found: found("a", "b"), named: true,
			want: []model.ClassHead{{Name: "label", Labels: []string{"a", "b"}, Coefficient: 0.5}}},
		{name: "names for classes that have none", config: unnamed, found: found("a", "b"),
			want: []model.ClassHead{{Labels: []string{"a", "b"}, Coefficient: 0.5}},
			note: "have no names, only LABEL_0, LABEL_1; in this order they are a, b of the data, and saved so"},
		{name: "two classes where config.json names none", config: nameless(""), found: found("0", "1"),
			want: []model.ClassHead{{Labels: []string{"0", "1"}, Coefficient: 0.5}},
			note: "only LABEL_0, LABEL_1; in this order they are 0, 1 of the data"},
		{name: "by number, though the data has not all of them", config: nameless(`, "num_labels": 12`), found: found("2", "11"),
			want: []model.ClassHead{{Labels: []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}, Coefficient: 0.5}},
			note: "in this order they are 0, 1, 2, "},
		{name: "by transformers' own names", config: nameless(`, "num_labels": 3`), found: found("LABEL_2", "LABEL_0"),
			want: []model.ClassHead{{Labels: []string{"LABEL_0", "LABEL_1", "LABEL_2"}, Coefficient: 0.5}}},
		{name: "numbers from 1", config: nameless(`, "num_labels": 2`), found: found("1", "2"),
			want: []model.ClassHead{{Labels: []string{"1", "2"}, Coefficient: 0.5}}, note: "they are 1, 2 of the data"},
		{name: "num_labels wins over id2label", config: nameless(`, "num_labels": 3, "id2label": {"0": "a", "1": "b"}`), found: found("0", "2"),
			want: []model.ClassHead{{Labels: []string{"0", "1", "2"}, Coefficient: 0.5}},
			note: "num_labels = 3 wins over id2label, which names 2 classes, as in transformers; the classes are LABEL_0, LABEL_1, LABEL_2"},
		{name: "id2label in no order", config: nameless(`, "id2label": {"1": "b", "2": "c", "0": "a"}`), found: found("c"),
			want: []model.ClassHead{{Labels: []string{"a", "b", "c"}, Coefficient: 0.5}}},
		{name: "numbers as names", config: nameless(`, "id2label": {"0": 5, "1": 2.0, "2": "1.5"}`), found: found("2", "5"),
			want: []model.ClassHead{{Labels: []string{"5", "2", "1.5"}, Coefficient: 0.5}}},
		{name: "label2id that disagrees", config: nameless(`, "id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}`), found: found("a"),
			want: []model.ClassHead{{Labels: []string{"a", "b"}, Coefficient: 0.5}},
			note: `label2id does not have "a" = 0 as id2label does, which holds, as in transformers`},
		{name: "label2id alone", config: nameless(`, "label2id": {"bad": 0, "good": 1}`), found: found("bad", "good"),
			want: []model.ClassHead{{Labels: []string{"bad", "good"}, Coefficient: 0.5}},
			note: "label2id without id2label names no class, as in transformers; the classes are LABEL_0, LABEL_1"},
		{name: "another problem", config: nameless(`, "problem_type": "multi_label_classification"`), found: found("LABEL_0"),
			want: []model.ClassHead{{Labels: []string{"LABEL_0", "LABEL_1"}, Coefficient: 0.5}},
			note: `problem_type is "multi_label_classification"; this task trains one class for each text, and what is saved says "single_label_classification"`},
		{name: "a gap", config: nameless(`, "id2label": {"0": "a", "2": "b"}`), found: found("a"),
			fails: `id2label has the id "2"; want each of 0 to 1 once, as it has 2 names`},
		{name: "one name twice", config: nameless(`, "id2label": {"0": "a", "1": "a"}`), found: found("a"),
			fails: `id2label has the name "a" for the ids 0 and 1; want a name of its own for each`},
		{name: "no name", config: nameless(`, "id2label": {"0": "a", "1": null}`), found: found("a"),
			fails: `id2label has null for the id 1; want a name`},
		{name: "no names", config: nameless(`, "id2label": {}`), found: found("a"),
			fails: `id2label is empty; want a name for each class, or no such key for two classes`},
		{name: "no number", config: nameless(`, "num_labels": null`), found: found("a"),
			fails: `num_labels is null; want a whole number`},
		{name: "a score", config: nameless(`, "num_labels": 1`), found: found("LABEL_0"),
			fails: `has the one class "LABEL_0", as a score has; want at least two; set ignore_mismatched_sizes = true`},
		{name: "too many names for classes that have none", config: nameless(""), found: found("a", "b", "c"),
			fails: `which are LABEL_0, LABEL_1; set ignore_mismatched_sizes = true`},
		{name: "a trained head that the data does not name is not thrown away", config: unnamed, found: found("b"),
			fails: `which are LABEL_0, LABEL_1; name the classes in the data by their numbers, 0 to 1, or give it all of them`},
		{name: "nor one whose class is misspelt", config: strings.Replace(classifier, "yes", "positive", 1), found: found("no", "positve"),
			fails: `which are no, positive; did you mean positive?`},
		{name: "a class that the head cannot have", config: classifier, found: found("maybe", "yes"),
			fails: `which are no, yes; set ignore_mismatched_sizes = true to train a new head for the classes of the data`},
		{name: "the first class in the data that the model lacks is named", config: classifier, found: found("maybe", "never", "yes"),
			fails: `data.jsonl:never: the class "never" of label is not among those of`},
		{name: "a new head where that is asked for", config: classifier, found: found("maybe", "yes"), ignore: true,
			want: []model.ClassHead{{Labels: []string{"maybe", "yes"}, Coefficient: 0.5, Fresh: true}}},
		{name: "one class is nothing to learn", config: causal, found: found("a"),
			fails: `all training records have the class "a" of label; want at least two classes`},
		{name: "no class", config: causal,
			fails: "no training record has a class of label; the data has those of tone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wanted := []lm.HeadClasses{{Head: "label", Coefficient: 0.5, Named: test.named, Found: test.found}}
			got, notes, err := lm.SettleClasses(withConfig(t, test.config), wanted, []string{"tone"}, test.ignore)
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			if test.note == "" {
				require.Empty(t, notes)
				return
			}
			require.Contains(t, strings.Join(notes, "\n"), test.note)
		})
	}
}

// Several heads keep the names that the loss calls them by; a single one is the
// head of …ForSequenceClassification, which has none.
func TestSettleSeveralHeads(t *testing.T) {
	wanted := []lm.HeadClasses{
		{Head: "tone", Coefficient: 1, Found: found("calm", "cross")},
		{Head: "topic", Coefficient: 0.5, Found: found("art", "law")},
	}
	got, notes, err := lm.SettleClasses(withConfig(t, causal), wanted, nil, false)
	require.NoError(t, err)
	require.Empty(t, notes)
	require.Equal(t, []model.ClassHead{
		{Name: "tone", Labels: []string{"calm", "cross"}, Coefficient: 1},
		{Name: "topic", Labels: []string{"art", "law"}, Coefficient: 0.5},
	}, got)
}
