package data_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// asks for <s> (1) before and </s> (2) after a sequence of a vocabulary of 10.
var asks = data.Invariants{Check: true, Before: []int32{1}, Around: 2, BOS: 1, End: 2, Learns: true, Vocab: 10}

// learning is a sequence of ids of which those from one on are learned.
func learning(from int, ids ...int64) data.Sequence {
	s := data.Sequence{IDs: ids, Labels: make([]int64, len(ids))}
	for t := range ids {
		if s.Labels[t] = ids[t]; t < from {
			s.Labels[t] = data.Ignore
		}
	}
	return s
}

func TestInvariants(t *testing.T) {
	cut := learning(1, 5, 6, 7)
	cut.Truncated = true
	wrong := learning(1, 1, 5, 2)
	wrong.Labels[1] = 6
	short := learning(1, 1, 5, 2)
	short.Labels = short.Labels[:2]
	masked := learning(1, 1, 5, 2, 6, 2)
	masked.Labels[3], masked.Labels[4] = data.Ignore, data.Ignore // the last turn is not learned
	relaxed := asks
	relaxed.Learns, relaxed.End, relaxed.Before, relaxed.BOS = false, -1, nil, -1
	off := asks
	off.Check = false
	chat := func(s data.Sequence) data.Sequence {
		s.Text.Chat = true
		return s
	}
	ended := func(s data.Sequence) data.Sequence {
		s.Text.EndsTurn = true
		return chat(s)
	}
	scored := asks
	scored.Learns = false
	for _, c := range []struct {
		name     string
		asks     data.Invariants
		sequence data.Sequence
		broken   data.Invariant
		found    int64
	}{
		{"all right", asks, learning(2, 1, 5, 6, 2), "", 0},
		{"learned as a whole", asks, learning(0, 1, 5, 6, 2), "", 0},
		{"BOS in the middle", asks, learning(1, 1, 5, 2, 1, 6, 2), "", 0},
		{"a turn that is not learned at the end", asks, masked, "", 0},
		{"cut", asks, cut, "", 0},
		{"no end", asks, learning(1, 1, 5, 6), data.Ends, 6},
		{"no begin", asks, learning(1, 5, 6, 2), data.Begins, 5},
		{"BOS twice", asks, learning(2, 1, 1, 5, 2), data.BeginsOnce, 1},
		{"BOS twice in the middle", asks, learning(2, 1, 5, 1, 1, 5, 2), data.BeginsOnce, 1},
		{"nothing learned", asks, learning(4, 1, 5, 6, 2), data.Learned, 4},
		{"only the first learned", asks, data.Sequence{IDs: []int64{1, 5, 2}, Labels: []int64{1, data.Ignore, data.Ignore}}, data.Learned, 3},
		{"no tokens", asks, data.Sequence{}, data.NotEmpty, 0},
		{"no text", asks, learning(1, 1, 2), data.NotEmpty, 2},
		{"cut to nothing", asks, data.Sequence{Truncated: true}, data.NotEmpty, 0},
		{"an id beyond the vocabulary", asks, learning(1, 1, 10, 2), data.IDsInVocab, 10},
		{"an id below it", asks, learning(1, 1, -1, 2), data.IDsInVocab, -1},
		{"another label", asks, wrong, data.LabelsAreID, 6},
		{"too few labels", asks, short, data.LabelsAreID, 2},
		{"a tokenizer without BOS and EOS", relaxed, learning(4, 5, 6, 5), "", 0},
		{"a chat with the end of its template", asks, ended(learning(1, 8, 5, 9, 3)), "", 0},
		{"a chat without an end", asks, chat(learning(1, 8, 5, 6, 3)), data.Ends, 3},
		{"a chat that is scored", scored, chat(learning(1, 8, 5, 6, 3)), "", 0},
		{"a chat with BOS twice", asks, chat(learning(3, 1, 1, 5, 9)), data.BeginsOnce, 1},
		{"a chat that is empty", asks, chat(data.Sequence{}), data.NotEmpty, 0},
		{"nobody looks", off, data.Sequence{}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := data.Position{File: "a.jsonl", Line: 3}
			examples := []data.Example{{Sequences: []data.Sequence{c.sequence, c.sequence}, Source: at}}
			survey := data.TakeSurvey(examples, false, data.Limits{Invariants: c.asks})
			var told []data.Broken
			b := data.Checked{Batches: data.NewShuffled(data.InMemory(examples), nil, 1), Invariants: c.asks, Tell: func(b data.Broken) error {
				told = append(told, b)
				return nil
			}}
			got, err := b.Next(1)
			require.NoError(t, err)
			require.Len(t, got, 1)
			if c.broken == "" {
				require.Empty(t, survey.Broken)
				require.Empty(t, told)
				return
			}
			require.Equal(t, []data.Broken{{Invariant: c.broken, Count: 2, First: at, Found: c.found}}, survey.Broken)
			require.Equal(t, survey.Broken, survey.Join(data.Survey{}).Broken)
			require.Equal(t, 4, survey.Join(survey).Broken[0].Count)
			one := data.Broken{Invariant: c.broken, Count: 1, First: at, Found: c.found}
			require.Equal(t, []data.Broken{one, one}, told)
			b.Tell = func(data.Broken) error { return errors.New("stop") }
			_, err = b.Next(1)
			require.EqualError(t, err, "stop")
		})
	}
}

// Pieces of a text in a block begin and end anywhere.
func TestInvariantsOfBlocks(t *testing.T) {
	examples := data.InMemory{{Sequences: []data.Sequence{learning(0, 1, 5, 6, 7, 8, 2)}}, {Sequences: []data.Sequence{learning(0, 1, 3, 2)}}}
	units := data.NewUnits([]int32{6, 3}, data.Grouping{Packing: data.PackWrapped, Tokens: 4}, 1)
	b := data.Checked{Batches: data.NewGrouped(examples, nil, units), Invariants: asks, Tell: func(b data.Broken) error {
		return errors.New(string(b.Invariant))
	}}
	pieces := 0
	for range 3 {
		got, err := b.Next(1)
		require.NoError(t, err)
		pieces += len(got)
	}
	require.Greater(t, pieces, 3)
	require.Equal(t, 9, int(examples[0].Sequences[0].IDs[5])+7, "examples stay whole")
}

// BenchmarkInvariants measures the check a token.
func BenchmarkInvariants(b *testing.B) {
	ids := make([]int64, 1024)
	for i := range ids {
		ids[i] = 3 + int64(i%6)
	}
	ids[0], ids[1023] = 1, 2
	examples := []data.Example{{Sequences: []data.Sequence{learning(512, ids...)}}}
	checked := data.Checked{Batches: data.NewShuffled(data.InMemory(examples), nil, 1), Invariants: asks, Tell: func(data.Broken) error { return errors.New("broken") }}
	for b.Loop() {
		if _, err := checked.Next(1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/token")
}
