package host_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// spelling is a run of one step over records that spell special tokens out.
func spelling(t *testing.T, task string) config.Settings {
	t.Helper()
	s := ranking(t)
	s.Task, s.MaxSteps, s.SaveStrategy, s.EvalStrategy, s.EvalDataPaths = task, 1, "no", "no", nil
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "spelt.jsonl"), `{"prompt":"<s>a","answer":" b</s>"}
{"prompt":"a</s>","answer":" b"}
{"prompt":"a","answer":" b"}
`)}
	return s
}

// The first lines say what is put around texts, and what of it they spelt out.
func TestWhatTextsSpellOut(t *testing.T) {
	for _, c := range []struct {
		name        string
		change      func(*config.Settings)
		says, never string
	}{
		{"as the task wants", nil, `tokens <s> before each text, </s> after it
train  3 records, 3 sequences, 16 tokens
       1 of 3 texts already begin with <s>, which is not doubled
       1 of 3 texts already end in </s>, which is not doubled
       1 of 3 texts hold special tokens (</s>), which are read as such; split_special_tokens = true reads them as text
`, ""},
		{"neither", func(s *config.Settings) { s.AddSpecialTokens = config.Off }, "tokens nothing before each text, nothing after it\n", "already"},
		{"the setting of one side overrules that of both", func(s *config.Settings) { s.AddSpecialTokens, s.AddEOS = config.Off, config.On },
			"tokens nothing before each text, </s> after it\n", "already begin"},
		{"as text", func(s *config.Settings) { s.SplitSpecial = config.On }, "tokens <s> before each text, </s> after it\n", "of 3 texts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spelling(t, "sft")
			if c.change != nil {
				c.change(&s)
			}
			lines := mustTrain(t, s)
			require.Contains(t, lines, c.says)
			if c.never != "" {
				require.NotContains(t, lines, c.never)
			}
		})
	}
}

// Every task of a decoder ends its texts in EOS, a classifier too.
func TestTextsOfEveryTaskEnd(t *testing.T) {
	for task, make := range map[string]record{"sft": promptAnswer(nil), "reward": scored, "classification": tone} {
		t.Run(task, func(t *testing.T) {
			s := lesson(t, task, make, nil)
			s.MaxSteps, s.SaveStrategy, s.EvalStrategy = 1, "no", "no"
			require.Contains(t, mustTrain(t, s), "tokens <s> before each text, </s> after it\n")
		})
	}
}

// withTokenizer gives a run the model's tokenizer with a changed configuration.
func withTokenizer(t *testing.T, s *config.Settings, change func(config map[string]any)) {
	t.Helper()
	folder := t.TempDir()
	written(t, filepath.Join(folder, "tokenizer.json"), contents(t, s.Model, "tokenizer.json"))
	var own map[string]any
	require.NoError(t, json.Unmarshal([]byte(contents(t, s.Model, "tokenizer_config.json")), &own))
	change(own)
	text, err := json.Marshal(own)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), text, 0o644))
	s.Tokenizer = folder
}

func TestTokenizersThatLackTokens(t *testing.T) {
	s := spelling(t, "sft")
	withTokenizer(t, &s, func(own map[string]any) { delete(own, "eos_token") })
	require.Contains(t, mustTrain(t, s), "note: the tokenizer names no EOS token: answers are learned without their end, and the model does not learn to stop; name one in its tokenizer_config.json, or let set_special_tokens = true add </s>\n")
	s.AddEOS, s.OverwriteOutput = config.On, true
	_, err := trained(s)
	require.EqualError(t, err, "add_eos_token is true, and the tokenizer names no EOS token; name one in its tokenizer_config.json, let set_special_tokens = true add one, or remove add_eos_token")

	s = spelling(t, "sft")
	withTokenizer(t, &s, func(own map[string]any) { own["add_bos_token"], own["add_eos_token"] = false, true })
	require.Contains(t, mustTrain(t, s), "note: tokenizer_config.json has add_bos_token = false, which transformers ignores beside a tokenizer.json, and so does this run; add_bos_token of the run decides\n")
}

// One token is a text for a head, unless it is EOS.
func TestTextsOfOneToken(t *testing.T) {
	s := spelling(t, "classification")
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "classes.jsonl"), `{"text":"a b","label":0}
{"text":"b a","label":1}
`)}
	s.MaxLength, s.AddEOS = 1, config.Off
	lines := mustTrain(t, s)
	require.Contains(t, lines, "tokens <s> before each text, nothing after it\n")
	require.Contains(t, lines, "2 sequences cut from the left to max_length 1\n")
	s.AddEOS, s.OverwriteOutput = config.Auto, true
	_, err := trained(s)
	require.EqualError(t, err, "max_length is 1; want at least 2, since what is put after each text takes 1")
}

// What is no text is an error with its place, or replaced and counted.
func TestWhatIsNoText(t *testing.T) {
	s := spelling(t, "sft")
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "half.jsonl"), `{"prompt":"a","answer":" b"}
{"prompt":"a \ud83d","answer":" b"}
`)}
	_, err := trained(s)
	require.EqualError(t, err, s.DataPaths[0]+`:2:14: \ud83d is half of a surrogate pair and no text; write the other half too; encoding_errors = "replace" reads U+FFFD for it`)
	s.EncodingErrors = "replace"
	require.Contains(t, mustTrain(t, s), "1 of 2 texts hold U+FFFD, which stands for what could not be read\n")
}
