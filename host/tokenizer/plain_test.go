package tokenizer_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/tokenizer"
)

// A special token that is only text gets the ids, and leaves its neighbours the ids, that a
// tokenizer without it gives: here one whose special tokens have other names, which
// the texts spell where such a token is meant.
func TestEncodePlain(t *testing.T) {
	folder := os.Getenv("LLMHOST_TOKENIZERS")
	if folder == "" {
		folder = filepath.Join(root(t), "..", "shared", "tokenizers")
	}
	paths, err := filepath.Glob(filepath.Join(folder, "*", "tokenizer.json"))
	require.NoError(t, err)
	if len(paths) == 0 {
		t.Skip("no tokenizers to compare with; set LLMHOST_TOKENIZERS")
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			tok := load(t, path)
			if len(tok.SpecialTokens()) == 0 {
				t.Skip("it has no special tokens")
			}
			comparePlain(t, tok, renamed(t, path))
		})
	}
}

// another is the name that a special token has in the other tokenizer.
func another(token string) string { return "\uf8ff" + fmt.Sprintf("%x", token) + "\uf8ff" }

// renamed is the tokenizer at path with other names for its special tokens.
func renamed(t *testing.T, path string) *tokenizer.Tokenizer {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var file map[string]any
	require.NoError(t, json.Unmarshal(data, &file))
	next := 1 << 20
	for _, entry := range file["added_tokens"].([]any) {
		token := entry.(map[string]any)
		if token["special"] == true {
			token["content"], token["id"] = another(token["content"].(string)), next
			next++
		}
	}
	file["post_processor"] = nil // it would name the old ones
	data, err = json.Marshal(file)
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "tokenizer.json")
	require.NoError(t, os.WriteFile(other, data, 0o644))
	return load(t, other)
}

func comparePlain(t *testing.T, tok, other *tokenizer.Tokenizer) {
	back := map[int32]int32{}
	special := map[int32]bool{}
	for _, token := range tok.SpecialTokens() {
		id, has := tok.TokenID(token)
		require.True(t, has)
		renamed, has := other.TokenID(another(token))
		require.True(t, has)
		back[renamed], special[id] = id, true
	}
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"Hello", " world", "\n", "  ", "é", "中文", "123", ".", "a", " ", "🎉", "don't", "<", "|", ">"}
	var texts []tokenizer.PlainText
	var renamed []string
	for range 150 {
		var text, as strings.Builder
		plain := []tokenizer.Span{{}} // which fits nothing, but for the way that it goes
		for range random.IntN(12) {
			word := words[random.IntN(len(words))]
			meant := word
			if random.IntN(3) == 0 {
				word = tok.SpecialTokens()[random.IntN(len(tok.SpecialTokens()))]
				if meant = another(word); random.IntN(2) == 0 {
					meant = word
					plain = append(plain, tokenizer.Span{Start: text.Len(), End: text.Len() + len(word)})
				}
			}
			text.WriteString(word)
			as.WriteString(meant)
		}
		texts = append(texts, tokenizer.PlainText{Text: text.String(), Plain: plain})
		renamed = append(renamed, as.String())
	}
	got, err := tok.EncodePlain(texts)
	require.NoError(t, err)
	want, err := other.EncodeBatch(renamed, false)
	require.NoError(t, err)
	strays := 0
	for i := range texts {
		stray := false
		for n, id := range want[i] {
			stray = stray || special[id] // the model knows a special token's text, too
			if meant, is := back[id]; is {
				want[i][n] = meant
			}
		}
		if stray {
			strays++
			requireOwn(t, texts[i], got[i], special)
			continue
		}
		require.Equal(t, want[i], got[i].IDs, "%q with %v as text", texts[i].Text, texts[i].Plain)
		requireOwn(t, texts[i], got[i], special)
	}
	t.Logf("in %d of %d texts the model itself would have made a special token of text", strays, len(texts))
}

// requireOwn: no special token stands where the text is only text.
func requireOwn(t *testing.T, text tokenizer.PlainText, e tokenizer.Encoding, special map[int32]bool) {
	for n, id := range e.IDs {
		for _, s := range text.Plain {
			if special[id] && e.Spans[n].Start < s.End && s.Start < e.Spans[n].End {
				require.Failf(t, "a special token out of text", "token %d of %q, which is text at %v", id, text.Text, s)
			}
		}
	}
}
