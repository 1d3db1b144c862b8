package data_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// sequence makes a sequence whose labels begin at position start.
func sequence(start int, ids ...int64) data.Sequence {
	s := data.Sequence{IDs: ids, Labels: make([]int64, len(ids))}
	for t, id := range ids {
		s.Labels[t] = data.Ignore
		if t >= start {
			s.Labels[t] = id
		}
	}
	return s
}

func tokenized(sequences ...data.Sequence) data.Example {
	e := data.Example{Sequences: sequences, Columns: map[string][]float64{"score": nil}, ExampleColumns: map[string]float64{"weight": float64(len(sequences))}}
	for k := range sequences {
		e.Columns["score"] = append(e.Columns["score"], float64(k)+0.5)
	}
	return e
}

var packCases = []struct {
	name                  string
	examples              []data.Example
	shared, tokens, parts int // packed tokens with sharing, tokens of all sequences, segments with sharing
}{
	{"nothing", nil, 0, 0, 0},
	{"one sequence", []data.Example{tokenized(sequence(2, 1, 5, 6, 2))}, 4, 4, 1},
	{"two sequences share their prompt", []data.Example{tokenized(sequence(3, 1, 5, 6, 7, 2), sequence(3, 1, 5, 6, 8, 8, 2))}, 8, 11, 3},
	{"shared labels", []data.Example{tokenized(sequence(1, 1, 5, 6, 7, 2), sequence(1, 1, 5, 6, 8, 2))}, 7, 10, 3},
	{"a sequence is the prefix of another", []data.Example{tokenized(sequence(1, 1, 5), sequence(1, 1, 5, 6))}, 3, 5, 2},
	{"equal sequences", []data.Example{tokenized(sequence(1, 1, 5), sequence(1, 1, 5))}, 2, 4, 1},
	{"a cut sequence shares nothing, the others do", []data.Example{tokenized(sequence(3, 1, 5, 6, 7), sequence(2, 5, 6, 9), sequence(3, 1, 5, 6, 8))}, 8, 11, 4},
	{"a chance first token does not shorten the prefix", []data.Example{tokenized(sequence(3, 1, 5, 6, 7), sequence(2, 1, 9), sequence(3, 1, 5, 6, 8))}, 7, 10, 4},
	{"two clusters", []data.Example{tokenized(sequence(2, 1, 5, 6), sequence(2, 2, 7, 8), sequence(2, 1, 5, 7), sequence(2, 2, 7, 9))}, 8, 12, 6},
	{"examples never share", []data.Example{tokenized(sequence(2, 1, 5, 6)), tokenized(sequence(2, 1, 5, 6), sequence(2, 1, 5, 7))}, 7, 9, 4},
	{"a sequence without tokens, a sequence without labels", []data.Example{tokenized(sequence(0), sequence(9, 1, 2)), tokenized(sequence(0, 3))}, 3, 3, 2},
}

func TestPack(t *testing.T) {
	for _, c := range packCases {
		t.Run(c.name, func(t *testing.T) {
			shared, apart := data.Pack(c.examples, true), data.Pack(c.examples, false)
			require.NoError(t, check(c.examples, shared))
			require.NoError(t, check(c.examples, apart))
			require.Equal(t, relation(apart), relation(shared), "sharing must not change the place of a label")
			require.Len(t, shared.IDs, c.shared)
			require.Len(t, apart.IDs, c.tokens)
			require.Equal(t, c.tokens, shared.Tokens)
			require.Len(t, shared.Segments, c.parts)
		})
	}
}

// TestPackLayout checks one batch in full, as the doc of Batch describes it.
func TestPackLayout(t *testing.T) {
	b := data.Pack([]data.Example{
		tokenized(sequence(2, 1, 5, 6, 2), sequence(2, 1, 5, 7, 8, 2)),
		tokenized(sequence(1, 1, 9)),
	}, true)
	require.Equal(t, data.Batch{
		B: 2, K: 2, T: 3,
		IDs:            []int64{1, 5, 6, 2, 7, 8, 2, 1, 9},
		Positions:      []int64{0, 1, 2, 3, 2, 3, 4, 0, 1},
		Segments:       []data.Segment{{Start: 0, Len: 2, Prefix: -1}, {Start: 2, Len: 2, Prefix: 0}, {Start: 4, Len: 3, Prefix: 0}, {Start: 7, Len: 2, Prefix: -1}},
		Sequences:      []int{1, 2, 3, -1},
		Source:         []int64{1, 2, 1, 4, 5, 7},
		Target:         []int64{6, 2, 7, 8, 2, 9},
		Slot:           []int64{0, 1, 3, 4, 5, 6},
		LabelMask:      []bool{true, true, false, true, true, true, true, false, false, false, false, false},
		Real:           []bool{true, true, true, false},
		Columns:        map[string][]float32{"score": {0.5, 1.5, 0.5, 0}},
		ExampleColumns: map[string][]float32{"weight": {2, 1}},
		Labels:         map[string][]int64{},
		Tokens:         11,
	}, b)
}

// TestCheckSeesMistakes are the negative controls of check.
func TestCheckSeesMistakes(t *testing.T) {
	examples := []data.Example{
		tokenized(sequence(2, 1, 5, 6, 2), sequence(2, 1, 5, 7, 8, 2)),
		tokenized(sequence(1, 1, 9)),
	}
	mistakes := map[string]func(*data.Batch){
		"position goes on after the sequence": func(b *data.Batch) { b.Positions[7] = 5 },
		"position ignores the prefix":         func(b *data.Batch) { b.Positions[4] = 0 },
		"label one token late":                func(b *data.Batch) { b.Source[1]++ },
		"label from the other sequence":       func(b *data.Batch) { b.Source[3] = 2 },
		"wrong target":                        func(b *data.Batch) { b.Target[0] = 7 },
		"slot of another sequence":            func(b *data.Batch) { b.Slot[2] = 2 },
		"label lost":                          func(b *data.Batch) { b.Source, b.Target, b.Slot = b.Source[1:], b.Target[1:], b.Slot[1:] },
		"mask too wide":                       func(b *data.Batch) { b.LabelMask[2] = true },
		"attends to no prefix":                func(b *data.Batch) { b.Segments[2].Prefix = -1 },
		"attends to a neighbour":              func(b *data.Batch) { b.Segments[3].Prefix = 0 },
		"wrong id":                            func(b *data.Batch) { b.IDs[0] = 3 },
		"padding taken for real":              func(b *data.Batch) { b.Real[3] = true },
		"column of another sequence":          func(b *data.Batch) { b.Columns["score"][0] = 1.5 },
		"column of another example":           func(b *data.Batch) { b.ExampleColumns["weight"][0] = 1 },
		"tokens counted once":                 func(b *data.Batch) { b.Tokens = len(b.IDs) },
	}
	for name, spoil := range mistakes {
		t.Run(name, func(t *testing.T) {
			b := data.Pack(examples, true)
			require.NoError(t, check(examples, b))
			spoil(&b)
			require.Error(t, check(examples, b))
		})
	}
}

func FuzzPack(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed%5), uint8(seed%4+1))
	}
	f.Fuzz(func(t *testing.T, seed uint64, examples, sequences uint8) {
		all := randomExamples(rand.New(rand.NewPCG(seed, 1)), int(examples%8), int(sequences%6))
		shared, apart := data.Pack(all, true), data.Pack(all, false)
		require.NoError(t, check(all, shared))
		require.NoError(t, check(all, apart))
		require.Equal(t, relation(apart), relation(shared))
		require.LessOrEqual(t, len(shared.IDs), len(apart.IDs))
	})
}

// randomExamples makes sequences over three ids, so that chance prefixes are common.
func randomExamples(r *rand.Rand, examples, most int) []data.Example {
	all := make([]data.Example, examples)
	for i := range all {
		sequences := make([]data.Sequence, r.IntN(most+1))
		for k := range sequences {
			ids := make([]int64, r.IntN(9))
			for t := range ids {
				ids[t] = r.Int64N(3)
			}
			sequences[k] = sequence(r.IntN(6), ids...)
			for t := range ids {
				if r.IntN(4) == 0 {
					sequences[k].Labels[t] = data.Ignore
				}
			}
		}
		all[i] = tokenized(sequences...)
	}
	return all
}

// placed is one label: sequence, position in the sequence, id, slot.
type placed struct{ sequence, position, id, slot int64 }

// relation lists every label of b by its place in its sequence, which is
// the same however the batch is packed.
func relation(b data.Batch) []placed {
	var all []placed
	for m, slot := range b.Slot {
		r := int(slot) / b.T
		all = append(all, placed{int64(r), indexIn(b.SequenceTokens(r), b.Source[m]) + 1, b.Target[m], slot})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].slot < all[j].slot })
	return all
}

func indexIn(tokens []int64, token int64) int64 {
	for i, t := range tokens {
		if t == token {
			return int64(i)
		}
	}
	return -100
}

// check unpacks b and compares it, and its columns score and weight, with the examples that it was packed from.
func check(examples []data.Example, b data.Batch) error {
	if err := checkLayout(examples, b); err != nil {
		return err
	}
	return checkNumbers(examples, b)
}

// checkLayout unpacks b and compares tokens and labels with the examples that it was packed from.
func checkLayout(examples []data.Example, b data.Batch) error {
	if len(b.LabelMask) != b.B*b.K*b.T || len(b.Positions) != len(b.IDs) {
		return fmt.Errorf("sizes: mask %d, positions %d", len(b.LabelMask), len(b.Positions))
	}
	if err := checkSegments(b); err != nil {
		return err
	}
	tokens, mask, labels := 0, make([]bool, b.B*b.K*b.T), []placed(nil)
	for e, from := range examples {
		for k := range b.K {
			r := e*b.K + k
			if real := k < len(from.Sequences); b.Real[r] != real || !real && b.Sequences[r] != -1 {
				return fmt.Errorf("sequence %d: real is %v", r, b.Real[r])
			} else if !real {
				continue
			}
			tokens += len(from.Sequences[k].IDs)
			if err := checkRow(b, r, from.Sequences[k]); err != nil {
				return err
			}
			for _, l := range labelsOf(r, b.T, from.Sequences[k]) {
				mask[l.slot], labels = true, append(labels, l)
			}
		}
	}
	if got := relation(b); !reflect.DeepEqual(got, labels) {
		return fmt.Errorf("labels are %v, want %v", got, labels)
	}
	if !reflect.DeepEqual(mask, b.LabelMask) || tokens != b.Tokens {
		return fmt.Errorf("mask is %v, want %v; %d tokens, want %d", b.LabelMask, mask, b.Tokens, tokens)
	}
	return nil
}

// checkSegments checks that segments tile the batch in order and that a prefix comes first and has none itself.
func checkSegments(b data.Batch) error {
	next := 0
	for i, s := range b.Segments {
		if s.Start != next || s.Len < 1 || s.Prefix >= i || s.Prefix < -1 || s.Prefix >= 0 && b.Segments[s.Prefix].Prefix != -1 {
			return fmt.Errorf("segment %d is %+v", i, s)
		}
		next += s.Len
	}
	if next != len(b.IDs) {
		return fmt.Errorf("segments cover %d of %d tokens", next, len(b.IDs))
	}
	return nil
}

func checkRow(b data.Batch, r int, want data.Sequence) error {
	tokens := b.SequenceTokens(r)
	if len(tokens) != len(want.IDs) {
		return fmt.Errorf("sequence %d has %d tokens, want %d", r, len(tokens), len(want.IDs))
	}
	for t, i := range tokens {
		if b.IDs[i] != want.IDs[t] || b.Positions[i] != int64(t) {
			return fmt.Errorf("sequence %d token %d: id %d at position %d, want id %d", r, t, b.IDs[i], b.Positions[i], want.IDs[t])
		}
	}
	return nil
}

func labelsOf(r, slots int, s data.Sequence) []placed {
	var all []placed
	for t := 1; t < len(s.Labels); t++ {
		if s.Labels[t] != data.Ignore {
			all = append(all, placed{int64(r), int64(t), s.Labels[t], int64(r*slots + len(all))})
		}
	}
	return all
}

func checkNumbers(examples []data.Example, b data.Batch) error {
	for e, from := range examples {
		for k := range b.K {
			want := float32(0)
			if k < len(from.Sequences) {
				want = float32(from.Columns["score"][k])
			}
			if got := b.Columns["score"][e*b.K+k]; got != want {
				return fmt.Errorf("score of sequence %d is %v, want %v", e*b.K+k, got, want)
			}
		}
		if got := b.ExampleColumns["weight"][e]; got != float32(from.ExampleColumns["weight"]) {
			return fmt.Errorf("weight of example %d is %v", e, got)
		}
	}
	return nil
}

// Types are parallel to the ids, 0 where a sequence has none, and keep sequences from sharing.
func TestPackTypes(t *testing.T) {
	pair := data.Sequence{IDs: []int64{1, 2, 3, 4}, Labels: make([]int64, 4), Types: []int64{0, 0, 1, 1}}
	single := data.Sequence{IDs: []int64{1, 2, 5}, Labels: make([]int64, 3)}
	b := data.Pack([]data.Example{{Sequences: []data.Sequence{pair, single}}, {Sequences: []data.Sequence{single, pair}}}, true)
	require.Equal(t, []int64{1, 2, 3, 4, 1, 2, 5, 1, 2, 5, 1, 2, 3, 4}, b.IDs)
	require.Equal(t, []int64{0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, b.Types)
	for _, s := range b.Segments {
		require.Equal(t, -1, s.Prefix)
	}
	require.Nil(t, func() []int64 {
		b := data.Pack([]data.Example{{Sequences: []data.Sequence{single, single}}}, true)
		return b.Types
	}())
}

// Candidates that only fill up have each column's own padding, 0 without one.
func TestPackPadding(t *testing.T) {
	list := tokenized(sequence(1, 1, 5), sequence(1, 1, 6))
	list.Columns["rank"] = []float64{1, 2}
	one := tokenized(sequence(1, 1, 9))
	one.Columns["rank"] = []float64{1}
	one.Padding = map[string]float32{"score": -100, "absent": 3}
	b := data.Pack([]data.Example{list, one}, true)
	require.Equal(t, map[string][]float32{"score": {0.5, 1.5, 0.5, -100}, "rank": {1, 2, 1, 0}}, b.Columns)
}
