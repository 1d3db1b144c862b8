package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"

	"llmhost/host/data"
)

// record is one example as ids: a prompt, its answers and, where there are
// several, their scores.
type record struct {
	Prompt  []int64   `json:"prompt"`
	Answers [][]int64 `json:"answers"`
	Scores  []float64 `json:"scores,omitempty"`
}

// The ids with a meaning; all from firstPlainID on are drawn alike.
const (
	beginID      = 1
	endID        = 2
	firstPlainID = 3
)

// taskNames are the tasks that have data and a loss on both sides.
var taskNames = []string{"sft", "rrhf"}

// layouts say how the eight rows of a step are made up.
var layouts = map[string]struct {
	seed                uint64
	records, candidates int
}{
	"sft":  {seed: 1, records: 8, candidates: 1},
	"rrhf": {seed: 2, records: 2, candidates: 4},
}

// lengths is a log-normal distribution of lengths in tokens, cut at both ends.
type lengths struct {
	median, sigma float64
	least, most   int
}

// Chat data has about these: a row has 180 tokens on average, and almost half
// of them are the answer.
var (
	promptLengths = lengths{median: 85, sigma: 0.45, least: 40, most: 200}
	answerLengths = lengths{median: 75, sigma: 0.6, least: 20, most: 200}
)

func (l lengths) draw(rng *rand.Rand) int {
	n := int(math.Round(l.median * math.Exp(l.sigma*rng.NormFloat64())))
	return min(max(n, l.least), l.most)
}

// makeBatches draws the records of each of n steps. The same arguments give
// the same records.
func makeBatches(task string, vocab int64, n int) [][]record {
	layout := layouts[task]
	rng := rand.New(rand.NewPCG(layout.seed, 0))
	batches := make([][]record, n)
	for i := range batches {
		for range layout.records {
			batches[i] = append(batches[i], makeRecord(rng, vocab, layout.candidates))
		}
	}
	return batches
}

func makeRecord(rng *rand.Rand, vocab int64, candidates int) record {
	r := record{Prompt: drawIDs(rng, vocab, promptLengths.draw(rng))}
	r.Prompt[0] = beginID
	for range candidates {
		answer := drawIDs(rng, vocab, answerLengths.draw(rng))
		answer[len(answer)-1] = endID
		r.Answers = append(r.Answers, answer)
		if candidates > 1 {
			r.Scores = append(r.Scores, rng.NormFloat64())
		}
	}
	return r
}

func drawIDs(rng *rand.Rand, vocab int64, n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = firstPlainID + rng.Int64N(vocab-firstPlainID)
	}
	return ids
}

// example is the record as llmhost's batches want it.
func (r record) example() data.Example {
	var g data.Example
	for _, answer := range r.Answers {
		row := data.Sequence{IDs: append(append([]int64{}, r.Prompt...), answer...)}
		for range r.Prompt {
			row.Labels = append(row.Labels, data.Ignore)
		}
		row.Labels = append(row.Labels, answer...)
		g.Sequences = append(g.Sequences, row)
	}
	if r.Scores != nil {
		g.Columns = map[string][]float64{"score": r.Scores}
	}
	return g
}

// tokens counts the real tokens of a step, a shared prompt once a row.
func tokens(batch []record) (n int) {
	for _, r := range batch {
		for _, answer := range r.Answers {
			n += len(r.Prompt) + len(answer)
		}
	}
	return n
}

// writeBatches writes one step a line, for both sides to read.
func writeBatches(path string, batches [][]record) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	lines := json.NewEncoder(file)
	for _, batch := range batches {
		if err := lines.Encode(batch); err != nil {
			file.Close()
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return file.Close()
}

func readBatches(path string) (batches [][]record, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for lines := json.NewDecoder(file); lines.More(); {
		var batch []record
		if err := lines.Decode(&batch); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		batches = append(batches, batch)
	}
	return batches, nil
}
