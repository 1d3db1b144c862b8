package lm_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host/jsonobject"
	"llmhost/host/lm"
	"llmhost/host/lora"
	"llmhost/host/model"

	"github.com/stretchr/testify/require"
)

// setIn gives keys of a JSON file values; "null" is one.
func setIn(t *testing.T, path string, values map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	content, err := jsonobject.Parse(text)
	require.NoError(t, err)
	for key, value := range values {
		content = content.Set(key, json.RawMessage(value))
	}
	require.NoError(t, os.WriteFile(path, content.Text(), 0o644))
}

func keyOf(t *testing.T, path, key string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	content, err := jsonobject.Parse(text)
	require.NoError(t, err)
	return string(content.Get(key))
}

// The pad token of a head is the tokenizer's, or else config.json's, or else the end
// token; both files that are saved name it.
func TestSettlePad(t *testing.T) {
	const before = "; heads read the last token that is not it, as in transformers"
	for _, c := range []struct {
		name                       string
		tokenizer, config, headPad string // of the files; headPad is that of a folder with the head, "" for one without
		want                       int64
		saved                      string // pad_token_id
		note                       string // %s is the folder
	}{
		{"the same", `"<pad>"`, `3`, "", 3, `3`, ""},
		{"the tokenizer's alone", `"<pad>"`, `null`, "", 3, `3`, ""},
		{"the config's alone", `null`, `3`, "", 3, `3`, ""},
		{"two", `"<pad>"`, `2`, "", 3, `3`, "the tokenizer's pad token is 3 and that of %s is 2; the tokenizer's holds, as in transformers' Trainer"},
		{"the end token", `"</s>"`, `2`, "", 2, `2`, "the pad token is the end token, 2" + before},
		{"the end token, in the config", `null`, `2`, "", 2, `2`, "the pad token is the end token, 2" + before},
		{"none", `null`, `null`, "", 2, `2`, "the tokenizer has no pad token; it gets its end token, 2, as from TRL's RewardTrainer" + before},
		{"none that is one", `null`, `-1`, "", 2, `2`, "the tokenizer has no pad token; it gets its end token, 2, as from TRL's RewardTrainer" + before},
		{"none, and a trained head", `null`, `null`, `null`, -1, `null`, "neither %s nor its tokenizer names a pad token, so transformers can only score its sequences one at a time; give it one with pad_token = \"<pad>\""},
		{"a trained head", `"</s>"`, `null`, `2`, 2, `2`, "the pad token is the end token, 2" + before},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := saved(t, 0)
			heads := lm.Options{Heads: &model.Heads{Score: true}}
			if c.headPad != "" {
				require.NoError(t, mustOpen(t, src, heads).Save(src.Name))
				c.config = c.headPad
			}
			setIn(t, filepath.Join(src.Name, "tokenizer_config.json"), map[string]string{"pad_token": c.tokenizer})
			setIn(t, filepath.Join(src.Name, "config.json"), map[string]string{"pad_token_id": c.config})

			m := mustOpen(t, src, heads)
			require.Equal(t, c.want, m.PadID)
			if c.note != "" {
				if c.want < 0 || c.tokenizer == `"<pad>"` {
					c.note = fmt.Sprintf(c.note, src.Name)
				}
				require.Contains(t, m.Notes(), c.note)
			} else {
				require.NotContains(t, fmt.Sprint(m.Notes()), "pad token")
			}
			out := t.TempDir()
			require.NoError(t, m.Save(out))
			require.Equal(t, c.saved, keyOf(t, filepath.Join(out, "config.json"), "pad_token_id"))
			token, want := keyOf(t, filepath.Join(out, "tokenizer_config.json"), "pad_token"), map[int64]string{-1: `null`, 2: `"</s>"`, 3: `"<pad>"`}[c.want]
			require.Equal(t, want, token)

			again := mustOpen(t, lm.Source{Name: out, Weights: out, Tokenizer: out}, heads)
			require.Equal(t, c.want, again.PadID, "read again")
		})
	}
}

// A model that predicts tokens has no use for a pad token, and gets none.
func TestNoPadWithoutHead(t *testing.T) {
	src := saved(t, 0)
	setIn(t, filepath.Join(src.Name, "tokenizer_config.json"), map[string]string{"pad_token": `null`})
	m := mustOpen(t, src, lm.Options{})
	require.Empty(t, m.Notes())
	require.EqualValues(t, -1, m.Tokenizer.Special().PAD)
}

// PEFT reads the config.json of the base, which an adapter leaves as it is.
func TestPadOfAnAdapter(t *testing.T) {
	src := saved(t, 0)
	setIn(t, filepath.Join(src.Name, "tokenizer_config.json"), map[string]string{"pad_token": `"</s>"`})
	c := lora.Default()
	c.Targets = lora.ParseModules([]string{lora.AllLinear})
	notes := mustOpen(t, src, lm.Options{Heads: &model.Heads{Score: true}, NewAdapter: &c}).Notes()
	require.Contains(t, notes, "an adapter does not change the config.json of "+src.Name+": to score with it in PEFT, set model.config.pad_token_id = 2 first")
}
