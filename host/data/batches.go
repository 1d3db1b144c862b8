package data

import (
	"iter"
	"slices"
)

// Batches hands out the examples that a run trains on, epoch after epoch, in
// an order that does not depend on how they are cut into batches.
type Batches interface {
	// Next returns the next count examples, fewer at the end of an epoch, none
	// only where an epoch has none. The call after the end of an epoch begins
	// the next one.
	Next(count int) ([]Example, error)

	// Cursor is the place of the example that Next hands out next.
	Cursor() Cursor

	// Seek goes to a place that Cursor returned, of the same data and seed.
	Seek(Cursor) error

	// PerEpoch is how many examples an epoch has.
	PerEpoch() int
}

// Step takes the micro-batches of one optimizer step from b: up to accumulation
// of them, of up to size examples each. A step ends with the epoch, so that its
// last micro-batch may be short, and there may be fewer.
func Step(b Batches, size, accumulation int) ([][]Example, error) {
	var micro [][]Example
	for range accumulation {
		examples, err := b.Next(size)
		if err != nil {
			return nil, err
		}
		micro = append(micro, examples)
		if b.Cursor().Next == b.PerEpoch() {
			break
		}
	}
	return micro, nil
}

// Shuffled is Batches over examples in memory.
type Shuffled struct {
	examples []Example
	labels   Labeler
	order    *Order
}

// NewShuffled returns Batches over examples, which seed and epoch alone order.
// They get their labels from labels.
func NewShuffled(examples []Example, labels Labeler, seed uint64) *Shuffled {
	return &Shuffled{
		examples: examples,
		labels:   labels,
		order:    NewOrder(len(examples), seed, true),
	}
}

// Next returns the next count examples, fewer at the end of an epoch.
func (s *Shuffled) Next(count int) ([]Example, error) {
	var next []Example
	for _, i := range s.order.Next(count) {
		next = append(next, s.examples[i])
	}
	return s.labels.Label(next), nil
}

// Cursor is the place of the example that Next hands out next.
func (s *Shuffled) Cursor() Cursor { return s.order.Cursor() }

// Seek goes to a place that Cursor returned.
func (s *Shuffled) Seek(to Cursor) error { return s.order.Seek(to) }

// PerEpoch is how many examples there are.
func (s *Shuffled) PerEpoch() int { return len(s.examples) }

// InOrder returns a function that cuts examples, in their order, into micro-batches of up
// to size of them, as evaluations read them. They get their labels from labels.
func InOrder(examples []Example, labels Labeler) func(size int) iter.Seq2[[]Example, error] {
	return func(size int) iter.Seq2[[]Example, error] {
		return func(yield func([]Example, error) bool) {
			for micro := range slices.Chunk(examples, size) {
				if !yield(labels.Label(micro), nil) {
					return
				}
			}
		}
	}
}
