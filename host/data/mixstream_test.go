package data_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// threeStreams are streams of 40, 25 and 10 records, mixed.
func threeStreams(t *testing.T, m data.Mixing, buffer int) *data.MixedStream {
	t.Helper()
	files := write(t, "a.jsonl", asking(0, 40))
	require.NoError(t, os.WriteFile("b.jsonl", []byte(asking(100, 125)), 0o666))
	require.NoError(t, os.WriteFile("c.jsonl", []byte(asking(200, 210)+"{\"q\":\"drop\"}\n"), 0o666))
	var all []data.StreamOptions
	for _, path := range []string{"a.jsonl", "b.jsonl", "c.jsonl"} {
		files.Paths = []string{path}
		o := data.Options{Formatter: inProcess("qa", qa{}), OnBadRow: data.FailOnBadRow, Tokenizer: characters{}, Tokenizing: data.Tokenizing{MaxLength: 16}}
		head, err := data.LoadHead(context.Background(), files, o, 5)
		require.NoError(t, err)
		all = append(all, data.StreamOptions{Options: o, Files: files, Head: head, Buffer: buffer, Seed: 7})
	}
	s := data.NewMixedStream(m, all...)
	t.Cleanup(s.Close)
	return s
}

// Without replacement each pass over all streams has every record once, and a stream that
// seeks to any cursor goes on as the other did.
func TestMixedStreamsWithoutReplacement(t *testing.T) {
	m := data.Mixing{Weights: []float64{1, 1, 1}, Stopping: data.WithoutReplacement, Seed: 3}
	for _, buffer := range []int{0, 6} {
		s := threeStreams(t, m, buffer)
		var cursors []string
		var texts []string
		for range 150 {
			text, err := json.Marshal(s.Cursor())
			require.NoError(t, err)
			cursors = append(cursors, string(text))
			texts = append(texts, drawn(t, s, 1)...)
		}
		for pass := range slices.Chunk(texts, 75) {
			require.Len(t, slices.Compact(slices.Sorted(slices.Values(pass))), 75)
		}
		require.NotEqual(t, texts[:75], texts[75:])
		require.InDelta(t, 2, s.Epochs(), 0.1)
		other := threeStreams(t, m, buffer)
		for _, at := range []int{149, 0, 33, 74, 75, 76, 120, 60} {
			var cursor data.Cursor
			require.NoError(t, json.Unmarshal([]byte(cursors[at]), &cursor))
			require.NoError(t, other.Seek(cursor))
			require.Equal(t, texts[at:], drawn(t, other, 150-at), "from %d", at)
		}
	}
}

// Streams that may repeat are drawn by their weights for ever.
func TestMixedStreamsByWeight(t *testing.T) {
	s := threeStreams(t, data.Mixing{Weights: []float64{0.1, 0, 0.9}, Stopping: data.FirstExhausted, Seed: 3}, 4)
	counts := map[string]int{}
	for _, text := range drawn(t, s, 2000) {
		counts[text[:3]]++ // q00 of the first set, q02 of the third
	}
	require.Zero(t, counts["q01"])
	require.InDelta(t, 1800, counts["q02"], 60)
	require.Error(t, s.Seek(data.Cursor{}))
}
