package data_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

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
