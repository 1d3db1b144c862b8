package tokenizer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/tokenizer"
)

const tiny = "testdata/tiny_bpe"

// write makes a folder with the given files; a content "=" copies that of tiny.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		if content == "=" {
			data, err := os.ReadFile(filepath.Join(tiny, name))
			require.NoError(t, err)
			content = string(data)
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644))
	}
	return folder
}

func TestLoadErrors(t *testing.T) {
	for _, x := range []struct {
		name  string
		files map[string]string
		want  string // FOLDER is the folder's path
	}{
		{"empty folder", nil,
			`tokenizer FOLDER: no tokenizer.json in this folder; copy it from the model that it belongs to`},
		{"older files", map[string]string{"vocab.txt": "a"},
			`tokenizer FOLDER: no tokenizer.json, only the older vocab.txt; write it with transformers: AutoTokenizer.from_pretrained("FOLDER").save_pretrained("FOLDER")`},
		{"empty file", map[string]string{"tokenizer.json": ""},
			`FOLDER/tokenizer.json: the file is empty; copy it again`},
		{"cut file", map[string]string{"tokenizer.json": "{\"model\":\n  {\"type\": \"BP"},
			`FOLDER/tokenizer.json:2:14: not JSON: it ends in the middle of its JSON; copy the file again`},
		{"a list", map[string]string{"tokenizer.json": "[1]"},
			`FOLDER/tokenizer.json:1:1: the file is a JSON array; want another type; copy the file again`},
		{"type of a wrong type", map[string]string{"tokenizer.json": `{"model":{"type":3}}`},
			`FOLDER/tokenizer.json:1:18: "model.type" is a JSON number; want another type; copy the file again`},
		{"no model", map[string]string{"tokenizer.json": `{"version":"1.0"}`},
			`FOLDER/tokenizer.json: has no "model"; want a tokenizer.json as Hugging Face's tokenizers writes it`},
		{"unknown model", map[string]string{"tokenizer.json": `{"model":{"type":"Wordle","vocab":{}}}`},
			`FOLDER/tokenizer.json: model type "Wordle" is unknown; want one of BPE, Unigram, WordLevel, WordPiece`},
		{"config cut", map[string]string{"tokenizer.json": "=", "tokenizer_config.json": "{"},
			`FOLDER/tokenizer_config.json:1:1: not JSON: it ends in the middle of its JSON; copy the file again`},
		{"token of a wrong type", map[string]string{"tokenizer.json": "=", "special_tokens_map.json": `{"eos_token":2}`},
			`FOLDER/special_tokens_map.json: eos_token is 2; want a string, an object with "content", or null`},
		{"foreign id", map[string]string{"tokenizer.json": "=", "config.json": `{"bos_token_id":70000}`},
			`FOLDER/config.json: bos_token_id is 70000, which FOLDER/tokenizer.json does not have; name the token in a tokenizer_config.json beside it`},
	} {
		t.Run(x.name, func(t *testing.T) {
			folder := write(t, x.files)
			_, err := tokenizer.Load(folder)
			require.EqualError(t, err, strings.ReplaceAll(x.want, "FOLDER", folder))
		})
	}
}

func TestLoadWrongPath(t *testing.T) {
	_, err := tokenizer.Load("testdata/none")
	require.EqualError(t, err, "tokenizer testdata/none: no such file or folder; give a folder with tokenizer.json")
	_, err = tokenizer.Load("tokenizer.go")
	require.EqualError(t, err, "tokenizer tokenizer.go: want a folder or a file named tokenizer.json")
}

func TestLoadBrokenVocabulary(t *testing.T) {
	folder := write(t, map[string]string{"tokenizer.json": `{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}`})
	_, err := tokenizer.Load(folder)
	require.ErrorContains(t, err, folder+"/tokenizer.json: ")
}

func TestSpecial(t *testing.T) {
	for _, x := range []struct {
		name  string
		files map[string]string
		want  tokenizer.Special
	}{
		{"nothing said", map[string]string{}, tokenizer.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
		{"config", map[string]string{"tokenizer_config.json": "="}, tokenizer.Special{BOS: 1, EOS: 2, PAD: 3, UNK: 0, CLS: -1, SEP: -1}},
		{"objects", map[string]string{"tokenizer_config.json": `{"bos_token":{"content":"<s>","lstrip":false},"pad_token":null}`},
			tokenizer.Special{BOS: 1, EOS: -1, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
		{"map before config", map[string]string{
			"tokenizer_config.json":   `{"bos_token":null,"eos_token":"</s>"}`,
			"special_tokens_map.json": `{"bos_token":"<s>","eos_token":"<pad>","unk_token":{"content":"<unk>"}}`},
			tokenizer.Special{BOS: 1, EOS: 3, PAD: -1, UNK: 0, CLS: -1, SEP: -1}},
		{"no map beside added_tokens_decoder", map[string]string{
			"tokenizer_config.json":   `{"added_tokens_decoder":{},"eos_token":"</s>"}`,
			"special_tokens_map.json": `{"bos_token":"<s>","eos_token":"<pad>"}`},
			tokenizer.Special{BOS: -1, EOS: 2, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
		{"the model's ids, last", map[string]string{"config.json": `{"bos_token_id":1,"eos_token_id":[2,3],"pad_token_id":-1,"unk_token_id":null}`},
			tokenizer.Special{BOS: 1, EOS: 2, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
		{"not the model's ids", map[string]string{"tokenizer_config.json": `{}`, "config.json": `{"bos_token_id":1}`},
			tokenizer.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
		{"the pad token of a class", map[string]string{"tokenizer_config.json": `{"tokenizer_class":"GemmaTokenizerFast"}`},
			tokenizer.Special{BOS: -1, EOS: -1, PAD: 3, UNK: -1, CLS: -1, SEP: -1}},
		{"no pad token, though the class has one", map[string]string{"tokenizer_config.json": `{"tokenizer_class":"GemmaTokenizer","pad_token":null}`},
			tokenizer.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
		{"a class whose pad token the vocabulary lacks", map[string]string{"tokenizer_config.json": `{"tokenizer_class":"GPTNeoXTokenizer"}`},
			tokenizer.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1, CLS: -1, SEP: -1}},
	} {
		t.Run(x.name, func(t *testing.T) {
			x.files["tokenizer.json"] = "="
			require.Equal(t, x.want, load(t, write(t, x.files)).Special())
		})
	}
}

func TestNotUTF8(t *testing.T) {
	tok := load(t, tiny)
	const want = "tokenizer testdata/tiny_bpe/tokenizer.json: text is not UTF-8 at byte 7 (0xff); convert it to UTF-8 first"
	bad := "é \ufffd \xffz"
	_, err := tok.Encode(bad, true)
	require.EqualError(t, err, want)
	_, err = tok.EncodeWithOffsets(bad, true)
	require.EqualError(t, err, want)
	_, err = tok.EncodePair("fine", bad, true)
	require.EqualError(t, err, want)
	_, err = tok.EncodeBatch([]string{"fine", bad}, true)
	require.EqualError(t, err, "text 1: "+want)
	_, ok := tok.TokenID("\xff")
	require.False(t, ok)
}

// Merging one word takes memory many times its length.
func TestLongWords(t *testing.T) {
	tok := load(t, tiny)
	_, err := tok.EncodeBatch([]string{"fine", "é. " + strings.Repeat("a", 4<<20+1)}, false)
	require.EqualError(t, err, "text 1: tokenizer testdata/tiny_bpe/tokenizer.json: text has more than 4194304 bytes of letters and digits in a row, from byte 4 on, which no text has; take it out, or cut it")
}

func TestUnknownIDs(t *testing.T) {
	tok := load(t, tiny)
	_, err := tok.Decode([]int32{4, -1}, true)
	require.EqualError(t, err, "tokenizer testdata/tiny_bpe/tokenizer.json: decoding: id -1 at position 1; want 0 to 511")
	text, err := tok.Decode([]int32{4, 100000, 5}, true)
	require.NoError(t, err)
	require.Equal(t, `!"`, text)
	for _, id := range []int32{-1, 512, 1 << 30} {
		_, ok := tok.Token(id)
		require.False(t, ok, "id %d", id)
	}
	_, ok := tok.TokenID("no such token")
	require.False(t, ok)
}

func TestFacts(t *testing.T) {
	tok := load(t, tiny)
	require.Equal(t, 512, tok.VocabSize())
	require.Equal(t, int32(511), tok.MaxID())
	data, err := os.ReadFile(filepath.Join(tiny, "tokenizer.json"))
	require.NoError(t, err)
	sum := sha256.Sum256(data)
	require.Equal(t, hex.EncodeToString(sum[:]), tok.Digest())
	saved := t.TempDir()
	require.NoError(t, tok.Save(saved, writeFile))
	entries, err := os.ReadDir(saved)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		require.Equal(t, read(t, filepath.Join(tiny, name)), read(t, filepath.Join(saved, name)))
	}
}

func TestEmpty(t *testing.T) {
	tok := load(t, tiny)
	ids, err := tok.EncodeBatch(nil, true)
	require.NoError(t, err)
	require.Empty(t, ids)
	text, err := tok.Decode(nil, true)
	require.NoError(t, err)
	require.Empty(t, text)
}

func TestTruncate(t *testing.T) {
	tok := load(t, tiny)
	whole, err := tok.EncodeWithOffsets("the children", true)
	require.NoError(t, err)
	require.Equal(t, whole, whole.Truncate(len(whole.IDs), tokenizer.Left))
	for _, side := range []tokenizer.Side{tokenizer.Left, tokenizer.Right} {
		require.Equal(t, []int32{1}, whole.Truncate(0, side).IDs, "the added token stays")
	}
	left := whole.Truncate(2, tokenizer.Left)
	last := len(whole.IDs) - 1
	require.Equal(t, []int32{1, whole.IDs[last]}, left.IDs)
	require.Equal(t, whole.Spans[last], left.Spans[1])
}

// prose is about size bytes of text whose every line differs.
func prose(size int) []string {
	words := strings.Fields("the children were watching from the window while a lazy dog slept by 17 warm naïve 日本 stones")
	var lines []string
	for n, total := 1, 0; total < size; n++ {
		var line strings.Builder
		for k := range 20 {
			line.WriteString(words[(n*(k+3)+n/7+k*k)%len(words)] + " ")
		}
		lines = append(lines, line.String())
		total += line.Len()
	}
	return lines
}

// TestParallel: callers at the same time, and batches large enough for several
// instances, get what one caller after the other gets.
func TestParallel(t *testing.T) {
	tok := load(t, tiny)
	lines := prose(3 << 20)
	want := make([][]int32, len(lines))
	for i, line := range lines[:2000] {
		ids, err := tok.Encode(line, true)
		require.NoError(t, err)
		want[i] = ids
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			got, err := tok.EncodeBatch(lines, true)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 2000 {
				if !slices.Equal(want[i], got[i]) {
					t.Errorf("line %d: got %v, want %v", i, got[i], want[i])
				}
			}
		})
	}
	wait.Wait()
}

// TestTrap: an instance that trapped is gone, the tokenizer still works.
func TestTrap(t *testing.T) {
	tok := load(t, tiny)
	require.Equal(t, 1, tok.Instances())
	require.ErrorContains(t, tok.Break(), "the core stopped: ")
	require.Zero(t, tok.Instances())
	ids, err := tok.Encode("the", false)
	require.NoError(t, err)
	require.NotEmpty(t, ids)
	require.Equal(t, 1, tok.Instances())
}

// TestNoCacheFolder: a machine without a cache folder compiles every time.
func TestNoCacheFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the core without a cache: some seconds")
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(file, "below"))
	_, err := load(t, tiny).Encode("the", false)
	require.NoError(t, err)
}

// TestCacheFolder: machine code is kept where only its owner can write.
func TestCacheFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a new cache: some seconds")
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	load(t, tiny)
	folder := filepath.Join(cache, "llmhost", "wazero")
	info, err := os.Stat(folder)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	entries, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	for _, entry := range entries { // a damaged entry is no reason to stop
		require.NoError(t, os.WriteFile(entry, []byte("spoilt"), 0o600))
	}
	load(t, tiny)
}

func BenchmarkEncodeBatch(b *testing.B) {
	tok := load(b, tiny)
	lines := prose(1 << 20)
	b.SetBytes(int64(len(strings.Join(lines, ""))))
	for b.Loop() {
		_, err := tok.EncodeBatch(lines, false)
		require.NoError(b, err)
	}
}

func BenchmarkEncodeShort(b *testing.B) {
	tok := load(b, tiny)
	const text = "the children were watching from the window"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_, err := tok.Encode(text, false)
		require.NoError(b, err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		tok, err := tokenizer.Load(tiny)
		require.NoError(b, err)
		require.NoError(b, tok.Close())
	}
}
