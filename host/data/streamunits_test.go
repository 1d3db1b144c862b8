package data_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/data/source"
)

// recordsOfLengths returns lines of records of 4 to 12 characters.
func recordsOfLengths(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "{\"q\":\"%04d%s\"}\n", i, strings.Repeat("x", i*i%9))
	}
	return text.String()
}

// unitsOf are streamed units, which hold at most so many pieces.
func unitsOf(t *testing.T, files source.Files, g data.Grouping) data.Batches {
	t.Helper()
	return data.Streamed(streamOf(t, files, 30), g, false, func(pieces int) error {
		require.Positive(t, pieces)
		return nil
	})
}

// unit is the tokens of the pieces of the next unit, as text.
func unit(t *testing.T, b data.Batches) []string {
	t.Helper()
	examples, err := b.Next(1)
	require.NoError(t, err)
	return spelled(examples)
}

// Every record is in one unit, or is cut into two, in every pass; no unit has more tokens
// than it may; and units that seek to a cursor go on as the others did.
func TestStreamedUnitsGoOnFromAnyCursor(t *testing.T) {
	files := write(t, "a.jsonl", recordsOfLengths(1400))
	for _, g := range []data.Grouping{
		{Packing: data.PackBFD, Tokens: 20},
		{Packing: data.PackWrapped, Tokens: 20},
		{Tokens: 20},
		{Tokens: 20, Sampling: data.GroupByLength},
		{Sampling: data.GroupByLength, Together: 4},
	} {
		t.Run(g.Name(), func(t *testing.T) {
			b := unitsOf(t, files, g)
			var units [][]string
			var cursors []string
			for len(units) < 3000 {
				text, err := json.Marshal(b.Cursor())
				require.NoError(t, err)
				cursors = append(cursors, string(text))
				units = append(units, unit(t, b))
			}
			requireRecords(t, files, g, units)
			for _, at := range []int{0, 1, 7, 345, 346, 347, 420, 999, 1000, 1400} {
				var cursor data.Cursor
				require.NoError(t, json.Unmarshal([]byte(cursors[at]), &cursor))
				again := unitsOf(t, files, g)
				require.NoError(t, again.Seek(cursor))
				text, err := json.Marshal(again.Cursor())
				require.NoError(t, err)
				require.Equal(t, cursors[at], string(text))
				for i, want := range units[at:min(at+450, len(units))] {
					require.Equal(t, want, unit(t, again), "unit %d after %d", i, at)
				}
			}
		})
	}
}

// requireRecords holds that units have each record of recordsOfLengths in each pass once.
func requireRecords(t *testing.T, files source.Files, g data.Grouping, units [][]string) {
	t.Helper()
	seen := map[string]int{}
	full := 0
	for _, texts := range units {
		all := strings.Join(texts, "")
		if g.Tokens > 0 {
			require.LessOrEqual(t, len(all), g.Tokens)
		}
		full += len(all)
		for _, text := range texts {
			seen[text]++
		}
	}
	if g.Packing == data.PackWrapped {
		require.Equal(t, g.Tokens*len(units), full, "every block is full")
		all := strings.Join(slices.Concat(units...), "")
		want := unitsOf(t, files, data.Grouping{})
		var whole strings.Builder
		for whole.Len() < len(all) {
			whole.WriteString(unit(t, want)[0])
		}
		require.Equal(t, whole.String()[:len(all)], all, "blocks hold one text after the other, over the end of a pass too")
		return
	}
	if g.Packing == data.PackBFD {
		require.Greater(t, full, g.Tokens*len(units)*95/100)
	}
	least, most := 1<<30, 0
	for _, n := range seen {
		least, most = min(least, n), max(most, n)
	}
	require.Len(t, seen, 1400)
	require.LessOrEqual(t, most-least, 2, "passes are not far from each other")
}

// What cannot be cut or packed is named.
func TestStreamedUnitsRefuse(t *testing.T) {
	files := write(t, "a.jsonl", recordsOfLengths(40))
	b := data.Streamed(streamOf(t, files, 4), data.Grouping{Packing: data.PackWrapped, Tokens: 8}, false, func(pieces int) error {
		if pieces > 1 {
			return fmt.Errorf("%d pieces", pieces)
		}
		return nil
	})
	_, err := b.Next(20)
	require.EqualError(t, err, "2 pieces")

	blocks := unitsOf(t, files, data.Grouping{Packing: data.PackWrapped, Tokens: 5})
	for blocks.Cursor().Stream.Cut == nil {
		unit(t, blocks)
	}
	at := blocks.Cursor()
	at.Stream.Cut.From = 100
	require.ErrorContains(t, unitsOf(t, files, data.Grouping{Packing: data.PackWrapped, Tokens: 5}).Seek(at), "has fewer than 100 tokens now; give tokenizer and formatter as they were")
}
