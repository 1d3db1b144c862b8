package tokenizer_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/jsonobject"
	"llmhost/host/tokenizer"
)

// named are tokenizers whose files beside tokenizer.json name tokens. listed is what
// becomes of the added_tokens of tokenizer.json, "" for none of them.
var named = []struct {
	name, listed string
	files        map[string]string
	beyond       []string
}{
	{"roles", "", map[string]string{"tokenizer_config.json": `{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}`}, nil},
	{"roles without an id", "", map[string]string{"tokenizer_config.json": `{"mask_token": "<M>", "bos_token": "<B>", "eos_token": "</s>", "pad_token": "<P>"}`}, []string{"<B>", "<P>", "<M>"}},
	{"a role with flags", "", map[string]string{"tokenizer_config.json": `{"eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": true, "rstrip": true, "normalized": true, "single_word": false}}`}, nil},
	{"the map", "", map[string]string{"special_tokens_map.json": `{"eos_token": "</s>", "bos_token": {"content": "<s>", "lstrip": false, "normalized": true, "rstrip": true, "single_word": false}}`}, nil},
	{"the map against the config", "", map[string]string{"tokenizer_config.json": `{"eos_token": "</s>"}`, "special_tokens_map.json": `{"eos_token": "<s>"}`}, nil},
	{"a role that the map takes away", "", map[string]string{"tokenizer_config.json": `{"eos_token": "</s>"}`, "special_tokens_map.json": `{"eos_token": null}`}, nil},
	{"the decoder, without the map", "", map[string]string{"special_tokens_map.json": `{"bos_token": "<s>"}`,
		"tokenizer_config.json": `{"eos_token": "</s>", "added_tokens_decoder": {"600": {"content": "<x>", "special": false, "normalized": true, "lstrip": true, "rstrip": false, "single_word": false},
			"2": {"content": "</s>", "special": false, "normalized": true, "lstrip": false, "rstrip": true, "single_word": false}}}`}, []string{"<x>"}},
	{"the decoder has other flags", "=", map[string]string{"tokenizer_config.json": `{"added_tokens_decoder": {"2": {"content": "</s>", "special": false, "normalized": true, "lstrip": true, "rstrip": true, "single_word": false}}}`}, nil},
	{"a role that the file lists as none", `[{"id": 2, "content": "</s>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": true, "special": false}]`,
		map[string]string{"tokenizer_config.json": `{"eos_token": "</s>"}`}, nil},
	{"tokens without a role", "", map[string]string{"tokenizer_config.json": `{"extra_special_tokens": ["<x>", {"__type": "AddedToken", "content": "<y>", "lstrip": true, "special": false}, "</s>"]}`}, []string{"<x>", "<y>"}},
	{"tokens under the former name", "", map[string]string{"tokenizer_config.json": `{"additional_special_tokens": ["<x>", "</s>"]}`}, []string{"<x>"}},
	{"tokens under both names", "", map[string]string{"tokenizer_config.json": `{"additional_special_tokens": ["<x>"], "extra_special_tokens": ["<y>"]}`}, []string{"<y>"}},
	{"tokens of both files", "", map[string]string{"tokenizer_config.json": `{"extra_special_tokens": ["<y>"]}`, "special_tokens_map.json": `{"extra_special_tokens": ["<x>", {"content": "<z>", "lstrip": true}]}`}, []string{"<y>", "<x>", "<z>"}},
	{"former names in both files", "", map[string]string{"tokenizer_config.json": `{"additional_special_tokens": ["<y>"]}`, "special_tokens_map.json": `{"additional_special_tokens": ["<x>"]}`}, []string{"<y>"}},
	{"names of this model's own", "", map[string]string{"tokenizer_config.json": `{"extra_special_tokens": {"video_token": "<v>"}, "image_token": "<x>", "add_bos_token": false, "eos_token": "</s>"}`}, []string{"<x>", "<v>"}},
	{"added_tokens.json", "", map[string]string{"tokenizer_config.json": `{"eos_token": "<e>"}`, "added_tokens.json": `{"<e>": 513, "<x>": 512}`}, []string{"<x>", "<e>"}},
	{"all of them", "=", map[string]string{"tokenizer_config.json": `{"pad_token": "<p>", "eos_token": "<e>", "bos_token": "<b>", "extra_special_tokens": ["<x>"]}`, "special_tokens_map.json": `{"unk_token": "<u>"}`},
		[]string{"<b>", "<e>", "<u>", "<p>", "<x>"}},
	{"nothing new", "=", map[string]string{"tokenizer_config.json": `{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}`}, nil},
}

// writeNamed writes one of named into a fresh folder.
func writeNamed(t *testing.T, listed string, files map[string]string) string {
	t.Helper()
	folder := variant{Name: "tok512"}.write(t)
	path := filepath.Join(folder, "tokenizer.json")
	content, err := jsonobject.Parse([]byte(read(t, path)))
	require.NoError(t, err)
	switch listed {
	case "=":
	case "":
		content = content.Set("added_tokens", []any{})
	default:
		content = content.Set("added_tokens", json.RawMessage(listed))
	}
	require.NoError(t, os.WriteFile(path, content.Text(), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), []byte("{}"), 0o644))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	return folder
}

var withNamed = append([]string{"a<x>b <y> c<z>", " <x> <y>d", "<e><p><b><u><v>", "<P>x<M>", "x </s> y <s> z <B>"}, controls...)

// Tokens that only the files beside tokenizer.json name are tokens in a text too, and
// no id changes. What is saved says the same.
func TestNamedTokens(t *testing.T) {
	for _, c := range named {
		t.Run(c.name, func(t *testing.T) {
			folder := writeNamed(t, c.listed, c.files)
			tok := load(t, folder)
			require.Equal(t, c.beyond, tok.Beyond())
			require.EqualValues(t, 511+len(c.beyond), tok.MaxID())
			for i, token := range c.beyond {
				id, has := tok.TokenID(token)
				require.True(t, has, token)
				require.EqualValues(t, 512+i, id, token)
			}
			saved := t.TempDir()
			require.NoError(t, tok.Save(saved, writeFile))
			again := load(t, saved)
			require.Equal(t, tok.Digest(), again.Digest())
			require.Equal(t, tok.Special(), again.Special())
			require.Empty(t, again.Beyond())
		})
	}
}

func TestBadNamedTokens(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"a list with a number", "tokenizer_config.json", `{"extra_special_tokens": [3]}`, `tokenizer_config.json: extra_special_tokens is 3; want a string, an object with "content", or null`},
		{"a decoder that is a list", "tokenizer_config.json", `{"added_tokens_decoder": [1]}`, "tokenizer_config.json: added_tokens_decoder is no object of tokens by their ids; want it as transformers writes it"},
		{"a token without an id", "added_tokens.json", `{"<x>": "a"}`, `added_tokens.json: "<x>" is "a"; want an id`},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := writeNamed(t, "=", map[string]string{c.file: c.text})
			_, err := tokenizer.Load(folder)
			require.ErrorContains(t, err, filepath.Join(folder, c.want))
		})
	}
}

// transformers gives the same ids for the folder as it is, and for what we save of it.
func TestNamedTokensPeer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers")
	}
	var folders, saved []string
	for _, c := range named {
		folder, copied := writeNamed(t, c.listed, c.files), t.TempDir()
		require.NoError(t, load(t, folder).Save(copied, writeFile))
		folders, saved = append(folders, folder), append(saved, copied)
	}
	job, err := json.Marshal(map[string]any{"folders": folders, "saved": saved, "texts": withNamed})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import json, sys
from transformers import PreTrainedTokenizerFast
job = json.loads(sys.argv[1])
def read(folder):
    whole = PreTrainedTokenizerFast.from_pretrained(folder)
    split = PreTrainedTokenizerFast.from_pretrained(folder, split_special_tokens=True)
    ids = lambda tokenizer: [tokenizer(t, add_special_tokens=False)["input_ids"] for t in job["texts"]]
    role = lambda id: -1 if id is None else id
    return {"whole": ids(whole), "split": ids(split), "roles": [role(whole.bos_token_id), role(whole.eos_token_id), role(whole.pad_token_id)]}
print(json.dumps([[read(f), read(s)] for f, s in zip(job["folders"], job["saved"])]))
`, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.Output()
	require.NoError(t, err)
	type reading struct {
		Whole, Split [][]int32
		Roles        []int32
	}
	var want [][]reading
	require.NoError(t, json.Unmarshal(printed, &want))
	for i, c := range named {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, want[i][0], want[i][1], "what we save is what we read")
			tok := load(t, folders[i])
			var got reading
			tok.SplitSpecial(false)
			got.Whole, err = tok.EncodeBatch(withNamed, false)
			require.NoError(t, err)
			tok.SplitSpecial(true)
			got.Split, err = tok.EncodeBatch(withNamed, false)
			require.NoError(t, err)
			s := tok.Special()
			got.Roles = []int32{s.BOS, s.EOS, s.PAD}
			require.Equal(t, want[i][0], got)
		})
	}
}
