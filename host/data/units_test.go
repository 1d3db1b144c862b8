package data_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// sizesLike draws n sizes as answers have them: many short ones and a long tail.
func sizesLike(seed uint64, n, most int) []int32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	sizes := make([]int32, n)
	for i := range sizes {
		sizes[i] = int32(min(most, 1+int(rng.ExpFloat64()*float64(most)/5)))
	}
	return sizes
}

// epochOf is all units of the next epoch.
func epochOf(u *data.Units) [][]data.Piece { return u.Next(u.PerEpoch()) }

// lengths are the sizes of the pieces of a unit, the longest first.
func lengths(sizes []int32, unit []data.Piece) (list []int) {
	for _, p := range unit {
		if p.To > 0 {
			list = append(list, p.To-p.From)
			continue
		}
		list = append(list, int(sizes[p.Example]))
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list
}

func sum(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}

// shapes are the lengths in all units, sorted.
func shapes(sizes []int32, units [][]data.Piece) (all [][]int) {
	for _, unit := range units {
		all = append(all, lengths(sizes, unit))
	}
	slices.SortFunc(all, slices.Compare)
	return all
}

// Whatever the grouping, an epoch hands out every token of every example once, no unit
// has more tokens than it may, and each epoch has as many units in another order.
func TestEveryGroupingHandsOutEachTokenOnce(t *testing.T) {
	sizes := sizesLike(1, 300, 64)
	for name, g := range map[string]data.Grouping{
		"records":                 {},
		"in order":                {Sampling: data.Sequential},
		"by length":               {Sampling: data.GroupByLength, Together: 8},
		"bfd":                     {Packing: data.PackBFD, Tokens: 64},
		"bfd, in order":           {Packing: data.PackBFD, Tokens: 64, Sampling: data.Sequential},
		"wrapped":                 {Packing: data.PackWrapped, Tokens: 50},
		"wrapped, in order":       {Packing: data.PackWrapped, Tokens: 50, Sampling: data.Sequential},
		"tokens":                  {Tokens: 200},
		"tokens, in order":        {Tokens: 200, Sampling: data.Sequential},
		"tokens, by length":       {Tokens: 200, Sampling: data.GroupByLength},
		"wrapped longer than all": {Packing: data.PackWrapped, Tokens: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			u := data.NewUnits(sizes, g, 5)
			var epochs [][][]data.Piece
			for range 3 {
				units := epochOf(u)
				require.Len(t, units, u.PerEpoch())
				requireEachTokenOnce(t, sizes, units, g)
				epochs = append(epochs, units)
			}
			require.Equal(t, u.PerEpoch(), u.Fullness().Units)
			if g.Sampling == data.Sequential {
				require.Equal(t, epochs[0], epochs[1])
			} else if u.PerEpoch() > 1 {
				require.NotEqual(t, epochs[0], epochs[1])
				require.NotEqual(t, epochs[1], epochs[2])
				require.NotEqual(t, epochs[0], epochOf(data.NewUnits(sizes, g, 6)), "another seed")
			}
			require.Equal(t, epochs[0], epochOf(data.NewUnits(sizes, g, 5)))
		})
	}
}

func requireEachTokenOnce(t *testing.T, sizes []int32, units [][]data.Piece, g data.Grouping) {
	t.Helper()
	seen := make([][]bool, len(sizes))
	for i, size := range sizes {
		seen[i] = make([]bool, size)
	}
	for i, unit := range units {
		tokens := 0
		for _, p := range unit {
			if p.To == 0 {
				p.To = int(sizes[p.Example])
			}
			for at := p.From; at < p.To; at++ {
				require.False(t, seen[p.Example][at], "token %d of example %d", at, p.Example)
				seen[p.Example][at] = true
			}
			tokens += p.To - p.From
		}
		if g.Tokens > 0 {
			require.LessOrEqual(t, tokens, g.Tokens)
		}
		if g.Packing == data.PackWrapped && g.Sampling == data.Sequential && i < len(units)-1 {
			require.Equal(t, g.Tokens, tokens, "only the last block is short")
		}
	}
	for i := range seen {
		require.NotContains(t, seen[i], false, "example %d", i)
	}
}

// A place in an epoch is a place in its units: another process goes on with the same.
func TestUnitsSeek(t *testing.T) {
	sizes := sizesLike(2, 100, 40)
	for _, g := range []data.Grouping{{}, {Packing: data.PackBFD, Tokens: 40}, {Packing: data.PackWrapped, Tokens: 33}, {Tokens: 90, Sampling: data.GroupByLength}} {
		u := data.NewUnits(sizes, g, 3)
		for range 80 {
			other := data.NewUnits(sizes, g, 3)
			require.NoError(t, other.Seek(u.Cursor()))
			require.Equal(t, u.Cursor(), other.Cursor())
			require.Equal(t, u.Next(2), other.Next(2), g.Name())
		}
		require.Positive(t, u.Cursor().Epoch, "an epoch ended")
		require.Error(t, u.Seek(data.Cursor{Next: u.PerEpoch() + 1}))
	}
}

// Empty examples and sets are no special case.
func TestUnitsOfNothing(t *testing.T) {
	for _, g := range []data.Grouping{{}, {Packing: data.PackBFD, Tokens: 4}, {Packing: data.PackWrapped, Tokens: 4}, {Tokens: 4}, {Sampling: data.GroupByLength, Together: 2}} {
		require.Zero(t, data.NewUnits(nil, g, 1).PerEpoch(), g.Name())
		require.Empty(t, data.NewUnits(nil, g, 1).Next(3))
	}
	u := data.NewUnits([]int32{0, 4, 0}, data.Grouping{Packing: data.PackBFD, Tokens: 4}, 1)
	require.LessOrEqual(t, u.PerEpoch(), 2)
	require.Equal(t, 1, data.NewUnits([]int32{0, 4, 0}, data.Grouping{Packing: data.PackWrapped, Tokens: 4}, 1).PerEpoch())
}

// A step of group_by_length has examples of about one length, and the longest one is
// in the first.
func TestGroupByLength(t *testing.T) {
	sizes := sizesLike(3, 4000, 1000)
	spread := func(g data.Grouping) (total int) {
		u := data.NewUnits(sizes, g, 1)
		for u.Cursor().Next < u.PerEpoch() {
			list := []int{}
			for _, unit := range u.Next(8) {
				list = append(list, lengths(sizes, unit)...)
			}
			total += slices.Max(list) - slices.Min(list)
		}
		return total
	}
	require.Less(t, 10*spread(data.Grouping{Sampling: data.GroupByLength, Together: 8}), spread(data.Grouping{}))
	first := data.NewUnits(sizes, data.Grouping{Sampling: data.GroupByLength, Together: 8}, 1).Next(1)
	require.Equal(t, slices.Max(sizes), sizes[first[0][0].Example])
}

// packWithTRL packs the lengths of its input as TRL does, all at once, and prints the
// lengths in each pack.
const packWithTRL = `
import json, sys
import pyarrow as pa
from trl.data_utils import _pack_bfd
for case in json.load(sys.stdin):
    table = pa.table({"input_ids": [[1] * n for n in case["sizes"]]})
    print(json.dumps(_pack_bfd(table, case["most"])["seq_lengths"].to_pylist()))
`

// The packs of bfd have the lengths that TRL's have, one by one.
func TestBestFitIsThatOfTRL(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON is not set: a Python with trl")
	}
	type packed struct {
		Sizes []int32 `json:"sizes"`
		Most  int     `json:"most"`
	}
	var cases []packed
	for i, most := range []int{1, 2, 7, 64, 100, 512, 1000, 4096} {
		cases = append(cases, packed{sizesLike(uint64(i), 50+300*i, most), most})
	}
	input, err := json.Marshal(cases)
	require.NoError(t, err)
	file := t.TempDir() + "/cases.json"
	require.NoError(t, os.WriteFile(file, input, 0o600))
	opened, err := os.Open(file)
	require.NoError(t, err)
	defer opened.Close()
	command := exec.Command(python, "-c", packWithTRL)
	command.Stdin = opened
	command.Stderr = os.Stderr
	text, err := command.Output()
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	for _, c := range cases {
		var want [][]int
		require.NoError(t, decoder.Decode(&want))
		for _, pack := range want {
			slices.Sort(pack)
			slices.Reverse(pack)
		}
		slices.SortFunc(want, slices.Compare)
		u := data.NewUnits(c.Sizes, data.Grouping{Packing: data.PackBFD, Tokens: c.Most}, 9)
		require.Equal(t, want, shapes(c.Sizes, epochOf(u)), "max_length %d", c.Most)
		require.Equal(t, want, shapes(c.Sizes, epochOf(u)), "the second epoch")
	}
}

// BenchmarkBestFit groups ten million examples.
func BenchmarkBestFit(b *testing.B) {
	sizes := sizesLike(1, 10_000_000, 512)
	for b.Loop() {
		u := data.NewUnits(sizes, data.Grouping{Packing: data.PackBFD, Tokens: 512}, 1)
		b.ReportMetric(float64(u.PerEpoch()), "packs")
	}
}
