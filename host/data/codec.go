package data

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
)

// codec writes examples as bytes, 2 to 4 a token, and reads them again. What it
// leaves out is set by whoever reads: labels of classes and padding, which are not the
// example's own, and log-probabilities of a reference.
type codec struct {
	names   dictionary // of columns and heads
	files   dictionary
	padding map[string]float32
}

// dictionary numbers texts in the order of their first occurrence.
type dictionary struct {
	texts   []string
	numbers map[string]uint64
}

func dictionaryOf(texts []string) dictionary {
	d := dictionary{}
	for _, text := range texts {
		d.number(text)
	}
	return d
}

func (d *dictionary) number(text string) uint64 {
	if n, known := d.numbers[text]; known {
		return n
	}
	if d.numbers == nil {
		d.numbers = map[string]uint64{}
	}
	n := uint64(len(d.texts))
	d.texts = append(d.texts, text)
	d.numbers[text] = n
	return n
}

// Flags of a sequence.
const (
	flagTruncated = 1 << iota
	flagAnswerCut
	flagAnswerLost
	flagBegins
	flagEnds
	flagReplaced
	flagChat
	flagOtherLabels // some label is neither Ignore nor the id at its place
	flagAsText
	flagEndsTurn
	flagRewritten
	flagMerged
)

// append writes e behind to.
func (c *codec) append(to []byte, e Example) []byte {
	to = binary.AppendUvarint(to, c.files.number(e.Source.File))
	to = binary.AppendUvarint(to, uint64(e.Source.Line))
	to = binary.AppendUvarint(to, uint64(e.Source.Row))
	to = appendLength(to, len(e.Sequences), e.Sequences == nil)
	for _, s := range e.Sequences {
		to = appendSequence(to, s)
	}
	to = appendMap(c, to, e.Columns, func(to []byte, values []float64) []byte {
		to = binary.AppendUvarint(to, uint64(len(values)))
		for _, v := range values {
			to = appendFloat(to, v)
		}
		return to
	})
	to = appendMap(c, to, e.ExampleColumns, appendFloat)
	return appendMap(c, to, e.Classes, func(to []byte, class string) []byte {
		return append(binary.AppendUvarint(to, uint64(len(class))), class...)
	})
}

func appendFloat(to []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(to, math.Float64bits(v))
}

// appendLength writes how long a list is; one that is nil comes back as nil.
func appendLength(to []byte, n int, isNil bool) []byte {
	if isNil {
		return append(to, 0)
	}
	return binary.AppendUvarint(to, uint64(n)+1)
}

func appendMap[V any](c *codec, to []byte, values map[string]V, one func([]byte, V) []byte) []byte {
	to = appendLength(to, len(values), values == nil)
	for _, name := range slices.Sorted(maps.Keys(values)) { // the same bytes each time
		to = one(binary.AppendUvarint(to, c.names.number(name)), values[name])
	}
	return to
}

func appendSequence(to []byte, s Sequence) []byte {
	other := otherLabels(s)
	to = binary.AppendUvarint(to, flags(s, other))
	to = appendInts(to, s.IDs)
	if other {
		to = appendInts(to, s.Labels)
	} else {
		to = appendLearned(to, s.Labels)
	}
	to = appendRuns(to, s.Types)
	return appendInts(to, s.Text.Control)
}

func flags(s Sequence, otherLabels bool) uint64 {
	on := []bool{
		s.Truncated, s.AnswerCut, s.AnswerLost, s.Text.Begins, s.Text.Ends, s.Text.Replaced, s.Text.Chat, otherLabels,
		s.Text.AsText, s.Text.EndsTurn, s.Text.Rewritten, s.Text.Merged,
	}
	var bits uint64
	for i, is := range on {
		bits |= uint64(count(is)) << i
	}
	return bits
}

func otherLabels(s Sequence) bool {
	if len(s.Labels) != len(s.IDs) || s.Labels == nil {
		return true
	}
	for t, label := range s.Labels {
		if label != Ignore && label != s.IDs[t] || s.IDs[t] == Ignore {
			return true
		}
	}
	return false
}

func appendInts(to []byte, values []int64) []byte {
	to = appendLength(to, len(values), values == nil)
	for _, v := range values {
		to = binary.AppendVarint(to, v)
	}
	return to
}

// appendLearned writes which labels there are, as the lengths of stretches without and
// with labels in turn.
func appendLearned(to []byte, labels []int64) []byte {
	learned := false
	from := 0
	for t, label := range labels {
		if (label != Ignore) != learned {
			to = binary.AppendUvarint(to, uint64(t-from))
			learned, from = !learned, t
		}
	}
	return binary.AppendUvarint(to, uint64(len(labels)-from))
}

// appendRuns writes values, of which there are long stretches of the same.
func appendRuns(to []byte, values []int64) []byte {
	to = appendLength(to, len(values), values == nil)
	for from := 0; from < len(values); {
		end := from
		for end < len(values) && values[end] == values[from] {
			end++
		}
		to = binary.AppendUvarint(binary.AppendVarint(to, values[from]), uint64(end-from))
		from = end
	}
	return to
}

// errNotAnExample is the error of bytes that append did not write.
var errNotAnExample = errors.New("these bytes are no example")

// read returns the example that append wrote.
func (c *codec) read(text []byte) (e Example, err error) {
	r := reader{rest: text}
	e.Source.File = r.text(c.files)
	e.Source.Line = int(r.uint())
	e.Source.Row = int(r.uint())
	if n, has := r.length(); has {
		e.Sequences = make([]Sequence, n)
	}
	for k := range e.Sequences {
		e.Sequences[k] = r.sequence()
	}
	e.Columns = readMap(c, &r, func() []float64 {
		values := make([]float64, r.most(r.uint()))
		for i := range values {
			values[i] = r.float()
		}
		return values
	})
	e.ExampleColumns = readMap(c, &r, r.float)
	e.Classes = readMap(c, &r, func() string { return string(r.bytes(r.uint())) })
	e.Padding = c.padding
	if r.failed || len(r.rest) > 0 {
		return Example{}, errNotAnExample
	}
	return e, nil
}

// reader reads what append wrote. It never reads past the end; failed says that it
// would have.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	return v * r.skip(n)
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.rest)
	return v * int64(r.skip(n))
}

// skip goes on behind n bytes, which were read if n is positive, and returns 1, else 0.
func (r *reader) skip(n int) uint64 {
	if n <= 0 {
		r.failed = true
		r.rest = nil
		return 0
	}
	r.rest = r.rest[n:]
	return 1
}

// most is a length, of things that take a byte each at least.
func (r *reader) most(n uint64) int {
	if n > uint64(len(r.rest)) {
		r.failed = true
		return 0
	}
	return int(n)
}

func (r *reader) bytes(n uint64) []byte {
	taken := r.rest[:r.most(n)]
	r.rest = r.rest[len(taken):]
	return taken
}

func (r *reader) float() float64 {
	text := r.bytes(8)
	if len(text) < 8 {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(text))
}

func (r *reader) length() (n int, has bool) {
	v := r.uint()
	if v == 0 {
		return 0, false
	}
	return r.most(v - 1), true
}

func (r *reader) text(d dictionary) string {
	n := r.uint()
	if n >= uint64(len(d.texts)) {
		r.failed = true
		return ""
	}
	return d.texts[n]
}

func readMap[V any](c *codec, r *reader, one func() V) map[string]V {
	n, has := r.length()
	if !has {
		return nil
	}
	values := make(map[string]V, n)
	for range n {
		name := r.text(c.names)
		values[name] = one()
	}
	return values
}

func (r *reader) sequence() (s Sequence) {
	bits := r.uint()
	on := func(bit uint64) bool { return bits&bit != 0 }
	s.Truncated, s.AnswerCut, s.AnswerLost = on(flagTruncated), on(flagAnswerCut), on(flagAnswerLost)
	s.Text.Begins, s.Text.Ends, s.Text.Replaced, s.Text.Chat = on(flagBegins), on(flagEnds), on(flagReplaced), on(flagChat)
	s.Text.AsText, s.Text.EndsTurn = on(flagAsText), on(flagEndsTurn)
	s.Text.Rewritten, s.Text.Merged = on(flagRewritten), on(flagMerged)
	s.IDs = r.ints()
	if on(flagOtherLabels) {
		s.Labels = r.ints()
	} else {
		s.Labels = r.learned(s.IDs)
	}
	s.Types = r.runs(len(s.IDs))
	s.Text.Control = r.ints()
	return s
}

func (r *reader) ints() []int64 {
	n, has := r.length()
	if !has {
		return nil
	}
	values := make([]int64, n)
	for i := range values {
		values[i] = r.int()
	}
	return values
}

func (r *reader) learned(ids []int64) []int64 {
	labels := slices.Clone(ids)
	learned := false
	for from := 0; !r.failed; learned = !learned {
		n := r.uint()
		if n > uint64(len(ids)-from) || n == 0 && from > 0 {
			r.failed = true
			break
		}
		end := from + int(n)
		for t := from; t < end && !learned; t++ {
			labels[t] = Ignore
		}
		if from = end; from == len(ids) {
			break
		}
	}
	return labels
}

// runs reads as many values as there are ids, or none.
func (r *reader) runs(ids int) []int64 {
	v := r.uint()
	if v == 0 {
		return nil
	}
	if v-1 > uint64(ids) {
		r.failed = true
		return nil
	}
	values := make([]int64, 0, v-1)
	for len(values) < cap(values) && !r.failed {
		value, n := r.int(), r.uint()
		if n == 0 || n > uint64(cap(values)-len(values)) {
			r.failed = true
			break
		}
		for range n {
			values = append(values, value)
		}
	}
	return values
}
