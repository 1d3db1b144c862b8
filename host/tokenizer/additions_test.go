package tokenizer_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

func writeFile(path string, data []byte) error { return os.WriteFile(path, data, 0o644) }

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
}

// bare copies the tiny tokenizer, in which no token is called <pad>, without the
// files that name its special tokens.
func bare(t *testing.T, config string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer.json"), []byte(strings.ReplaceAll(read(t, filepath.Join(tiny, "tokenizer.json")), `"<pad>"`, `"<hole>"`)), 0o644))
	if config != "" {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), []byte(config), 0o644))
	}
	return folder
}

func loadWith(t *testing.T, folder string, more tokenizer.Additions) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.LoadWith(folder, more)
	require.NoError(t, err)
	t.Cleanup(func() { tok.Close() })
	return tok
}

// Each addition is one token, after the existing ones, which keep their ids. The
// written files say the same.
func TestAdditions(t *testing.T) {
	folder := bare(t, `{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "bos_token": null}`)
	tok := loadWith(t, folder, tokenizer.Additions{Missing: true, Tokens: []string{"<tool>", "<tool>", "<|call|>"}})
	before := load(t, tiny)
	special := tok.Special()
	require.Equal(t, before.Special().BOS, special.BOS, "the vocabulary has <s>")
	require.Equal(t, before.Special().EOS, special.EOS)
	require.Equal(t, []string{"<pad>", "<tool>", "<|call|>"}, tok.Added())
	require.EqualValues(t, 512, special.PAD)
	require.Equal(t, int(tok.MaxID())+1, tok.VocabSize())
	require.EqualValues(t, 514, tok.MaxID())
	require.NotEqual(t, before.Digest(), tok.Digest())

	text := "a <tool>b<pad></s>"
	ids, err := tok.Encode(text, false)
	require.NoError(t, err)
	tool, _ := tok.TokenID("<tool>")
	require.Contains(t, ids, tool)
	require.Contains(t, ids, special.PAD)
	plain, err := before.Encode("a b", false)
	require.NoError(t, err)
	again, err := tok.Encode("a b", false)
	require.NoError(t, err)
	require.Equal(t, plain, again)

	saved := t.TempDir()
	require.NoError(t, tok.Save(saved, writeFile))
	other := load(t, saved)
	require.Equal(t, special, other.Special())
	require.Equal(t, tok.Digest(), other.Digest())
	same, err := other.Encode(text, false)
	require.NoError(t, err)
	require.Equal(t, ids, same)
	require.Empty(t, loadWith(t, saved, tokenizer.Additions{Missing: true, Tokens: []string{"<tool>"}}).Added(), "nothing is added twice")
}

// A folder whose files name no roles gets one that does.
func TestAdditionsToABareFolder(t *testing.T) {
	tok := loadWith(t, bare(t, ""), tokenizer.Additions{Pad: "<|pad|>"})
	require.Equal(t, tok.MaxID(), tok.Special().PAD)
	saved := t.TempDir()
	require.NoError(t, tok.Save(saved, writeFile))
	var config map[string]string
	require.NoError(t, json.Unmarshal([]byte(read(t, filepath.Join(saved, "tokenizer_config.json"))), &config))
	require.Equal(t, "<|pad|>", config["pad_token"])
}

// An encoder gets no BOS and EOS, since it has [CLS] and [SEP].
func TestAdditionsToAnEncoder(t *testing.T) {
	tok := loadWith(t, "../conformance/testdata/tokenizers/tiny_wordpiece", tokenizer.Additions{Missing: true})
	require.Empty(t, tok.Added())
	require.EqualValues(t, -1, tok.Special().BOS)
}

func TestBadAdditions(t *testing.T) {
	for _, token := range []string{"", " a", "a\n"} {
		_, err := tokenizer.LoadWith(tiny, tokenizer.Additions{Tokens: []string{token}})
		require.ErrorContains(t, err, "want one that is not empty and neither begins nor ends with a blank")
	}
}

// transformers gives the same ids where it adds the tokens itself, and where it
// reads the files that we write.
func TestAdditionsPeer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers")
	}
	folder := bare(t, `{"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}`)
	tok := loadWith(t, folder, tokenizer.Additions{Missing: true, Tokens: []string{"<tool>", "ünï"}})
	saved := t.TempDir()
	require.NoError(t, tok.Save(saved, writeFile))
	texts := []string{"a <tool>b<pad></s> <s>", "<unk>ünï ünïa<tool>", "plain words, no tokens"}
	job, err := json.Marshal(map[string]any{"plain": folder, "saved": saved, "texts": texts})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import json, sys
from transformers import AutoTokenizer
job = json.loads(sys.argv[1])
own = AutoTokenizer.from_pretrained(job["plain"])
own.add_special_tokens({"pad_token": "<pad>", "bos_token": "<s>", "unk_token": "<unk>"})
own.add_tokens(["<tool>", "ünï"], special_tokens=True)
read = AutoTokenizer.from_pretrained(job["saved"])
for text in job["texts"]:
    assert own.encode(text, add_special_tokens=False) == read.encode(text, add_special_tokens=False), text
assert len(own) == len(read), (len(own), len(read))
print(json.dumps({"ids": [read.encode(t, add_special_tokens=False) for t in job["texts"]],
                  "roles": [read.bos_token_id, read.eos_token_id, read.pad_token_id, read.unk_token_id]}))
`, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.Output()
	require.NoError(t, err, "%v", err)
	var got struct {
		IDs   [][]int32
		Roles []int32
	}
	require.NoError(t, json.Unmarshal(printed, &got))
	want, err := tok.EncodeBatch(texts, false)
	require.NoError(t, err)
	require.Equal(t, want, got.IDs)
	s := tok.Special()
	require.Equal(t, []int32{s.BOS, s.EOS, s.PAD, s.UNK}, got.Roles)
}
