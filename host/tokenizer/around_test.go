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

// variant is a tokenizer made from a shared one.
type variant struct {
	Name   string // of the shared one
	Config map[string]any
	Post   json.RawMessage // instead of its post-processor; nil keeps it
}

// write writes the tokenizer into a fresh folder.
func (v variant) write(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	file, err := os.ReadFile(filepath.Join("../../../shared/tokenizers", v.Name, "tokenizer.json"))
	if os.IsNotExist(err) {
		t.Skip("the shared tokenizers are not there")
	}
	require.NoError(t, err)
	if v.Post != nil {
		content, err := jsonobject.Parse(file)
		require.NoError(t, err)
		file = content.Set("post_processor", v.Post).Text()
	}
	config, err := json.Marshal(v.Config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer.json"), file, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), config, 0o644))
	return folder
}

func with(class, bos, eos string, more ...any) map[string]any {
	config := map[string]any{"tokenizer_class": class, "eos_token": eos}
	if bos != "" {
		config["bos_token"] = bos
	}
	for i := 0; i < len(more); i += 2 {
		config[more[i].(string)] = more[i+1]
	}
	return config
}

const both = `{"type": "TemplateProcessing",
	"single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
	"pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
	"special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}`

var arounds = []struct {
	name          string
	variant       variant
	before, after string
	ignored       [2]string
}{
	{"llama 2", variant{"tok512", with("LlamaTokenizerFast", "<s>", "</s>"), nil}, "<s>", "", [2]string{}},
	{"llama 2 that asks for an EOS in vain", variant{"tok512", with("LlamaTokenizer", "<s>", "</s>", "add_bos_token", false, "add_eos_token", true), nil}, "<s>", "",
		[2]string{"add_bos_token = false", "add_eos_token = true"}},
	{"llama 2 that asks for what it does", variant{"tok512", with("LlamaTokenizer", "<s>", "</s>", "add_bos_token", true, "add_eos_token", false), nil}, "<s>", "", [2]string{}},
	{"both", variant{"tok512", with("PreTrainedTokenizerFast", "<s>", "</s>"), json.RawMessage(both)}, "<s>", "</s>", [2]string{}},
	{"no post-processor", variant{"tok512", with("LlamaTokenizer", "<s>", "</s>", "add_bos_token", true), json.RawMessage("null")}, "", "", [2]string{"add_bos_token = true", ""}},
	{"code llama sets its own", variant{"tok512", with("CodeLlamaTokenizer", "<s>", "</s>"), json.RawMessage("null")}, "<s>", "", [2]string{}},
	{"gpt-neox sets its own", variant{"tok512", with("GPTNeoXTokenizerFast", "<s>", "</s>"), nil}, "", "", [2]string{}},
	{"gemma", variant{"tok512", with("GemmaTokenizerFast", "<s>", "</s>"), nil}, "<s>", "", [2]string{}},
	{"llama 3", variant{"llama3style", with("PreTrainedTokenizerFast", "<|begin_of_text|>", "<|end_of_text|>"), nil}, "<|begin_of_text|>", "", [2]string{}},
	{"mistral", variant{"mistral1", with("LlamaTokenizerFast", "<s>", "</s>"), nil}, "<s>", "", [2]string{}},
	{"qwen", variant{"qwen2style", with("Qwen2Tokenizer", "", "<|im_end|>", "add_bos_token", false), nil}, "", "", [2]string{}},
	{"smollm names a BOS and adds none", variant{"smollm2", with("GPT2Tokenizer", "<|im_start|>", "<|im_end|>"), nil}, "", "", [2]string{}},
	{"gpt2 has one token for both", variant{"gpt2", with("GPT2Tokenizer", "<|endoftext|>", "<|endoftext|>"), nil}, "", "", [2]string{}},
	{"roberta", variant{"robertastyle", with("PreTrainedTokenizerFast", "<s>", "</s>"), nil}, "<s>", "</s>", [2]string{}},
	{"bert", variant{"minilm", map[string]any{"tokenizer_class": "BertTokenizer"}, nil}, "[CLS]", "[SEP]", [2]string{}},
	{"unigram", variant{"unigram", with("PreTrainedTokenizerFast", "", "</s>"), nil}, "", "</s>", [2]string{}},
}

func TestAround(t *testing.T) {
	for _, c := range arounds {
		t.Run(c.name, func(t *testing.T) {
			tok, err := tokenizer.Load(c.variant.write(t))
			require.NoError(t, err)
			defer tok.Close()
			got := tok.Around()
			require.Equal(t, c.before, spelt(t, tok, got.Before), "before a text")
			require.Equal(t, c.after, spelt(t, tok, got.After), "after a text")
			require.Equal(t, c.ignored, [2]string{got.IgnoredBefore, got.IgnoredAfter})
		})
	}
}

// spelt joins the tokens of ids.
func spelt(t *testing.T, tok *tokenizer.Tokenizer, ids []int32) (text string) {
	for _, id := range ids {
		token, found := tok.Token(id)
		require.True(t, found)
		text += token
	}
	return text
}

// controls are texts with tokens that some of the tokenizers have as special ones.
var controls = []string{
	"a plain text", "<s> in front", "behind</s>", "a</s><s>b", "<|im_start|>user\nhi<|im_end|>", " <|endoftext|> ", "x[SEP]y [CLS]",
	"<|begin_of_text|>twice<|begin_of_text|>", "half a </s", "<unk>", "<|im_end|><|im_end|>", "</s>\n<s>  ",
}

// transformers puts the same around a text, and splits special tokens in a text
// as we do.
func TestAroundPeer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers")
	}
	var folders []string
	for _, c := range arounds {
		folders = append(folders, c.variant.write(t))
	}
	job, err := json.Marshal(map[string]any{"folders": folders, "texts": controls})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import json, sys
from transformers import AutoTokenizer, PreTrainedTokenizerFast
job = json.loads(sys.argv[1])
rows = []
for folder in job["folders"]:
    own = AutoTokenizer.from_pretrained(folder)
    whole, text = own("a")["input_ids"], own("a", add_special_tokens=False)["input_ids"]
    at = next(i for i in range(len(whole)) if whole[i:i + len(text)] == text)
    own = PreTrainedTokenizerFast.from_pretrained(folder)  # some classes would cut texts in their own way
    split = PreTrainedTokenizerFast.from_pretrained(folder, split_special_tokens=True)
    rows.append({"before": whole[:at], "after": whole[at + len(text):],
                 "whole": [own(t, add_special_tokens=False)["input_ids"] for t in job["texts"]],
                 "split": [split(t, add_special_tokens=False)["input_ids"] for t in job["texts"]]})
print(json.dumps(rows))
`, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.Output()
	require.NoError(t, err)
	var want []struct {
		Before, After []int32
		Whole, Split  [][]int32
	}
	require.NoError(t, json.Unmarshal(printed, &want))
	for i, c := range arounds {
		t.Run(c.name, func(t *testing.T) {
			tok, err := tokenizer.Load(folders[i])
			require.NoError(t, err)
			defer tok.Close()
			require.ElementsMatch(t, want[i].Before, tok.Around().Before)
			require.ElementsMatch(t, want[i].After, tok.Around().After)
			for split, ids := range map[bool][][]int32{false: want[i].Whole, true: want[i].Split} {
				tok.SplitSpecial(split)
				got, err := tok.EncodeBatch(controls, false)
				require.NoError(t, err)
				for n, text := range controls {
					require.Equal(t, ids[n], got[n], "%q with split_special_tokens = %v", text, split)
				}
			}
		})
	}
}

// tokenizer_config.json decides how special tokens in a text are encoded, as long
// as the caller does not.
func TestSplitSpecial(t *testing.T) {
	for _, c := range []struct {
		name  string
		more  []any
		split bool
	}{
		{"as usual", nil, false},
		{"the file splits", []any{"split_special_tokens", true}, true},
		{"the file does not", []any{"split_special_tokens", false}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok, err := tokenizer.Load(variant{"tok512", with("LlamaTokenizer", "<s>", "</s>", c.more...), nil}.write(t))
			require.NoError(t, err)
			defer tok.Close()
			endsInControl := func() bool {
				ids, err := tok.Encode("x</s>", false)
				require.NoError(t, err)
				return tok.IsControl(ids[len(ids)-1])
			}
			require.Equal(t, !c.split, endsInControl())
			tok.SplitSpecial(!c.split)
			require.Equal(t, c.split, endsInControl())
		})
	}
}
