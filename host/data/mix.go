package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Stopping says when an epoch of several sets, drawn from by weights, ends. The words
// are those of datasets.interleave_datasets.
type Stopping string

// The ways to end.
const (
	FirstExhausted Stopping = "first_exhausted" // once all of one set was drawn
	AllExhausted   Stopping = "all_exhausted"   // once all of each set was; those that end earlier begin again

	// WithoutReplacement ends like AllExhausted, and sets that end earlier are drawn no
	// more.
	WithoutReplacement Stopping = "all_exhausted_without_replacement"
)

// Mixing says how several sets become one.
type Mixing struct {
	Weights  []float64 `json:"weights"` // one for each set, not all of them 0
	Stopping Stopping  `json:"stopping"`
	Seed     uint64    `json:"seed"`
}

// drawSeed keeps the draws of sets apart from the order of records under one seed.
const drawSeed = 0x6d69787475726573

// mostDrawn bounds the examples of an epoch: 4 bytes are kept for each.
const mostDrawn = 1 << 29

// drawer draws sets by weights; those that are out have none.
type drawer struct {
	random  *rand.PCG
	weights []float64
	out     []bool
}

func (m Mixing) drawer() *drawer {
	return &drawer{rand.NewPCG(m.Seed, drawSeed), m.Weights, make([]bool, len(m.Weights))}
}

// next is the next set; one that is not out must have a weight. It is spelt out, since
// only the generator's numbers are promised never to change.
func (d *drawer) next() int {
	total, last := 0.0, 0
	for i, w := range d.weights {
		if !d.out[i] && w > 0 {
			total += w
			last = i
		}
	}
	at := float64(d.random.Uint64()>>11) / (1 << 53) * total
	for i, w := range d.weights {
		if d.out[i] || w == 0 {
			continue
		}
		if at < w {
			return i
		}
		at -= w
	}
	return last // the sum was rounded
}

// allOut tells whether no set is left to draw from.
func (d *drawer) allOut() bool {
	for i, out := range d.out {
		if !out && d.weights[i] > 0 {
			return false
		}
	}
	return true
}

// Draw is what an epoch takes of sets of these sizes: numbers of their examples, which
// follow each other as the sets do. Each set's come in their order.
func (m Mixing) Draw(sizes []int) ([]uint32, error) {
	if err := m.check(sizes); err != nil {
		return nil, err
	}
	begins := make([]int, len(sizes))
	for i := 1; i < len(sizes); i++ {
		begins[i] = begins[i-1] + sizes[i-1]
	}
	d := m.drawer()
	taken := make([]int, len(sizes))
	reached := make([]bool, len(sizes))
	var numbers []uint32
	for {
		set := d.next()
		numbers = append(numbers, uint32(begins[set]+taken[set]%sizes[set]))
		taken[set]++
		reached[set] = taken[set] >= sizes[set]
		switch {
		case len(numbers) > mostDrawn:
			return nil, fmt.Errorf("by these weights an epoch takes more than %d examples until all sets of %v are exhausted; raise the smallest weights, or write stopping_strategy = %q", mostDrawn, sizes, WithoutReplacement)
		case reached[set] && m.Stopping == FirstExhausted:
			return numbers, nil
		case !reached[set]:
			continue
		case m.Stopping == WithoutReplacement:
			d.out[set] = true
		}
		if !slices.Contains(reached, false) {
			return numbers, nil
		}
	}
}

// check refuses sets that can never be exhausted.
func (m Mixing) check(sizes []int) error {
	for i, size := range sizes {
		switch weight := m.Weights[i]; {
		case size == 0 && weight > 0:
			return fmt.Errorf("set %d has no example and weight %v; leave it out", i+1, weight)
		case weight == 0 && m.Stopping != FirstExhausted:
			return fmt.Errorf("set %d has weight 0, and %s waits until it is exhausted", i+1, m.Stopping)
		}
	}
	return nil
}

// Drawn is how many examples of an epoch are of each set.
func Drawn(numbers []uint32, sizes []int) []int {
	counts := make([]int, len(sizes))
	for _, n := range numbers {
		set, at := 0, int(n)
		for ; at >= sizes[set]; set++ {
			at -= sizes[set]
		}
		counts[set]++
	}
	return counts
}

// Mix returns what an epoch takes of sets, which were loaded with o's cache and limits,
// and how many examples it has of each.
func (o Options) Mix(m Mixing, sets ...Set) (Set, []int, error) {
	all := Join(sets...)
	var sizes []int
	var keys []surveyKey
	for _, s := range sets {
		sizes = append(sizes, s.Examples.Len())
		keys = append(keys, s.key)
	}
	numbers, err := m.Draw(sizes)
	if err != nil {
		return Set{}, nil, err
	}
	all.Examples = picked{all.Examples, numbers}
	key := surveyKey{
		Tokens:      digestOf([]any{keys, m}),
		SharePrefix: o.shares(),
		Limits:      o.Limits,
	}
	v, err := o.Cache.survey(key, func() (Survey, error) { return surveyAll(all.Examples, key.SharePrefix, o.Limits) })
	v.Records, v.Drops = all.Survey.Records, all.Survey.Drops
	all.Survey, all.key = v, key
	return all, Drawn(numbers, sizes), err
}
