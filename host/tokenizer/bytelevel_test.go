package tokenizer_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/tokenizer"
)

func byteLevel(t testing.TB) (*tokenizer.Tokenizer, string) {
	folder := t.TempDir() + "/new"
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	return load(t, folder), folder
}

func TestByteLevel(t *testing.T) {
	tok, _ := byteLevel(t)
	require.Equal(t, 260, tok.VocabSize())
	require.Equal(t, int32(259), tok.MaxID())
	require.Equal(t, tokenizer.Special{BOS: 1, EOS: 2, PAD: 3, UNK: 0, CLS: -1, SEP: -1}, tok.Special())
	ids, err := tok.Encode("\x00 aé</s>", false)
	require.NoError(t, err)
	require.Equal(t, []int32{4, 4 + ' ', 4 + 'a', 4 + 0xc3, 4 + 0xa9, 2}, ids)
	require.Equal(t, tokenizer.Around{Before: []int32{1}, After: []int32{}}, tok.Around())
	text, err := tok.Decode([]int32{1, 4 + 'a', 4 + 0xc3, 4 + 0xa9, 2, 3}, true)
	require.NoError(t, err)
	require.Equal(t, "aé", text)
}

func TestByteLevelEveryCharacter(t *testing.T) {
	tok, _ := byteLevel(t)
	var all strings.Builder
	for r := rune(0); r <= 0xffff; r++ {
		if utf8.ValidRune(r) {
			all.WriteRune(r)
		}
	}
	ids, err := tok.Encode(all.String(), false)
	require.NoError(t, err)
	require.Len(t, ids, all.Len())
	text, err := tok.Decode(ids, false)
	require.NoError(t, err)
	require.Equal(t, all.String(), text)
}

func TestByteLevelNoFolder(t *testing.T) {
	err := tokenizer.WriteByteLevel("tokenizer.go/below")
	require.EqualError(t, err, "tokenizer: mkdir tokenizer.go: not a directory")
}

// byteLevelPeer prints what transformers makes of the folder in argv[1].
const byteLevelPeer = `
import json, sys
from transformers import AutoTokenizer
t = AutoTokenizer.from_pretrained(sys.argv[1])
texts = json.load(sys.stdin)
ids = [t(x)["input_ids"] for x in texts]
print(json.dumps({"size": len(t), "special": [t.bos_token_id, t.eos_token_id, t.pad_token_id, t.unk_token_id],
    "ids": ids, "decoded": [t.decode(i) for i in ids], "skipped": [t.decode(i, skip_special_tokens=True) for i in ids]}))
`

// TestByteLevelInTransformers: transformers reads the same tokenizer.
func TestByteLevelInTransformers(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("compares with transformers; set LLMHOST_PEER_PYTHON to a Python that has it")
	}
	tok, folder := byteLevel(t)
	texts := []string{"", "Hello , world !", "<s>été</s>\n\n 日本 🙂<pad>", "a  b\t\x01 do n't"}
	input, err := json.Marshal(texts)
	require.NoError(t, err)
	command := exec.Command(python, "-c", byteLevelPeer, folder)
	command.Stdin = strings.NewReader(string(input))
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	var peer struct {
		Size             int
		Special          []int32
		IDs              [][]int32
		Decoded, Skipped []string
	}
	require.NoError(t, json.Unmarshal(out, &peer), "%s", out)
	require.Equal(t, tok.VocabSize(), peer.Size)
	s := tok.Special()
	require.Equal(t, []int32{s.BOS, s.EOS, s.PAD, s.UNK}, peer.Special)
	for i, text := range texts {
		ids, err := tok.Encode(text, true)
		require.NoError(t, err)
		require.Equal(t, peer.IDs[i], ids, "%q", text)
		decoded, err := tok.Decode(ids, false)
		require.NoError(t, err)
		require.Equal(t, peer.Decoded[i], decoded, "%q", text)
		skipped, err := tok.Decode(ids, true)
		require.NoError(t, err)
		require.Equal(t, peer.Skipped[i], skipped, "%q", text)
	}
}

// FuzzByteLevel: any text survives a round trip; what is not UTF-8 is refused.
func FuzzByteLevel(f *testing.F) {
	for _, seed := range []string{"", "plain", " <s> </s>x<pad", "é\u0301日🙂", "\x00\xff", "\r\n\t \u00a0\ufeff"} {
		f.Add(seed)
	}
	tok, _ := byteLevel(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tok.EncodeWithOffsets(text, false)
		if !utf8.ValidString(text) {
			require.ErrorContains(t, err, "not UTF-8")
			return
		}
		require.NoError(t, err)
		ids, err := tok.Encode(text, false)
		require.NoError(t, err)
		require.Equal(t, got.IDs, ids)
		for _, s := range got.Spans {
			require.True(t, 0 <= s.Start && s.Start < s.End && s.End <= len(text), "%q: span %v", text, s)
		}
		back, err := tok.Decode(ids, false)
		require.NoError(t, err)
		require.Equal(t, text, back)
	})
}

// FuzzDecode: no list of ids stops the core.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 100, 4, 255, 2}, true)
	tok := load(f, tiny)
	f.Fuzz(func(t *testing.T, data []byte, skip bool) {
		ids := make([]int32, len(data))
		for i, b := range data {
			ids[i] = int32(b) * 3 // past the vocabulary, too
		}
		text, err := tok.Decode(ids, skip)
		require.NoError(t, err)
		require.True(t, utf8.ValidString(text))
	})
}
