package data

import "slices"

// scoreColumn says how good a candidate is.
const scoreColumn = "score"

// Ignore is the label of a position that nothing is learned from.
const Ignore = -100

// Sequence is one tokenised row: a prompt and one answer. Labels has the
// length of IDs and is not shifted: Labels[t] is IDs[t] or Ignore.
type Sequence struct {
	IDs, Labels []int64
	Types       []int64   // which text of a pair each token is of, for encoders; nil means 0 for all
	Truncated   bool      // ids were cut from the left
	RefLogps    []float32 // of the labels that can be predicted, under the reference model; nil where not computed before
}

// Example is one tokenised example: its candidates, one number a candidate in
// each of Columns, one number in each of Example.
type Example struct {
	Sequences      []Sequence
	Columns        map[string][]float64
	ExampleColumns map[string]float64
	Classes        map[string]string // the class under each head by name; none where the record has none
	Labels         map[string]int64  // the same by number, which SetLabels makes of it
	Source         Position

	// PaddingScore is the column "score" of candidates that only fill up a batch.
	PaddingScore float32
}

// Segment is a run of tokens [Start, Start+Len) of the packed batch, never
// empty. Its tokens attend to the earlier ones of the same segment and, where
// Prefix is not -1, to all tokens of segment Prefix, which has no prefix itself.
type Segment struct{ Start, Len, Prefix int }

// Batch is what a model and a loss see of some examples: B examples of up to K
// rows, every real token of them in one flat vector of P tokens, nothing
// padded. Rows of one example that begin with the same tokens share them: the
// shared tokens stand once, in a segment that the rows' own segments name as
// their prefix.
//
// Row r = b*K + k is candidate k of example b. Rows that fill an example up to K
// have no tokens; Real is false there, the column "score" the example's
// PaddingScore and every other one 0.
type Batch struct {
	B, K, T int // T is the most labels of any row, at least 1

	IDs, Positions []int64 // [P]; positions count from 0 in each row
	Types          []int64 // [P], or nil where no row has any
	Segments       []Segment
	Sequences      []int // [B*K]: the last segment of the row, -1 where it has no tokens

	// [M]: label m is the id Target[m] at some position t of a row, is
	// predicted from packed token Source[m], which is the row's token t-1, and
	// stands at Slot[m] of the flat [B, K, T] view. A label at position 0 has
	// nothing before it to be predicted from and is left out.
	Source, Target, Slot []int64

	LabelMask      []bool               // [B*K*T]
	Real           []bool               // [B*K]
	Columns        map[string][]float32 // [B*K]
	ExampleColumns map[string][]float32 // [B]
	Labels         map[string][]int64   // [B], Ignore where there is none
	RefLogps       []float32            // [B*K*T], 0 where there is no label; nil where not every row has them

	// Mismatched holds the same prompts, each with an answer of another example; nil
	// where no loss asks for it.
	Mismatched *Batch

	Tokens int // tokens of all rows, a shared one counted once a row; Tokens - P is what sharing saved
}

// Pack lays examples out as one batch. With share, rows of an example share equal
// ids at equal positions. Which rows share never changes what a row contains:
// a causal model's state at a token depends on the tokens up to it alone. Rows
// with Types share nothing.
func Pack(examples []Example, share bool) Batch {
	b := Batch{B: len(examples), T: 1}
	for _, g := range examples {
		b.K = max(b.K, len(g.Sequences))
		for _, row := range g.Sequences {
			b.T = max(b.T, row.LabelCount())
		}
	}
	b.allocate(examples)
	typed := hasTypes(examples)
	for i, g := range examples {
		b.addTokens(i, g.Sequences, share && !typed)
		if typed {
			b.addTypes(g.Sequences)
		}
		b.addNumbers(i, g)
	}
	b.addRefLogps(examples)
	return b
}

// SequenceTokens returns the indices in the packed batch of row r's tokens, in the row's order.
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

// LabelCount counts the labels that can be predicted: all but one at position 0.
func (s Sequence) LabelCount() int {
	n := 0
	for t := 1; t < len(s.Labels); t++ {
		if s.Labels[t] != Ignore {
			n++
		}
	}
	return n
}

func (b *Batch) allocate(examples []Example) {
	rows := b.B * b.K
	b.Sequences, b.Real = make([]int, rows), make([]bool, rows)
	b.LabelMask = make([]bool, rows*b.T)
	b.Columns, b.ExampleColumns, b.Labels = map[string][]float32{}, map[string][]float32{}, map[string][]int64{}
	for r := range b.Sequences {
		b.Sequences[r] = -1
	}
	for _, g := range examples {
		for name := range g.Columns {
			b.Columns[name] = make([]float32, rows)
		}
		for name := range g.ExampleColumns {
			b.ExampleColumns[name] = make([]float32, b.B)
		}
		for name := range g.Labels {
			b.Labels[name] = slices.Repeat([]int64{Ignore}, b.B)
		}
	}
}

// addTokens lays out the rows of example g: cluster by cluster, the shared
// tokens of a cluster before its rows' own.
func (b *Batch) addTokens(g int, rows []Sequence, share bool) {
	for _, c := range clusters(rows, share) {
		prefix := -1
		if len(c.rows) > 1 {
			prefix = b.addSegment(rows[c.rows[0]].IDs[:c.shared], 0, -1)
		}
		for _, k := range c.rows {
			own, from := prefix, 0
			if prefix >= 0 {
				from = c.shared
			}
			if from < len(rows[k].IDs) {
				own = b.addSegment(rows[k].IDs[from:], from, prefix)
			}
			b.Sequences[g*b.K+k] = own
		}
	}
	for k, row := range rows {
		b.addLabels(g*b.K+k, row.Labels)
		b.Tokens += len(row.IDs)
	}
}

// addTypes appends the types of rows that stand one after another.
func (b *Batch) addTypes(rows []Sequence) {
	for _, row := range rows {
		if row.Types == nil {
			row.Types = make([]int64, len(row.IDs))
		}
		b.Types = append(b.Types, row.Types...)
	}
}

func hasTypes(examples []Example) bool {
	for _, g := range examples {
		for _, row := range g.Sequences {
			if row.Types != nil {
				return true
			}
		}
	}
	return false
}

// addSegment appends ids, which begin at position from of their rows, and
// returns the index of their segment.
func (b *Batch) addSegment(ids []int64, from, prefix int) int {
	b.Segments = append(b.Segments, Segment{Start: len(b.IDs), Len: len(ids), Prefix: prefix})
	b.IDs = append(b.IDs, ids...)
	for i := range ids {
		b.Positions = append(b.Positions, int64(from+i))
	}
	return len(b.Segments) - 1
}

func (b *Batch) addLabels(row int, labels []int64) {
	tokens := b.SequenceTokens(row)
	slot := row * b.T
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

func (b *Batch) addNumbers(g int, from Example) {
	for k := range from.Sequences {
		b.Real[g*b.K+k] = true
	}
	for name, values := range from.Columns {
		row := b.Columns[name][g*b.K : (g+1)*b.K]
		for k, v := range values {
			row[k] = float32(v)
		}
		for k := len(values); k < b.K && name == scoreColumn; k++ {
			row[k] = from.PaddingScore
		}
	}
	for name, v := range from.ExampleColumns {
		b.ExampleColumns[name][g] = float32(v)
	}
	for name, class := range from.Labels {
		b.Labels[name][g] = class
	}
}

// addRefLogps lays out what the reference model said before, if it did of every row.
func (b *Batch) addRefLogps(examples []Example) {
	for _, g := range examples {
		for _, row := range g.Sequences {
			if row.RefLogps == nil {
				return
			}
		}
	}
	b.RefLogps = make([]float32, len(b.LabelMask))
	for i, g := range examples {
		for k, row := range g.Sequences {
			copy(b.RefLogps[(i*b.K+k)*b.T:], row.RefLogps)
		}
	}
}
