package data

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"

	"llmhost/host/classname"
)

// Batches hands out the examples that a run trains on, epoch after epoch, in units:
// examples, or what a Grouping makes of them. Their order does not depend on how
// many of them are in a batch.
type Batches interface {
	// Next returns the examples of the next count units, of fewer at the end of an
	// epoch, none only where an epoch has none. The call after the end of an epoch
	// begins the next one.
	Next(count int) ([]Example, error)

	// Cursor is the place of the unit that Next hands out next.
	Cursor() Cursor

	// Seek goes to a place that Cursor returned, of the same data, grouping and seed.
	Seek(Cursor) error

	// PerEpoch is how many units an epoch has, 0 where nobody knows it: batches then go
	// on from one epoch to the next.
	PerEpoch() int

	// Ended tells whether an epoch of known length ends here.
	Ended() bool

	// Epochs is how often the records have been handed out, by their number where that
	// is known.
	Epochs() float64
}

// Step takes the micro-batches of one optimizer step from b: up to accumulation
// of them, of up to size units each. A step ends with the epoch, so that its
// last micro-batch may be short, and there may be fewer.
func Step(b Batches, size, accumulation int) ([][]Example, error) {
	var micro [][]Example
	for range accumulation {
		examples, err := b.Next(size)
		if err != nil {
			return nil, err
		}
		micro = append(micro, examples)
		if b.Ended() {
			break
		}
	}
	return micro, nil
}

// Shuffled is Batches over examples that can be read in any order.
type Shuffled struct {
	*Units
	examples Examples
	labels   Labeler
}

// NewShuffled returns Batches over examples, which seed and epoch alone order.
// They get their labels from labels.
func NewShuffled(examples Examples, labels Labeler, seed uint64) *Shuffled {
	return NewGrouped(examples, labels, NewRecords(examples.Len(), seed))
}

// NewGrouped returns Batches over examples in units, which were made of their sizes.
func NewGrouped(examples Examples, labels Labeler, units *Units) *Shuffled {
	return &Shuffled{Units: units, examples: examples, labels: labels}
}

// Next returns the examples of the next count units, of fewer at the end of an epoch.
func (s *Shuffled) Next(count int) (next []Example, err error) {
	for _, unit := range s.Units.Next(count) {
		if next, err = appendPieces(next, s.examples, unit); err != nil {
			return nil, err
		}
	}
	return s.labels.Label(next), nil
}

// appendPieces appends what a unit holds of examples.
func appendPieces(to []Example, examples Examples, unit []Piece) ([]Example, error) {
	for _, p := range unit {
		e, err := examples.At(p.Example)
		if err != nil {
			return nil, err
		}
		if p.To > 0 {
			e = e.part(p.From, p.To)
		}
		to = append(to, e)
	}
	return to, nil
}

// InOrder returns a function that cuts examples, in their order, into micro-batches
// of up to size of them, as evaluations read them. They get their labels from labels.
func InOrder(examples Examples, labels Labeler) func(size int) iter.Seq2[[]Example, error] {
	return func(size int) iter.Seq2[[]Example, error] {
		return func(yield func([]Example, error) bool) {
			var micro []Example
			for e, err := range All(examples) {
				if err != nil {
					yield(nil, err)
					return
				}
				if micro = append(micro, e); len(micro) < size {
					continue
				}
				if !yield(labels.Label(micro), nil) {
					return
				}
				micro = nil
			}
			if len(micro) > 0 {
				yield(labels.Label(micro), nil)
			}
		}
	}
}

// InUnits is InOrder over blocks or batches of so many tokens, where g asks for them:
// a micro-batch has up to size examples, or blocks, and no more tokens than a batch.
func InUnits(examples Examples, labels Labeler, sizes []int32, g Grouping) func(size int) iter.Seq2[[]Example, error] {
	if g.Tokens == 0 {
		return InOrder(examples, labels)
	}
	return func(size int) iter.Seq2[[]Example, error] {
		return func(yield func([]Example, error) bool) {
			units := NewUnits(sizes, g, 0)
			at, most := 1, size
			if g.Packing == PackWrapped {
				at, most = size, math.MaxInt
			}
			for done := 0; done < units.PerEpoch(); done += at {
				var some []Example
				for _, unit := range units.Next(at) {
					var err error
					if some, err = appendPieces(some, examples, unit); err != nil {
						yield(nil, err)
						return
					}
				}
				for micro := range slices.Chunk(some, most) {
					if !yield(labels.Label(micro), nil) {
						return
					}
				}
			}
		}
	}
}

// Pieces is how many examples, or parts of some, InUnits hands out.
func Pieces(examples Examples, sizes []int32, g Grouping) (n int) {
	if g.Tokens == 0 {
		return examples.Len()
	}
	units := NewUnits(sizes, g, 0)
	for range units.PerEpoch() {
		n += len(units.Next(1)[0])
	}
	return n
}

// Order hands out the numbers 0 to n-1, all of them once in each epoch, in an
// order that the seed and the epoch alone decide. The same seed gives the same
// order in every version of this program.
type Order struct {
	n       int
	per     int // how many of them an epoch hands out
	seed    uint64
	shuffle bool
	at      Cursor
	epoch   []uint32 // the order of epoch at.Epoch
}

// Cursor is a place in an Order; saved, it lets another run continue exactly there.
type Cursor struct {
	Epoch int `json:"epoch"` // from 0
	Next  int `json:"next"`  // how many numbers of the epoch were handed out

	Stream *StreamCursor `json:"stream,omitempty"` // of a Stream, nil otherwise
	Mix    *MixCursor    `json:"mix,omitempty"`    // of a MixedStream
}

// Streams tells whether it is a place in one stream or several.
func (c Cursor) Streams() bool { return c.Stream != nil || c.Mix != nil }

// Epochs is how often all of n numbers have been handed out.
func (c Cursor) Epochs(n int) float64 { return float64(c.Epoch) + float64(c.Next)/float64(max(1, n)) }

// NewOrder returns the order of n numbers at its beginning. Without shuffle every epoch counts up.
func NewOrder(n int, seed uint64, shuffle bool) *Order {
	o := &Order{n: n, per: n, seed: seed, shuffle: shuffle}
	o.epoch = o.permutation(0)
	return o
}

// Next returns the next count numbers, fewer at the end of an epoch, none only
// where n is 0. The call after the end of an epoch begins the next one.
func (o *Order) Next(count int) []int {
	if o.at.Next >= o.per && o.per > 0 {
		o.at = Cursor{Epoch: o.at.Epoch + 1}
		o.epoch = o.permutation(o.at.Epoch)
	}
	end := min(o.at.Next+count, o.per)
	var taken []int
	for _, i := range o.epoch[o.at.Next:end] {
		taken = append(taken, int(i))
	}
	o.at.Next = end
	return taken
}

// Cursor returns the place of the number that Next hands out next.
func (o *Order) Cursor() Cursor { return o.at }

// Seek goes to a place that Cursor returned, of an order with the same n, seed and shuffle.
func (o *Order) Seek(to Cursor) error {
	if to.Epoch < 0 || to.Next < 0 || to.Next > o.n {
		return fmt.Errorf(
			"data cursor: epoch %d, example %d is not a place among %d examples",
			to.Epoch,
			to.Next,
			o.n,
		)
	}
	o.at = to
	o.epoch = o.permutation(to.Epoch)
	return nil
}

// permutation is 0 to n-1 in the order of one epoch.
func (o *Order) permutation(epoch int) []uint32 {
	order := make([]uint32, o.n) // half the memory of ints: an order of 10 million takes 40 MB
	for i := range order {
		order[i] = uint32(i)
	}
	if !o.shuffle {
		return order
	}
	shuffle(order, rand.NewPCG(o.seed, uint64(epoch)))
	return order
}

// shuffle shuffles as Fisher and Yates do. It is spelt out, not left to the library,
// because only the generator's numbers are promised never to change.
func shuffle[N any](order []N, random *rand.PCG) {
	for i := len(order) - 1; i > 0; i-- {
		// The high word of the product is uniform over 0..i except for a part in 2^64/i.
		j, _ := bits.Mul64(random.Uint64(), uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
}

// Unseen is the label of a class that a head does not have: it can be neither
// learned nor predicted.
const Unseen = -1

// Labeler numbers the classes of examples: by head, then by class.
type Labeler map[string]map[string]int64

// NewLabeler returns a labeler that numbers the classes of each head by their
// place in its list; of a name that is listed twice, by the first place.
func NewLabeler(classes map[string][]string) Labeler {
	l := Labeler{}
	for head, names := range classes {
		l[head] = map[string]int64{}
		for i, name := range names {
			if _, twice := l[head][classname.Of(name)]; !twice {
				l[head][classname.Of(name)] = int64(i)
			}
		}
	}
	return l
}

// Label returns examples with a label under each of l's heads: Ignore where an
// example has no class, Unseen where the head has no such class. A labeler of
// no heads returns examples as they are.
func (l Labeler) Label(examples []Example) []Example {
	if len(l) == 0 {
		return examples
	}
	labelled := slices.Clone(examples)
	for i := range labelled {
		labelled[i].Labels = l.labels(labelled[i].Classes)
	}
	return labelled
}

// labels numbers the classes of one example.
func (l Labeler) labels(classes map[string]string) map[string]int64 {
	labels := map[string]int64{}
	for head, numbers := range l {
		labels[head] = Ignore
		class, has := classes[head]
		if !has {
			continue
		}
		number, known := numbers[classname.Of(class)]
		if !known {
			number = Unseen
		}
		labels[head] = number
	}
	return labels
}

// Unknown tells whether a head lacks a class.
func (l Labeler) Unknown(head, class string) bool {
	_, known := l[head][classname.Of(class)]
	return !known
}

// sortClasses sorts names of classes: in the order of numbers where all of
// them are numbers, else of texts.
func sortClasses(names []string) {
	numbers := map[string]float64{}
	for _, name := range names {
		if v, err := strconv.ParseFloat(name, 64); err == nil {
			numbers[name] = v
		}
	}
	numeric := len(numbers) == len(names)
	slices.SortFunc(names, func(a, b string) int {
		if numeric && numbers[a] != numbers[b] {
			return cmp.Compare(numbers[a], numbers[b])
		}
		return cmp.Compare(a, b)
	})
}
