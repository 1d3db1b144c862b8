package show_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/show"
)

// pair is a record of two candidates that share their prompt; the second one is cut.
func pair() show.Record {
	prompt := []show.Token{{ID: 1, Text: "<s>", Role: "added", Special: true}, {ID: 2, Text: "Hi\n", Role: "prompt"}, {ID: 3, Text: "you", Role: "prompt"}}
	end := show.Token{ID: 0, Text: "</s>", Role: "added", Special: true, Learned: true}
	first := append(append([]show.Token{}, prompt...), show.Token{ID: 4, Text: " ok", Role: "answer", Learned: true}, end)
	second := append(append([]show.Token{}, prompt...), show.Token{ID: 5, Text: " <b>\x1b", Role: "answer", Learned: true}, show.Token{ID: 6, Part: true, Role: "answer", Cut: true, Learned: true})
	return show.Record{
		Place:  "a.jsonl:1",
		Reader: "formatter pairs",
		Candidates: []show.Candidate{
			{Tokens: first, Columns: []show.Column{{Name: "score", Value: "1"}}},
			{Tokens: second, Columns: []show.Column{{Name: "score", Value: "0"}}, Shared: 3},
		},
	}
}

func TestText(t *testing.T) {
	require.Equal(t, `a.jsonl:1  formatter pairs
  candidate 0: 5 tokens, 2 learned; score 1
  added        <s>
  prompt       Hi↵
               you
  answer     + ·ok
  added      + </s>
  candidate 1: 5 tokens, 1 learned, 1 cut off, 3 shared; score 0
  added        (1 tokens of candidate 0)
  prompt       (2 tokens of candidate 0)
  answer     + ·<b>\x1b
  answer     ✂ ‥
`, show.Text{Width: 80}.Record(pair()))
}

// TestColoursAreNotAlone holds that what is learned is told without colours too.
func TestColoursAreNotAlone(t *testing.T) {
	coloured := show.Text{Width: 80, Colour: true}.Record(pair())
	plain := show.Text{Width: 80}.Record(pair())
	for _, code := range []string{"\x1b[1;4;34m", "\x1b[2m", "\x1b[35m", "\x1b[9;2m", "\x1b[0m"} {
		require.Contains(t, coloured, code)
		coloured = strings.ReplaceAll(coloured, code, "")
	}
	require.Equal(t, plain, coloured)
}

func TestLinesAreBroken(t *testing.T) {
	var tokens []show.Token
	for range 20 {
		tokens = append(tokens, show.Token{Text: " word", Role: "prompt"})
	}
	text := show.Text{Width: 40}.Record(show.Record{Candidates: []show.Candidate{{Tokens: tokens}}})
	for _, line := range strings.Split(text, "\n") {
		require.LessOrEqual(t, len([]rune(line)), 40)
	}
	require.Equal(t, 20, strings.Count(text, "·word"))
}

func TestTable(t *testing.T) {
	text := show.Text{}.Table(pair())
	require.Contains(t, text, "       3        4  answer      +              ·ok\n")
	require.Contains(t, text, "       1        2  prompt             shared  Hi↵\n")
	require.Contains(t, text, "       4        6  answer      cut            ‥\n")
}

func TestPage(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, show.HTML(&page, "Title", "task = x", []show.Record{pair()}))
	require.Contains(t, page.String(), `<tr class="learned"><th>answer</th><td><span class="t " title="token 3, id 4, answer, learned">·ok<i>4</i></span>`)
	require.Contains(t, page.String(), `·&lt;b&gt;\x1b`)
	require.Contains(t, page.String(), `<tr class="given shared">`)
	require.Contains(t, page.String(), `<tr class="learned cut">`)
	for _, outside := range []string{"http:", "https:", "src=", "<script"} {
		require.NotContains(t, page.String(), outside, "the page needs nothing besides itself")
	}
}
