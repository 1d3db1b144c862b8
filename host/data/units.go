package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Packing says how examples share a unit.
type Packing string

// The ways to pack; the zero value packs nothing.
const (
	PackBFD     Packing = "bfd"     // whole examples, best-fit decreasing
	PackWrapped Packing = "wrapped" // one text after the other, cut into blocks of one length
)

// Sampling says in which order examples are handed out.
type Sampling string

// The orders.
const (
	Random        Sampling = "random"
	Sequential    Sampling = "sequential"      // as in the files
	GroupByLength Sampling = "group_by_length" // at random, examples of about one length together
)

// Grouping says what the unit is that a run counts in: micro-batches have so many
// units, epochs end after so many. In the zero value that is an example.
type Grouping struct {
	Packing  Packing
	Tokens   int      // the most tokens of a unit; 0 = a unit is an example
	Sampling Sampling // "" = Random
	Together int      // under GroupByLength, without Tokens, examples of a step
}

// Noun is what people call a unit.
func (g Grouping) Noun() string {
	switch {
	case g.Packing == PackWrapped:
		return "block"
	case g.Packing == PackBFD:
		return "pack"
	case g.Tokens > 0:
		return "batch"
	}
	return "record"
}

var plurals = map[string]string{"record": "records", "pack": "packs", "block": "blocks", "batch": "batches"}

// Name says what a unit is and in which order units come, "" for examples at random:
// a place in an epoch means something only together with it.
func (g Grouping) Name() string {
	name := ""
	if g.Tokens > 0 {
		name = fmt.Sprintf("%s of %d tokens", plurals[g.Noun()], g.Tokens)
	}
	if g.Sampling == "" || g.Sampling == Random {
		return name
	}
	if name == "" {
		name = plurals[g.Noun()]
	}
	name += ", " + string(g.Sampling)
	if g.together() {
		name += fmt.Sprintf(" in steps of %d", g.Together)
	}
	return name
}

// together tells whether examples of about one length are put into one step.
func (g Grouping) together() bool { return g.Sampling == GroupByLength && g.Tokens == 0 }

// Piece is what a unit holds of an example: all of it where To is 0, else its tokens
// From to To.
type Piece struct{ Example, From, To int }

// Units hands out examples in units, epoch after epoch. It knows them by their sizes
// in tokens. Every epoch has the same number of units, of the same sizes, whatever
// the order of its examples.
type Units struct {
	grouping Grouping
	sizes    []int32
	seed     uint64
	order    *Order // of the units of an epoch
	epoch    int    // of current
	current  epochUnits
	records  int
}

// epochUnits are the units of one epoch.
type epochUnits interface {
	count() int
	unit(i int) []Piece
}

// NewUnits returns the units of examples of the given sizes, which seed and epoch
// alone order. An example of more tokens than a unit may have is a unit of its own.
func NewUnits(sizes []int32, g Grouping, seed uint64) *Units {
	return newUnits(&Units{grouping: g, sizes: sizes, seed: seed, records: len(sizes)})
}

// NewRecords returns units of one example each, of so many, at random.
func NewRecords(n int, seed uint64) *Units { return newUnits(&Units{records: n, seed: seed}) }

func newUnits(u *Units) *Units {
	g := u.grouping
	u.current = u.units(0)
	shuffles := g.Sampling != Sequential && !g.together()
	u.order = NewOrder(u.current.count(), u.seed, shuffles)
	return u
}

// units groups the examples of one epoch.
func (u *Units) units(epoch int) epochUnits {
	g := u.grouping
	if g.Tokens == 0 && !g.together() {
		return singles(u.records)
	}
	order := u.shuffled(epoch)
	switch {
	case g.Packing == PackWrapped:
		return wrap(u.sizes, order, g.Tokens)
	case g.together():
		return alone(lengthGrouped(u.sizes, order, g.Together))
	case g.Sampling == GroupByLength:
		return fill(u.sizes, longestToShortest(u.sizes, order), g.Tokens)
	case g.Sampling == Sequential && g.Packing == "":
		return fill(u.sizes, order, g.Tokens)
	}
	return bestFit(u.sizes, g.Tokens, order)
}

// groupStream tells the numbers that shuffle examples from those that shuffle units.
const groupStream = 1 << 63

// shuffled is the order of the examples before they are grouped.
func (u *Units) shuffled(epoch int) []int32 {
	order := make([]int32, len(u.sizes))
	for i := range order {
		order[i] = int32(i)
	}
	if u.grouping.Sampling != Sequential {
		shuffle(order, rand.NewPCG(u.seed, groupStream|uint64(epoch)))
	}
	return order
}

// Next returns the next count units, fewer at the end of an epoch, none only where an
// epoch has none. The call after the end of an epoch begins the next one.
func (u *Units) Next(count int) [][]Piece {
	numbers := u.order.Next(count)
	u.follow()
	var next [][]Piece
	for _, i := range numbers {
		next = append(next, u.current.unit(i))
	}
	return next
}

// follow groups the examples of the epoch that the order is in.
func (u *Units) follow() {
	if at := u.order.Cursor().Epoch; at != u.epoch {
		u.epoch = at
		u.current = u.units(at)
	}
}

// Cursor is the place of the unit that Next hands out next.
func (u *Units) Cursor() Cursor { return u.order.Cursor() }

// Seek goes to a place that Cursor returned, of the same sizes, grouping and seed.
func (u *Units) Seek(to Cursor) error {
	if err := u.order.Seek(to); err != nil {
		return err
	}
	u.follow()
	return nil
}

// PerEpoch is how many units an epoch hands out.
func (u *Units) PerEpoch() int { return u.order.per }

// Ended tells whether the epoch ends here.
func (u *Units) Ended() bool { return u.Cursor().Next == u.PerEpoch() }

// Epochs is how often the units have been handed out.
func (u *Units) Epochs() float64 { return u.Cursor().Epochs(u.PerEpoch()) }

// Limit has an epoch hand out its first count units alone, which are others in each.
func (u *Units) Limit(count int) { u.order.per = count }

// Fullness is what all units of an epoch hold.
type Fullness struct {
	Units, Tokens         int
	Fewest, Most, Largest int // pieces in a unit, and tokens
}

// Fullness measures the units, which are alike in every epoch. Where a unit is an
// example nothing is measured but their number.
func (u *Units) Fullness() (f Fullness) {
	f.Units = u.current.count()
	if u.grouping.Tokens == 0 {
		f.Fewest, f.Most = 1, 1
		return f
	}
	for i := range f.Units {
		pieces := u.current.unit(i)
		tokens := 0
		for _, p := range pieces {
			tokens += p.tokens(u.sizes)
		}
		f.Tokens += tokens
		f.Largest = max(f.Largest, tokens)
		f.Most = max(f.Most, len(pieces))
		if i == 0 || len(pieces) < f.Fewest {
			f.Fewest = len(pieces)
		}
	}
	return f
}

func (p Piece) tokens(sizes []int32) int {
	if p.To == 0 {
		return int(sizes[p.Example])
	}
	return p.To - p.From
}

// singles are units of one example each, in the order of the files.
type singles int

func (s singles) count() int         { return int(s) }
func (s singles) unit(i int) []Piece { return []Piece{{Example: i}} }

// alone are units of one example each.
type alone []int32

func (a alone) count() int         { return len(a) }
func (a alone) unit(i int) []Piece { return []Piece{{Example: int(a[i])}} }

// runs are units of whole examples: unit i is members[ends[i-1]:ends[i]].
type runs struct{ members, ends []int32 }

func (r runs) count() int { return len(r.ends) }

func (r runs) unit(i int) []Piece {
	begin := int32(0)
	if i > 0 {
		begin = r.ends[i-1]
	}
	var pieces []Piece
	for _, e := range r.members[begin:r.ends[i]] {
		pieces = append(pieces, Piece{Example: int(e)})
	}
	return pieces
}

// fill fills one unit after the other with the examples of order.
func fill(sizes, order []int32, most int) runs {
	r := runs{members: order}
	tokens := 0
	for i, e := range order {
		if i > 0 && tokens+int(sizes[e]) > most {
			r.ends = append(r.ends, int32(i))
			tokens = 0
		}
		tokens += int(sizes[e])
	}
	if len(order) > 0 {
		r.ends = append(r.ends, int32(len(order)))
	}
	return r
}

// blocks are units of so many tokens of one text after the other; ends are where the
// texts of order end.
type blocks struct {
	order  []int32
	ends   []int64
	tokens int64
}

func wrap(sizes, order []int32, tokens int) blocks {
	b := blocks{order: order, ends: make([]int64, len(order)), tokens: int64(tokens)}
	end := int64(0)
	for i, e := range order {
		end += int64(sizes[e])
		b.ends[i] = end
	}
	return b
}

func (b blocks) total() int64 {
	if len(b.ends) == 0 {
		return 0
	}
	return b.ends[len(b.ends)-1]
}

func (b blocks) count() int { return int((b.total() + b.tokens - 1) / b.tokens) }

func (b blocks) unit(i int) []Piece {
	from := int64(i) * b.tokens
	to := min(from+b.tokens, b.total())
	var pieces []Piece
	text, _ := slices.BinarySearch(b.ends, from+1)
	for ; from < to; text++ {
		begin := int64(0)
		if text > 0 {
			begin = b.ends[text-1]
		}
		end := min(to, b.ends[text])
		if from < end { // an empty text has no piece
			pieces = append(pieces, Piece{Example: int(b.order[text]), From: int(from - begin), To: int(end - begin)})
		}
		from = end
	}
	return pieces
}

// mostSorted is how many steps are sorted by length together.
const mostSorted = 50

// lengthGrouped sorts the examples of about 50 steps at a time, the longest first, as
// transformers' get_length_grouped_indices does, so that the examples of a step are of
// about one length. The very longest comes first, so that a run that lacks memory for
// it ends at once.
func lengthGrouped(sizes, order []int32, step int) []int32 {
	window := step * max(1, min(len(order)/(4*step), mostSorted))
	var grouped []int32
	for part := range slices.Chunk(order, window) {
		grouped = append(grouped, longestToShortest(sizes, part)...)
	}
	longest := 0
	for i, e := range grouped {
		if sizes[e] > sizes[grouped[longest]] {
			longest = i
		}
	}
	if len(grouped) > 0 {
		grouped[0], grouped[longest] = grouped[longest], grouped[0]
	}
	return grouped
}
