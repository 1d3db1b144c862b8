package data

import (
	"slices"
	"sort"
)

// Segment is a run of tokens [Start, Start+Len) of the packed batch, never
// empty. Its tokens attend to the earlier ones of the same segment and, where
// Prefix is not -1, to all tokens of segment Prefix, which has no prefix itself.
type Segment struct{ Start, Len, Prefix int }

// Batch is what a model and a loss see of some examples: B examples of up to K
// candidates, every real token of their sequences in one flat vector of P tokens,
// nothing padded. Sequences of one example that begin with the same tokens share
// them: the shared tokens are stored once, in a segment that the sequences' own
// segments name as their prefix.
//
// Sequence r = b*K + k is candidate k of example b. Sequences that fill an example
// up to K have no tokens; Real is false there, and columns hold the example's
// Padding.
type Batch struct {
	B, K, T int // T is the most labels of any sequence, at least 1

	IDs, Positions []int64 // [P]; positions count from 0 in each sequence
	Types          []int64 // [P], or nil where no sequence has any
	Segments       []Segment
	Sequences      []int // [B*K]: the last segment of the sequence, -1 where it has no tokens

	// [M]: label m is the id Target[m] at some position t of a sequence, is
	// predicted from packed token Source[m], which is the sequence's token t-1, and
	// is at Slot[m] of the flat [B, K, T] view. A label at position 0 has
	// nothing before it to be predicted from and is left out.
	Source, Target, Slot []int64

	LabelMask      []bool               // [B*K*T]
	Real           []bool               // [B*K]
	Columns        map[string][]float32 // [B*K]
	ExampleColumns map[string][]float32 // [B]
	Labels         map[string][]int64   // [B], Ignore where there is none
	RefLogps       []float32            // [B*K*T], 0 where there is no label; nil where not every sequence has them

	// Mismatched holds the same prompts, each with an answer of another example; nil
	// where no loss asks for it.
	Mismatched *Batch

	Tokens int // tokens of all sequences, a shared one counted once a sequence; Tokens - P is what sharing saved
}

// Pack lays examples out as one batch. With share, sequences of an example share
// equal ids at equal positions. Which of them share never changes what a sequence
// contains: a causal model's state at a token depends on the tokens up to it alone.
// Sequences with Types share nothing.
func Pack(examples []Example, share bool) Batch {
	b := Batch{B: len(examples), T: 1}
	for _, e := range examples {
		b.K = max(b.K, len(e.Sequences))
		for _, sequence := range e.Sequences {
			b.T = max(b.T, sequence.LabelCount())
		}
	}
	b.allocate(examples)
	typed := hasTypes(examples)
	for i, e := range examples {
		b.addTokens(i, e.Sequences, share && !typed)
		if typed {
			b.addTypes(e.Sequences)
		}
		b.addNumbers(i, e)
	}
	b.addRefLogps(examples)
	return b
}

// SequenceTokens returns the indices in the packed batch of sequence r's tokens, in order.
func (b *Batch) SequenceTokens(r int) []int64 {
	if b.Sequences[r] < 0 {
		return nil
	}
	own := b.Segments[b.Sequences[r]]
	var tokens []int64
	if own.Prefix >= 0 {
		tokens = b.Segments[own.Prefix].appendTokens(tokens)
	}
	return own.appendTokens(tokens)
}

func (s Segment) appendTokens(to []int64) []int64 {
	for t := s.Start; t < s.Start+s.Len; t++ {
		to = append(to, int64(t))
	}
	return to
}

func (b *Batch) allocate(examples []Example) {
	sequences := b.B * b.K
	b.Sequences = make([]int, sequences)
	b.Real = make([]bool, sequences)
	b.LabelMask = make([]bool, sequences*b.T)
	b.Columns = map[string][]float32{}
	b.ExampleColumns = map[string][]float32{}
	b.Labels = map[string][]int64{}
	for r := range b.Sequences {
		b.Sequences[r] = -1
	}
	for _, e := range examples {
		for name := range e.Columns {
			b.Columns[name] = make([]float32, sequences)
		}
		for name := range e.ExampleColumns {
			b.ExampleColumns[name] = make([]float32, b.B)
		}
		for name := range e.Labels {
			b.Labels[name] = slices.Repeat([]int64{Ignore}, b.B)
		}
	}
}

// addTokens lays out the sequences of example i: cluster by cluster, the shared
// tokens of a cluster before its sequences' own.
func (b *Batch) addTokens(i int, sequences []Sequence, share bool) {
	for _, c := range clusters(sequences, share) {
		prefix := -1
		if c.shared > 0 {
			prefix = b.addSegment(sequences[c.members[0]].IDs[:c.shared], 0, -1)
		}
		for _, k := range c.members {
			own := prefix
			if ids := sequences[k].IDs[c.shared:]; len(ids) > 0 {
				own = b.addSegment(ids, c.shared, prefix)
			}
			b.Sequences[i*b.K+k] = own
		}
	}
	for k, sequence := range sequences {
		b.addLabels(i*b.K+k, sequence.Labels)
		b.Tokens += len(sequence.IDs)
	}
}

// addTypes appends the types of consecutive sequences.
func (b *Batch) addTypes(sequences []Sequence) {
	for _, sequence := range sequences {
		types := sequence.Types
		if types == nil {
			types = make([]int64, len(sequence.IDs))
		}
		b.Types = append(b.Types, types...)
	}
}

func hasTypes(examples []Example) bool {
	for _, e := range examples {
		for _, sequence := range e.Sequences {
			if sequence.Types != nil {
				return true
			}
		}
	}
	return false
}

// addSegment appends ids, which begin at position from of their sequences, and
// returns the index of their segment.
func (b *Batch) addSegment(ids []int64, from, prefix int) int {
	b.Segments = append(b.Segments, Segment{
		Start:  len(b.IDs),
		Len:    len(ids),
		Prefix: prefix,
	})
	b.IDs = append(b.IDs, ids...)
	for i := range ids {
		b.Positions = append(b.Positions, int64(from+i))
	}
	return len(b.Segments) - 1
}

// addLabels lays out the labels of sequence r.
func (b *Batch) addLabels(r int, labels []int64) {
	tokens := b.SequenceTokens(r)
	slot := r * b.T
	for t := 1; t < len(labels); t++ {
		if labels[t] == Ignore {
			continue
		}
		b.Source = append(b.Source, tokens[t-1])
		b.Target = append(b.Target, labels[t])
		b.Slot = append(b.Slot, int64(slot))
		b.LabelMask[slot] = true
		slot++
	}
}

// addNumbers lays out the columns and labels of example i.
func (b *Batch) addNumbers(i int, from Example) {
	for k := range from.Sequences {
		b.Real[i*b.K+k] = true
	}
	for name, values := range from.Columns {
		column := b.Columns[name][i*b.K : (i+1)*b.K]
		for k, v := range values {
			column[k] = float32(v)
		}
		for k := len(values); k < b.K; k++ {
			column[k] = from.Padding[name]
		}
	}
	for name, v := range from.ExampleColumns {
		b.ExampleColumns[name][i] = float32(v)
	}
	for name, class := range from.Labels {
		b.Labels[name][i] = class
	}
}

// addRefLogps lays out the log-probabilities of the reference model, where every
// sequence has them.
func (b *Batch) addRefLogps(examples []Example) {
	for _, e := range examples {
		for _, sequence := range e.Sequences {
			if sequence.RefLogps == nil {
				return
			}
		}
	}
	b.RefLogps = make([]float32, len(b.LabelMask))
	for i, e := range examples {
		for k, sequence := range e.Sequences {
			copy(b.RefLogps[(i*b.K+k)*b.T:], sequence.RefLogps)
		}
	}
}

// cluster is a set of sequences of an example that share their first tokens; a
// single one shares none.
type cluster struct {
	members []int // sequences by index, in the example's order
	shared  int   // tokens
}

// tokens counts what a batch holds of the cluster: the shared tokens once.
func (c cluster) tokens(sequences []Sequence) int {
	total := c.shared
	for _, k := range c.members {
		total += len(sequences[k].IDs) - c.shared
	}
	return total
}

// clusters divides the sequences of an example. It takes the first one that is
// left, forms the cluster around it that saves the most tokens, and continues with
// the rest. So sequences cut on the left, which begin elsewhere in the text,
// neither share with the others nor keep the others from sharing.
func clusters(sequences []Sequence, share bool) []cluster {
	left := make([]int, len(sequences))
	for k := range sequences {
		left[k] = k
	}
	var all []cluster
	for len(left) > 0 {
		c := cluster{members: left[:1]}
		if share {
			c = bestCluster(sequences, left)
		}
		all = append(all, c)
		left = without(left, c.members)
	}
	return all
}

// bestCluster returns the cluster around sequence left[0] that saves the most tokens: with n
// others that have at least s tokens in common with it, n*s.
func bestCluster(sequences []Sequence, left []int) cluster {
	first := sequences[left[0]].IDs
	others := append([]int(nil), left[1:]...)
	common := map[int]int{}
	for _, k := range others {
		common[k] = commonPrefix(first, sequences[k].IDs)
	}
	sort.SliceStable(others, func(i, j int) bool { return common[others[i]] > common[others[j]] })
	best, shared := 0, 0
	for n := 1; n <= len(others); n++ {
		if s := common[others[n-1]]; n*s > best*shared {
			best, shared = n, s
		}
	}
	c := cluster{members: append([]int{left[0]}, others[:best]...), shared: shared}
	sort.Ints(c.members)
	return c
}

// without returns the sequences of left, in order, that are not in taken.
func without(left, taken []int) []int {
	gone := map[int]bool{}
	for _, k := range taken {
		gone[k] = true
	}
	var rest []int
	for _, k := range left {
		if !gone[k] {
			rest = append(rest, k)
		}
	}
	return rest
}

// commonPrefix returns how many leading ids a and b have in common.
func commonPrefix[ID comparable](a, b []ID) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
