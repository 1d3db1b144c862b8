package main

import (
	"path/filepath"
	"slices"
	"testing"

	"llmhost/host/data"

	"github.com/stretchr/testify/require"
)

func TestMakeBatches(t *testing.T) {
	const vocab = 500
	for _, task := range taskNames {
		t.Run(task, func(t *testing.T) {
			batches := makeBatches(task, vocab, 3)
			require.Len(t, batches, 3)
			require.Equal(t, batches, makeBatches(task, vocab, 3), "the same seed gives the same records")
			require.Equal(t, batches, makeBatches(task, vocab, 4)[:3], "more steps begin with the same ones")
			for _, batch := range batches {
				rows := 0
				for _, r := range batch {
					rows += len(r.Answers)
					requireOrdinary(t, r, vocab)
				}
				require.Equal(t, 8, rows)
			}
		})
	}
}

func requireOrdinary(t *testing.T, r record, vocab int64) {
	t.Helper()
	within := func(ids []int64, l lengths) {
		require.GreaterOrEqual(t, len(ids), l.least)
		require.LessOrEqual(t, len(ids), l.most)
		require.Less(t, slices.Max(ids), vocab)
	}
	within(r.Prompt, promptLengths)
	require.EqualValues(t, beginID, r.Prompt[0])
	for _, answer := range r.Answers {
		within(answer, answerLengths)
		require.EqualValues(t, endID, answer[len(answer)-1])
		require.GreaterOrEqual(t, slices.Min(answer[:len(answer)-1]), int64(firstPlainID))
	}
	if len(r.Answers) > 1 {
		require.Len(t, r.Scores, len(r.Answers))
	}
}

// The doc of the distributions says what they come to.
func TestLengthsAreThoseOfChat(t *testing.T) {
	total, answers, rows := 0, 0, 0
	for _, batch := range makeBatches("sft", 500, 200) {
		total += tokens(batch)
		for _, r := range batch {
			answers += len(r.Answers[0])
			rows++
		}
	}
	require.InDelta(t, 180, float64(total)/float64(rows), 4)
	require.InDelta(t, 0.48, float64(answers)/float64(total), 0.03)
}

func TestExample(t *testing.T) {
	g := record{Prompt: []int64{1, 5}, Answers: [][]int64{{6, 2}, {7, 8, 2}}, Scores: []float64{0.5, -1}}.example()
	require.Equal(t, []data.Sequence{
		{IDs: []int64{1, 5, 6, 2}, Labels: []int64{data.Ignore, data.Ignore, 6, 2}},
		{IDs: []int64{1, 5, 7, 8, 2}, Labels: []int64{data.Ignore, data.Ignore, 7, 8, 2}},
	}, g.Sequences)
	require.Equal(t, map[string][]float64{"score": {0.5, -1}}, g.Columns)
	require.Nil(t, record{Prompt: []int64{1}, Answers: [][]int64{{2}}}.example().Columns)
}

func TestTokensCountsASharedPromptOnceARow(t *testing.T) {
	batch := []record{{Prompt: make([]int64, 10), Answers: [][]int64{make([]int64, 3), make([]int64, 4)}}}
	require.Equal(t, 27, tokens(batch))
	packed := data.Pack([]data.Example{batch[0].example()}, true)
	require.Equal(t, 27, packed.Tokens, "llmhost counts alike")
}

func TestBatchesGoThroughAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "batches.jsonl")
	want := makeBatches("rrhf", 500, 2)
	require.NoError(t, writeBatches(path, want))
	got, err := readBatches(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
