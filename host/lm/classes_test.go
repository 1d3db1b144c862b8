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
		fails        string
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
			want: []model.ClassHead{{Labels: []string{"a", "b"}, Coefficient: 0.5}}},
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
			got, err := lm.SettleClasses(withConfig(t, test.config), wanted, []string{"tone"}, test.ignore)
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got)
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
	got, err := lm.SettleClasses(withConfig(t, causal), wanted, nil, false)
	require.NoError(t, err)
	require.Equal(t, []model.ClassHead{
		{Name: "tone", Labels: []string{"calm", "cross"}, Coefficient: 1},
		{Name: "topic", Labels: []string{"art", "law"}, Coefficient: 0.5},
	}, got)
}
