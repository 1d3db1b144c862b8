package data_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// sameDraws has datasets draw the sets that we drew, and prints what an epoch takes.
const sameDraws = `
import json, sys
import numpy as np
import datasets

class Draws:
    def __init__(self, draws):
        self.draws = draws
    def choice(self, n, size, p):
        assert abs(sum(p) - 1) < 1e-9, p
        block, self.draws = self.draws[:size], self.draws[size:]
        return np.array(block + [self.last(n, p)] * (size - len(block)))
    def last(self, n, p):
        return max(range(n), key=lambda i: p[i])

out = []
for case in json.load(sys.stdin):
    begin, sets = 0, []
    for size in case["sizes"]:
        sets.append(datasets.Dataset.from_dict({"at": list(range(begin, begin + size))}))
        begin += size
    np.random.default_rng = lambda seed, draws=case["draws"]: Draws(list(draws))
    p = [w / sum(case["weights"]) for w in case["weights"]]
    mixed = datasets.interleave_datasets(sets, probabilities=p, seed=0, stopping_strategy=case["stopping"])
    out.append(mixed["at"][:])
json.dump(out, sys.stdout)
`

type mixCase struct {
	Sizes    []int     `json:"sizes"`
	Weights  []float64 `json:"weights"`
	Stopping string    `json:"stopping"`
	Draws    []int     `json:"draws"`
}

// An epoch takes what datasets.interleave_datasets takes where it draws the same sets,
// and ends where that ends.
func TestAnEpochOfWeightedSetsIsThatOfDatasets(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with datasets")
	}
	var cases []mixCase
	var ours [][]uint32
	for _, sizes := range [][]int{{5, 20, 3}, {1, 1}, {400, 7}, {30, 30, 30, 1}} {
		for _, stopping := range []data.Stopping{data.FirstExhausted, data.AllExhausted, data.WithoutReplacement} {
			weights := []float64{3, 5, 0.5, 1}[:len(sizes)]
			drawn, err := data.Mixing{Weights: weights, Stopping: stopping, Seed: 7}.Draw(sizes)
			require.NoError(t, err)
			cases = append(cases, mixCase{sizes, weights, string(stopping), setsOf(drawn, sizes)})
			ours = append(ours, drawn)
		}
	}
	input, err := os.CreateTemp(t.TempDir(), "cases")
	require.NoError(t, err)
	require.NoError(t, json.NewEncoder(input).Encode(cases))
	_, err = input.Seek(0, 0)
	require.NoError(t, err)
	run := exec.Command(python, "-c", sameDraws)
	run.Stdin, run.Stderr = input, os.Stderr
	text, err := run.Output()
	require.NoError(t, err)
	var theirs [][]uint32
	require.NoError(t, json.Unmarshal(text, &theirs))
	for i, c := range cases {
		require.Equal(t, theirs[i], ours[i], "%v", c)
	}
}

// setsOf is the set of each number.
func setsOf(numbers []uint32, sizes []int) []int {
	var sets []int
	for _, n := range numbers {
		for set, size := range sizes {
			if int(n) < size {
				sets = append(sets, set)
				break
			}
			n -= uint32(size)
		}
	}
	return sets
}

func TestSetsAreDrawnByTheirWeights(t *testing.T) {
	sizes := []int{70_000, 100_000, 30_000}
	m := data.Mixing{Weights: []float64{0.7, 0, 0.3}, Stopping: data.FirstExhausted, Seed: 1}
	numbers, err := m.Draw(sizes)
	require.NoError(t, err)
	counts := data.Drawn(numbers, sizes)
	require.Zero(t, counts[1])
	require.InDelta(t, 0.7, float64(counts[0])/float64(len(numbers)), 0.01)
	require.True(t, counts[0] == 70_000 || counts[2] == 30_000, "one is exhausted: %v", counts)
	again, err := m.Draw(sizes)
	require.NoError(t, err)
	require.Equal(t, numbers, again)
	m.Seed = 2
	other, err := m.Draw(sizes)
	require.NoError(t, err)
	require.NotEqual(t, numbers, other)
}

func TestSetsThatAreNeverExhaustedAreRefused(t *testing.T) {
	for _, c := range []struct {
		weights []float64
		sizes   []int
		stop    data.Stopping
		want    string
	}{
		{[]float64{1, 0}, []int{3, 3}, data.AllExhausted, "set 2 has weight 0, and all_exhausted waits until it is exhausted"},
		{[]float64{1, 1}, []int{0, 3}, data.FirstExhausted, "set 1 has no example and weight 1; leave it out"},
	} {
		_, err := data.Mixing{Weights: c.weights, Stopping: c.stop}.Draw(c.sizes)
		require.EqualError(t, err, c.want)
	}
	numbers, err := data.Mixing{Weights: []float64{1, 1e-300}, Stopping: data.WithoutReplacement}.Draw([]int{50, 50})
	require.NoError(t, err)
	require.Len(t, numbers, 100, "a set that is out is not waited for")
}
