package data_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// numbered is n examples, each with its number as line and as class.
func numbered(n int) []data.Example {
	examples := make([]data.Example, n)
	for i := range examples {
		examples[i] = data.Example{
			Source:  data.Position{File: "a.jsonl", Line: i},
			Classes: map[string]string{"parity": []string{"even", "odd"}[i%2]},
		}
	}
	return examples
}

// lines are the lines of examples.
func lines(examples []data.Example) []int {
	var all []int
	for _, e := range examples {
		all = append(all, e.Source.Line)
	}
	return all
}

// Shuffled hands examples out in the order of the seed, and its cursor is the one that checkpoints hold.
func TestShuffled(t *testing.T) {
	b := data.NewShuffled(data.InMemory(numbered(8)), nil, 42)
	require.Equal(t, 8, b.PerEpoch())
	for _, want := range [][]int{{3, 1, 2, 4, 5}, {0, 7, 6}, {7, 2, 0, 6, 5}, {3, 4, 1}} {
		got, err := b.Next(5)
		require.NoError(t, err)
		require.Equal(t, want, lines(got))
	}
	require.NoError(t, b.Seek(data.Cursor{Epoch: 1, Next: 3}))
	cursor, err := json.Marshal(b.Cursor())
	require.NoError(t, err)
	require.Equal(t, `{"epoch":1,"next":3}`, string(cursor))
	got, err := b.Next(2)
	require.NoError(t, err)
	require.Equal(t, []int{6, 5}, lines(got))
	require.EqualError(t, b.Seek(data.Cursor{Next: 9}), "data cursor: epoch 0, example 9 is not a place among 8 examples")
}

func TestStepsEndWithTheEpoch(t *testing.T) {
	b := data.NewShuffled(data.InMemory(numbered(8)), nil, 42)
	for _, want := range [][][]int{{{3, 1, 2}, {4, 5, 0}}, {{7, 6}}, {{7, 2, 0}, {6, 5, 3}}, {{4, 1}}} {
		micro, err := data.Step(b, 3, 2)
		require.NoError(t, err)
		var got [][]int
		for _, m := range micro {
			got = append(got, lines(m))
		}
		require.Equal(t, want, got)
	}
}

// failing is Batches that cannot be read.
type failing struct{ *data.Shuffled }

func (failing) Next(int) ([]data.Example, error) { return nil, errors.New("disk gone") }

func TestStepTellsAnError(t *testing.T) {
	_, err := data.Step(failing{data.NewShuffled(data.InMemory(numbered(3)), nil, 1)}, 2, 2)
	require.EqualError(t, err, "disk gone")
}

func TestInOrder(t *testing.T) {
	batches := data.InOrder(data.InMemory(numbered(5)), data.NewLabeler(map[string][]string{"parity": {"odd"}}))
	for range 2 { // it can be iterated again
		var got [][]int
		for micro, err := range batches(2) {
			require.NoError(t, err)
			got = append(got, lines(micro))
			require.EqualValues(t, data.Unseen, micro[0].Labels["parity"])
		}
		require.Equal(t, [][]int{{0, 1}, {2, 3}, {4}}, got)
	}
	for range batches(2) {
		break
	}
}

func TestLabeler(t *testing.T) {
	examples := []data.Example{
		{Classes: map[string]string{"topic": "b", "mood": "good"}},
		{Classes: map[string]string{"topic": "c", "other": "x"}},
	}
	labelled := data.NewLabeler(map[string][]string{"topic": {"a", "b"}, "mood": {"good"}}).Label(examples)
	require.Equal(t, map[string]int64{"topic": 1, "mood": 0}, labelled[0].Labels)
	require.Equal(t, map[string]int64{"topic": data.Unseen, "mood": data.Ignore}, labelled[1].Labels)
	require.Nil(t, examples[0].Labels, "the examples themselves stay as they are")

	twice := data.NewLabeler(map[string][]string{"topic": {"b", "a", "b"}}).Label(examples)
	require.EqualValues(t, 0, twice[0].Labels["topic"])

	spelt := []data.Example{{Classes: map[string]string{"topic": "1.0"}}, {Classes: map[string]string{"topic": "2"}}}
	for _, names := range [][]string{{"2", "1"}, {"2.0", "1.0"}, {"2", "1.00", "1"}} {
		labelled := data.NewLabeler(map[string][]string{"topic": names}).Label(spelt)
		require.Equal(t, []int64{1, 0}, []int64{labelled[0].Labels["topic"], labelled[1].Labels["topic"]}, names)
	}

	given := []data.Example{{Labels: map[string]int64{"topic": 3}}}
	require.Equal(t, given, data.Labeler(nil).Label(given))
}

// take reads a number of epochs in steps of count.
func take(o *data.Order, count, calls int) []int {
	var all []int
	for range calls {
		all = append(all, o.Next(count)...)
	}
	return all
}

func TestOrderVisitsAllInEachEpoch(t *testing.T) {
	o := data.NewOrder(10, 42, true)
	first, second := take(o, 4, 3), take(o, 4, 3)
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, slices.Sorted(slices.Values(first)))
	require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, slices.Sorted(slices.Values(second)))
	require.NotEqual(t, first, second)
	require.Len(t, o.Next(8), 8)
	require.Len(t, o.Next(8), 2, "a batch ends with the epoch")
}

// TestOrderNeverChanges pins one order: a run that is resumed years later must see the same.
func TestOrderNeverChanges(t *testing.T) {
	o := data.NewOrder(8, 42, true)
	require.Equal(t, [][]int{{3, 1, 2, 4, 5, 0, 7, 6}, {7, 2, 0, 6, 5, 3, 4, 1}}, [][]int{o.Next(8), o.Next(8)})
	require.NotEqual(t, data.NewOrder(8, 42, true).Next(8), data.NewOrder(8, 43, true).Next(8))
	require.Equal(t, []int{0, 1, 2, 3}, data.NewOrder(4, 42, false).Next(8))
}

func TestOrderResumesAnywhere(t *testing.T) {
	const n, count, calls = 23, 5, 17
	whole := take(data.NewOrder(n, 7, true), count, calls)
	for stop := range calls {
		o := data.NewOrder(n, 7, true)
		before := take(o, count, stop)
		saved, err := json.Marshal(o.Cursor())
		require.NoError(t, err)
		var cursor data.Cursor
		require.NoError(t, json.Unmarshal(saved, &cursor))
		resumed := data.NewOrder(n, 7, true)
		require.NoError(t, resumed.Seek(cursor))
		require.Equal(t, whole, append(before, take(resumed, count, calls-stop)...), "stopped after %d calls", stop)
	}
}

func TestOrderEdges(t *testing.T) {
	require.Empty(t, data.NewOrder(0, 1, true).Next(3))
	require.Equal(t, []int{0, 0}, take(data.NewOrder(1, 1, true), 5, 2))
	require.EqualError(t, data.NewOrder(3, 1, true).Seek(data.Cursor{Epoch: 1, Next: 4}), "data cursor: epoch 1, example 4 is not a place among 3 examples")
}
