package tokenizer_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// folders are all tokenizers at hand.
func folders(t testing.TB) []string {
	t.Helper()
	shared := os.Getenv("LLMHOST_TOKENIZERS")
	if shared == "" {
		shared = filepath.Join(root(t), "..", "shared", "tokenizers")
	}
	var all []string
	for _, pattern := range []string{filepath.Join("testdata", "*"), filepath.Join(shared, "*")} {
		found, err := filepath.Glob(filepath.Join(pattern, "tokenizer.json"))
		require.NoError(t, err)
		all = append(all, found...)
	}
	require.NotEmpty(t, all)
	return all
}

// parts are what texts are made of in which pieces could be cut wrongly.
var parts = []string{" ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\u00a0", "\u2003", "\u3000", "\u0085",
	"a", "b", "The", "cat", "word", "'s", "'re", "'LL", "don't", "I'm", ",", ".", "...", "!?", "-", "--", "(", ")", "\"", "#", "@x", "/", "\\", "=", "==", "_", "~", "$1",
	"0", "7", "42", "1234567", "3.14", "é", "e\u0301", "\u0301", "ß", "Ä", "ﬁ", "Å", "ſ", "İ", "Σ", "ς", "日本", "語", "한", "é́", "🙂", "👩‍👩‍👧", "\u200d", "\ufeff", "\u0000", "\u00ad", "▁", "▁a", "Ġ", "x", "<", ">", "</", "<s", "[", "##ing"}

// randomTexts are texts of such parts, and of what the tokenizer adds.
func randomTexts(n int, added []string) []string {
	rng := rand.New(rand.NewPCG(7, 0))
	var texts []string
	for i := range n {
		var text strings.Builder
		for range rng.IntN(60) {
			if i%10 == 0 && len(added) > 0 && rng.IntN(9) == 0 {
				text.WriteString(added[rng.IntN(len(added))])
			}
			text.WriteString(parts[rng.IntN(len(parts))])
			if rng.IntN(2) == 0 {
				text.WriteByte(' ')
			}
		}
		texts = append(texts, text.String())
	}
	return texts
}

// Texts encoded in pieces have the ids that the core gives them whole, with every tokenizer.
func TestPiecesAreExact(t *testing.T) {
	prose, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	for _, path := range folders(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile(path)
			require.NoError(t, err)
			var listed struct {
				Added []struct{ Content string } `json:"added_tokens"`
			}
			require.NoError(t, json.Unmarshal(file, &listed))
			var added []string
			for _, a := range listed.Added {
				added = append(added, a.Content)
			}
			tok := load(t, path)
			texts := append(randomTexts(500, added), strings.SplitAfter(string(prose), "\n\n")...)
			texts = append(texts, string(prose))
			for _, batch := range slices.Collect(slices.Chunk(texts, 200)) { // later ones meet pieces of earlier ones
				got, err := tok.EncodeBatch(batch, false)
				require.NoError(t, err)
				want, err := tok.EncodeWhole(batch)
				require.NoError(t, err)
				for i := range batch {
					require.Equal(t, want[i], got[i], "%q", batch[i])
				}
			}
			require.NotEmpty(t, tok.KnownPieces(), "no text was cut")
		})
	}
}

// Where it is not known that no token reaches over a blank, texts are encoded whole.
func TestTextsThatAreNotCut(t *testing.T) {
	for name, change := range map[string]func(file map[string]any){
		"a normalizer that is not known": func(f map[string]any) {
			f["normalizer"] = map[string]any{"type": "Replace", "pattern": map[string]any{"String": "a b"}, "content": "c"}
		},
		"a pattern that is not known": func(f map[string]any) {
			f["pre_tokenizer"] = map[string]any{"type": "Split", "pattern": map[string]any{"Regex": `\w+ \w+`}, "behavior": "Isolated", "invert": false}
		},
		"a token looked for in normalized text": func(f map[string]any) {
			f["normalizer"] = map[string]any{"type": "Lowercase"}
			f["added_tokens"] = append(f["added_tokens"].([]any), map[string]any{"id": 9999, "content": "Foo", "special": false, "normalized": true, "single_word": false, "lstrip": false, "rstrip": false})
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(tiny, "tokenizer.json"))
			require.NoError(t, err)
			var file map[string]any
			require.NoError(t, json.Unmarshal(text, &file))
			change(file)
			text, err = json.Marshal(file)
			require.NoError(t, err)
			tok := load(t, write(t, map[string]string{"tokenizer.json": string(text)}))
			texts := []string{strings.Repeat("a b foo FOO ", 2000)}
			got, err := tok.EncodeBatch(texts, false)
			require.NoError(t, err)
			want, err := tok.EncodeWhole(texts)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Zero(t, tok.KnownPieces())
		})
	}
}

// Pieces that are kept are bounded.
func TestPiecesAreForgotten(t *testing.T) {
	tok := load(t, tiny)
	const most = 5000
	tok.KeepPieces(most)
	for round := range 4 {
		var texts []string
		for i := range 250 {
			var text strings.Builder
			for k := range 12 {
				fmt.Fprintf(&text, "w%d%d ", round, i*12+k)
			}
			texts = append(texts, text.String())
		}
		got, err := tok.EncodeBatch(texts, false)
		require.NoError(t, err)
		want, err := tok.EncodeWhole(texts[:20])
		require.NoError(t, err)
		require.Equal(t, want, got[:20])
		require.LessOrEqual(t, tok.KnownPieces(), most)
	}
}

// BenchmarkEncode is how fast prose becomes ids, whole and in pieces.
func BenchmarkEncode(b *testing.B) {
	texts, total := dialogs(b)
	for _, path := range folders(b) {
		tok := load(b, path)
		for name, encode := range map[string]func() ([][]int32, error){
			"whole":  func() ([][]int32, error) { return tok.EncodeWhole(texts) },
			"pieces": func() ([][]int32, error) { return tok.EncodeBatch(texts, false) },
		} {
			b.Run(filepath.Base(filepath.Dir(path))+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(total))
				for b.Loop() {
					_, err := encode()
					require.NoError(b, err)
				}
			})
		}
	}
}

// dialogs are those of shared/data, some megabyte.
func dialogs(b *testing.B) (texts []string, total int) {
	path := filepath.Join(root(b), "..", "shared", "data", "preference", "helpful.train.jsonl")
	file, err := os.ReadFile(path)
	if err != nil {
		b.Skipf("no prose to encode: %v", err)
	}
	for line := range strings.Lines(string(file)) {
		var record struct{ Text []string }
		require.NoError(b, json.Unmarshal([]byte(line), &record))
		for _, text := range record.Text {
			texts = append(texts, text)
			total += len(text)
		}
	}
	return texts, total
}
