package tokenizer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/tokenizer"
)

// cases is a cases.json: what the Python tokenizers library answers.
type cases struct {
	VocabSize int `json:"vocab_size"`
	Cases     []struct {
		Text, Decoded string
		IDs           []int32
		Plain         []int32 `json:"ids_plain"`
		Skipped       string  `json:"decoded_skip"`
		Tokens        []string
		Offsets       [][2]int // in code points
		Special       []int
	}
	Pairs []struct {
		A, B    string
		IDs     []int32
		Types   []int32 `json:"type_ids"`
		Special []int
	}
	Truncation []struct {
		Text, Direction string
		Max             int `json:"max_length"`
		IDs             []int32
	}
	Padding []struct {
		Text      string
		IDs, Mask []int32
	}
	Long []struct {
		Unit       string
		Count, N   int
		Head, Tail []int32
		SHA256     string `json:"ids_sha256"`
	}
}

// TestCases holds every tokenizer that has a cases.json against it: those of
// testdata, and those in the folder that LLMHOST_TOKENIZERS names (default:
// shared/tokenizers beside the repository).
func TestCases(t *testing.T) {
	t.Run("testdata", func(t *testing.T) { runFolder(t, "testdata") })
	t.Run("shared", func(t *testing.T) {
		folder := os.Getenv("LLMHOST_TOKENIZERS")
		if folder == "" {
			folder = filepath.Join(root(t), "..", "shared", "tokenizers")
		}
		if _, err := os.Stat(folder); err != nil {
			t.Skipf("no tokenizers to compare with: %v; set LLMHOST_TOKENIZERS", err)
		}
		runFolder(t, folder)
	})
}

// root is the folder of go.mod.
func root(t testing.TB) string {
	folder, err := os.Getwd()
	require.NoError(t, err)
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		folder = filepath.Dir(folder)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

func runFolder(t *testing.T, folder string) {
	found, err := filepath.Glob(filepath.Join(folder, "*", "tokenizer.json"))
	require.NoError(t, err)
	require.NotEmpty(t, found, "no */tokenizer.json in %s", folder)
	held := 0
	defer func() { require.NotZero(t, held, "no */cases.json in %s", folder) }()
	for _, path := range found {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cases.json"))
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		held++
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			var c cases
			require.NoError(t, json.Unmarshal(data, &c))
			c.run(t, load(t, path))
		})
	}
}

func load(t testing.TB, path string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Load(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tok.Close()) })
	return tok
}

func (c cases) run(t *testing.T, tok *tokenizer.Tokenizer) {
	require.NotEmpty(t, c.Cases)
	require.Equal(t, c.VocabSize, tok.VocabSize())
	t.Run("encode", func(t *testing.T) { c.encode(t, tok) })
	t.Run("batch", func(t *testing.T) { c.batch(t, tok) })
	t.Run("decode", func(t *testing.T) { c.decode(t, tok) })
	t.Run("pairs", func(t *testing.T) { c.pairs(t, tok) })
	t.Run("truncation", func(t *testing.T) { c.truncation(t, tok) })
	t.Run("padding", func(t *testing.T) { c.padding(t, tok) })
	t.Run("long", func(t *testing.T) { c.long(t, tok) })
}

func (c cases) encode(t *testing.T, tok *tokenizer.Tokenizer) {
	require.NotEmpty(t, c.Cases)
	for _, x := range c.Cases {
		got, err := tok.EncodeWithOffsets(x.Text, true)
		require.NoError(t, err, "%q", x.Text)
		require.Equal(t, x.IDs, got.IDs, "%q", x.Text)
		require.Equal(t, x.Offsets, codePoints(x.Text, got.Spans), "%q", x.Text)
		require.Equal(t, x.Special, mask(got.Added), "%q", x.Text)
		require.Len(t, x.Tokens, len(x.IDs), "%q", x.Text)
		for i, want := range x.Tokens {
			id, known := tok.TokenID(want)
			if !known {
				continue // Unigram's unknown tokens have the text that they replace
			}
			require.Equal(t, got.IDs[i], id, "token %q of %q", want, x.Text)
			token, ok := tok.Token(id)
			require.True(t, ok, "id %d of %q", id, x.Text)
			require.Equal(t, want, token, "id %d of %q", id, x.Text)
		}
		plain, err := tok.Encode(x.Text, false)
		require.NoError(t, err, "%q", x.Text)
		require.Equal(t, x.Plain, plain, "%q", x.Text)
	}
}

func (c cases) batch(t *testing.T, tok *tokenizer.Tokenizer) {
	var texts []string
	var with, without [][]int32
	for _, x := range c.Cases {
		texts = append(texts, x.Text)
		with = append(with, x.IDs)
		without = append(without, x.Plain)
	}
	got, err := tok.EncodeBatch(texts, true)
	require.NoError(t, err)
	require.Equal(t, with, got)
	got, err = tok.EncodeBatch(texts, false)
	require.NoError(t, err)
	require.Equal(t, without, got)
}

func (c cases) decode(t *testing.T, tok *tokenizer.Tokenizer) {
	require.NotEmpty(t, c.Cases)
	for _, x := range c.Cases {
		text, err := tok.Decode(x.IDs, false)
		require.NoError(t, err, "%q", x.Text)
		require.Equal(t, x.Decoded, text, "ids %v", x.IDs)
		text, err = tok.Decode(x.IDs, true)
		require.NoError(t, err, "%q", x.Text)
		require.Equal(t, x.Skipped, text, "ids %v", x.IDs)
	}
}

func (c cases) pairs(t *testing.T, tok *tokenizer.Tokenizer) {
	require.NotEmpty(t, c.Pairs)
	for _, x := range c.Pairs {
		got, err := tok.EncodePair(x.A, x.B, true)
		require.NoError(t, err)
		require.Equal(t, x.IDs, got.IDs, "%q, %q", x.A, x.B)
		require.Equal(t, x.Types, got.Types, "%q, %q", x.A, x.B)
		require.Equal(t, x.Special, mask(got.Added), "%q, %q", x.A, x.B)
	}
}

func (c cases) truncation(t *testing.T, tok *tokenizer.Tokenizer) {
	sides := map[string]tokenizer.Side{"left": tokenizer.Left, "right": tokenizer.Right}
	require.NotEmpty(t, c.Truncation)
	for _, x := range c.Truncation {
		whole, err := tok.EncodeWithOffsets(x.Text, true)
		require.NoError(t, err)
		require.Contains(t, sides, x.Direction)
		got := whole.Truncate(x.Max, sides[x.Direction])
		require.Equal(t, x.IDs, got.IDs, "%q to %d, %s", x.Text, x.Max, x.Direction)
	}
}

// padding: this package pads nothing; the ids under the mask must still be those.
func (c cases) padding(t *testing.T, tok *tokenizer.Tokenizer) {
	if len(c.Padding) == 0 {
		t.Skip("these cases have none with padding")
	}
	for _, x := range c.Padding {
		var want []int32
		for i, real := range x.Mask {
			if real != 0 {
				want = append(want, x.IDs[i])
			}
		}
		got, err := tok.Encode(x.Text, true)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", x.Text)
	}
}

func (c cases) long(t *testing.T, tok *tokenizer.Tokenizer) {
	require.NotEmpty(t, c.Long)
	for _, x := range c.Long {
		ids, err := tok.Encode(strings.Repeat(x.Unit, x.Count), true)
		require.NoError(t, err)
		require.Len(t, ids, x.N, "%q", x.Unit)
		require.Equal(t, x.Head, ids[:len(x.Head)], "%q", x.Unit)
		require.Equal(t, x.Tail, ids[len(ids)-len(x.Tail):], "%q", x.Unit)
		require.Equal(t, x.SHA256, idsDigest(ids), "%q", x.Unit)
	}
}

// idsDigest is the SHA-256 of the decimal ids joined by commas.
func idsDigest(ids []int32) string {
	var text []byte
	for i, id := range ids {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(id), 10)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// codePoints counts spans in code points, as Python does: whole characters
// before the place, wherever inside a character that lies.
func codePoints(text string, spans []tokenizer.Span) [][2]int {
	var ends []int // of each character, in bytes
	for at, r := range text {
		ends = append(ends, at+utf8.RuneLen(r))
	}
	before := func(place int) int { return sort.SearchInts(ends, place+1) }
	points := make([][2]int, len(spans))
	for i, s := range spans {
		points[i] = [2]int{before(s.Start), before(s.End)}
	}
	return points
}

func mask(added []bool) []int {
	m := make([]int, len(added))
	for i, a := range added {
		if a {
			m[i] = 1
		}
	}
	return m
}
