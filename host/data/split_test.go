package data_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// questions are records of different content.
func questions(from, to int) string {
	var lines strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, `{"q":"question %d","class":"%d"}`+"\n", i, i%3)
	}
	return lines.String()
}

// linesOf are the lines that the examples of a set are from.
func linesOf(t *testing.T, set data.Set) (lines []int) {
	t.Helper()
	for _, e := range collect(t, set) {
		lines = append(lines, e.Source.Line)
	}
	return lines
}

// sides are the two sides of a split, with the digest of what is held out.
type sides struct {
	data.Parts
	Digest string
}

func split(t *testing.T, files source.Files, o data.Options, s data.Split) sides {
	t.Helper()
	parts, digest, err := data.LoadSplit(context.Background(), s, data.Source{Files: files, Options: o})
	require.NoError(t, err)
	require.Len(t, parts, 1)
	p := sides{parts[0], digest}
	require.Equal(t, p.Train.Survey.Examples, p.Train.Examples.Len())
	require.Equal(t, p.Held.Survey.Examples, p.Held.Examples.Len())
	return p
}

// wider options do not cut the texts of these tests.
func wider(folder string) data.Options {
	o := judgedOptions(folder)
	o.Tokenizing.MaxLength = 64
	return o
}

// below are the numbers of a list up to a bound.
func below(lines []int, bound int) (some []int) {
	for _, n := range lines {
		if n <= bound {
			some = append(some, n)
		}
	}
	return some
}

// Under a share appended records change the side of no other; under a number they only
// move held-out ones to training.
func TestSplitsOfFilesThatGrow(t *testing.T) {
	for _, c := range []struct {
		name  string
		split data.Split
	}{{"share", data.Split{Share: 0.1, Seed: 42}}, {"count", data.Split{Count: 100, Seed: 42}}} {
		t.Run(c.name, func(t *testing.T) {
			files := write(t, "a.jsonl", questions(0, 1000))
			before := split(t, files, wider(""), c.split)
			held := linesOf(t, before.Held)
			require.InDelta(t, 100, len(held), 30)
			require.Len(t, linesOf(t, before.Train), 1000-len(held))

			require.NoError(t, os.WriteFile("a.jsonl", []byte(questions(0, 1300)), 0o666))
			after := split(t, files, wider(""), c.split)
			still := below(linesOf(t, after.Held), 1000)
			if c.split.Share > 0 {
				require.Equal(t, held, still)
				require.Greater(t, after.Held.Examples.Len(), len(held))
				return
			}
			require.Subset(t, held, still)
			require.Less(t, len(still), len(held))
			require.Equal(t, 100, after.Held.Examples.Len())
		})
	}
}

// Records of equal content are on one side, in whatever file and however they are spelt.
func TestDuplicatesAreOnOneSideOfASplit(t *testing.T) {
	again := strings.ReplaceAll(questions(0, 200), `","class"`, `" , "class"`)
	files := write(t, "a.jsonl", questions(0, 200)+again)
	parts := split(t, files, wider(""), data.Split{Share: 0.3, Seed: 1})
	held := map[int]int{}
	for _, line := range linesOf(t, parts.Held) {
		held[(line-1)%200]++
	}
	require.NotEmpty(t, held)
	require.Less(t, len(held), 200)
	for line, n := range held {
		require.Equal(t, 2, n, "line %d", line+1)
	}
	one := split(t, files, wider(""), data.Split{Count: 1, Seed: 1})
	require.Equal(t, 2, one.Held.Examples.Len(), "the equal of the last one is held out too")
}

// The sides are those of the seed, in every version of this program, with and without
// kept tokens; a second start tokenises nothing for them, under another seed too.
func TestSidesOfASplit(t *testing.T) {
	folder := t.TempDir()
	files := write(t, "a.jsonl", `{"q":"drop"}`+"\n"+questions(0, 40))
	bare := split(t, files, wider(""), data.Split{Share: 0.2, Seed: 42})
	o := wider(folder)
	first := split(t, files, o, data.Split{Share: 0.2, Seed: 42})
	o.Formatter.Format = func(context.Context, []sdk.Row) ([]sdk.Result, error) {
		t.Error("a record was formatted again")
		return nil, nil
	}
	o.Tokenizer = nil
	second := split(t, files, o, data.Split{Share: 0.2, Seed: 42})
	require.True(t, second.Held.FromDisk)
	for _, p := range []sides{first, second} {
		require.Equal(t, collect(t, bare.Train), collect(t, p.Train))
		require.Equal(t, collect(t, bare.Held), collect(t, p.Held))
		require.Equal(t, bare.Train.Survey, p.Train.Survey)
		require.Equal(t, bare.Held.Survey, p.Held.Survey)
		require.Equal(t, bare.Digest, p.Digest)
	}
	require.Equal(t, []int{4, 11, 12, 15, 20, 22, 23, 24, 27, 30, 35, 40}, linesOf(t, bare.Held))
	require.Equal(t, 41, bare.Train.Survey.Records+bare.Held.Survey.Records, "the dropped record is one of training")
	require.Len(t, bare.Train.Survey.Drops, 1)
	require.Empty(t, bare.Held.Survey.Drops)

	other := split(t, files, o, data.Split{Share: 0.2, Seed: 43})
	require.NotEqual(t, linesOf(t, bare.Held), linesOf(t, other.Held))
	require.NotEqual(t, bare.Digest, other.Digest)
	more := split(t, files, o, data.Split{Share: 0.5, Seed: 42})
	require.Subset(t, linesOf(t, more.Held), linesOf(t, bare.Held), "a larger share holds out more, and the same")

	sizes, err := data.Sizes(second.Held.Examples, true)
	require.NoError(t, err)
	want, err := data.Sizes(data.InMemory(collect(t, second.Held)), true)
	require.NoError(t, err)
	require.Equal(t, want, sizes)
}
