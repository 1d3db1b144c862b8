package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpread(t *testing.T) {
	require.Equal(t, spread{Min: 1, Median: 2, Max: 9, N: 3}, spreadOf([]float64{9, 1, 2}))
	require.Equal(t, spread{Min: 1, Median: 3, Max: 9, N: 4}, spreadOf([]float64{4, 9, 1, 2}))
	require.Equal(t, spread{}, spreadOf(nil))
}

func TestJudge(t *testing.T) {
	clean, dirty := func(v float64) sample { return sample{v, true} }, func(v float64) sample { return sample{v, false} }
	for _, c := range []struct {
		name    string
		samples []sample
		want    judged
	}{
		{"disturbed steps do not count", []sample{clean(1), dirty(100), clean(2), clean(3)}, judged{spread{1, 2, 3, 3}, true}},
		{"too few clean ones: all count", []sample{clean(1), dirty(100), clean(2)}, judged{spread{1, 2, 100, 3}, false}},
		{"few, but all clean", []sample{clean(1), clean(2)}, judged{spread{1, 1.5, 2, 2}, true}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, judge(c.samples)) })
	}
}

func TestSameLoss(t *testing.T) {
	require.NoError(t, sameLoss("sft", "full", 10.45, 10.4505))
	require.EqualError(t, sameLoss("sft", "full", 10, 10.01),
		"sft: the loss of the first step is 10.000000 in llmhost and 10.010000 in full, a relative difference of 1.0e-03; at most 1e-04 is rounding, so the two do not do the same work")
	require.Error(t, sameLoss("sft", "full", math.NaN(), 10))
	require.Error(t, sameLoss("sft", "full", 10, math.NaN()))
}

func TestCompare(t *testing.T) {
	turns := func(seconds ...float64) (all []turn) {
		for i, s := range seconds {
			all = append(all, turn{Step: i + 1, Tokens: 100, Seconds: s, Loss: 2})
		}
		return all
	}
	ours := &contestant{Name: llmhostName, Turns: turns(1, 2, 4, 1), Warmup: turn{Loss: 2}}
	theirs := &contestant{Name: "full", Turns: turns(2, 6, 4, 9), Warmup: turn{Loss: 2}}
	theirs.Turns[3].Foreign = 0.5
	theirs.Turns[1].Loss = 2.002
	theirs.compare(ours)
	require.Equal(t, judged{spread{Min: 1, Median: 2, Max: 3, N: 3}, true}, theirs.Faster, "pairs of one step; the disturbed one is left out")
	require.Equal(t, 3, theirs.Speed.N)
	require.Equal(t, 25.0, theirs.Speed.Median)
	require.InDelta(t, 1e-3, theirs.Apart, 1e-9)
	require.Equal(t, 3, theirs.cleanTurns())
}
