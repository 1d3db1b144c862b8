package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"llmhost/host/data/source"
)

// StreamCursor is a place in a Stream. It names the records of the buffer, which are
// read again, so that whatever was handed out before them is not.
type StreamCursor struct {
	Place  source.Place `json:"place"`     // behind the last record that was read
	Read   bool         `json:"pass_read"` // the pass, to its end
	Random []byte       `json:"generator"`
	Buffer []SlotPlace  `json:"buffer"` // by slot

	WindowPlace

	// Of blocks: the text that was cut last, nil where the last block ended with it.
	Cut *CutPlace `json:"cut,omitempty"`
}

// CutPlace is where a text is of which some tokens were handed out.
type CutPlace struct {
	Place SlotPlace `json:"place"`
	From  int       `json:"from"` // the first token that was not
}

// SlotPlace is a source.Place in few bytes: a checkpoint has ten thousand.
type SlotPlace source.Place

// MarshalText writes the numbers of the place.
func (p SlotPlace) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d %d %d %d %d %d", p.File, p.Row, p.Read, p.Offset, p.Line, p.Column), nil
}

// UnmarshalText reads what MarshalText wrote.
func (p *SlotPlace) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d %d %d %d %d %d", &p.File, &p.Row, &p.Read, &p.Offset, &p.Line, &p.Column)
	if err != nil {
		return fmt.Errorf("place %q: want six numbers: %w", text, err)
	}
	return nil
}

// Cursor is the place of the example that Next hands out next.
func (s *Stream) Cursor() Cursor {
	random, err := s.drawn.random.MarshalBinary()
	if err != nil {
		panic(err) // it has two numbers
	}
	c := &StreamCursor{Place: s.place, Read: s.drawn.read, Random: random, Buffer: make([]SlotPlace, len(s.drawn.items))}
	for i, record := range s.drawn.items {
		c.Buffer[i] = SlotPlace(record.place)
	}
	return Cursor{Epoch: s.epoch, Next: s.taken, Stream: c}
}

// Seek goes to a place that Cursor returned, of the same files, buffer and seed. It
// reads the records of the buffer, and none of those before the place otherwise, unless
// a file is compressed.
func (s *Stream) Seek(to Cursor) error {
	_, err := s.seek(to)
	return err
}

// seek is Seek. It returns the text that was cut last too.
func (s *Stream) seek(to Cursor) (cut Example, err error) {
	at := to.Stream
	if at == nil || to.Epoch < 0 || to.Next < 0 || len(at.Buffer) > max(1, s.options.Buffer) {
		return cut, errors.New("data cursor: it is not a place in a stream with this buffer; give streaming and shuffle_buffer_size as they were")
	}
	s.Close()
	s.drops = nil
	s.begin(to.Epoch)
	r := rest{at: *at, epoch: to.Epoch, buffer: newBuffer[source.Record](s.options, to.Epoch), ready: make(chan error, 1)}
	for _, random := range []*rand.PCG{s.drawn.random, r.buffer.random} {
		if err := random.UnmarshalBinary(at.Random); err != nil {
			return cut, fmt.Errorf("data cursor: the state of the generator: %w", err)
		}
	}
	s.taken = to.Next
	s.place = at.Place
	s.drawn.read = at.Read
	r.buffer.read = at.Read
	s.ahead = s.startReading(func(ctx context.Context, a *readAhead) error { return s.readRest(ctx, a, &r) })
	if err := <-r.ready; err != nil {
		s.Close()
		return cut, fmt.Errorf("data cursor: %w", err)
	}
	for _, record := range r.kept {
		s.drawn.put(record)
	}
	if at.Cut != nil {
		s.last = source.Place(at.Cut.Place)
	}
	return r.cut, nil
}

// rest is what is left of a pass, to be read in the background.
type rest struct {
	at     StreamCursor
	epoch  int
	buffer buffer[source.Record]
	ready  chan error // gets one when the records that follow were read
	kept   []bufferedRecord
	cut    Example
}

// readRest reads the records of a buffer again, and reads on from there.
func (s *Stream) readRest(ctx context.Context, a *readAhead, r *rest) error {
	places := slices.Clone(r.at.Buffer)
	if r.at.Cut != nil {
		places = append(places, r.at.Cut.Place)
	}
	next, stop := iter.Pull2(s.revisit(places))
	defer stop()
	records, err := takeAgain(places, next)
	if err == nil && r.at.Cut != nil {
		last := len(records) - 1
		r.cut, err = s.exampleOf(ctx, records[last])
		records = records[:last]
	}
	for _, record := range records {
		r.buffer.put(record)
		r.kept = append(r.kept, bufferedRecord{record.Place(), record.Bytes()})
	}
	epoch := r.epoch
	if r.ready <- err; err != nil {
		return err
	}
	if err := s.pass(ctx, a, a.read.drawing(&r.buffer, next), false); err != nil {
		return err
	}
	stop()
	return s.readPasses(ctx, a, epoch+1)
}

// exampleOf is the example of a record.
func (s *Stream) exampleOf(ctx context.Context, record source.Record) (e Example, err error) {
	one := func(yield func(source.Record, error) bool) { yield(record, nil) }
	_, err = s.options.makeOf(ctx, one, s.options.Head.first, func(c *chunk) error {
		if len(c.examples) > 0 {
			e = c.examples[0]
		}
		return nil
	})
	return e, err
}

// takeAgain takes the records at places from next, which gives them in the order of
// their files.
func takeAgain(places []SlotPlace, next nextRecord) ([]source.Record, error) {
	records := make([]source.Record, len(places))
	for _, slot := range rising(places) {
		record, err, more := next()
		if err == nil && !more {
			err = errors.New("the records of the buffer end early") // revisit has an error instead
		}
		if err != nil {
			return nil, err
		}
		records[slot] = record
	}
	return records, nil
}

// rising are the indices of places in the order in which they are read.
func rising(places []SlotPlace) []int {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compare(source.Place(places[a]), source.Place(places[b])) })
	return order
}

// compare orders places by what is read first.
func compare(a, b source.Place) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
}

// readOver is over how many records between two others it is quicker to read than to
// open the file at another place.
const readOver = 1000

// revisit yields the records at places, in the order of the files, and then all from the
// place of the stream on.
func (s *Stream) revisit(places []SlotPlace) iter.Seq2[source.Record, error] {
	v := visit{stream: s, then: s.place}
	for _, slot := range rising(places) {
		v.places = append(v.places, source.Place(places[slot]))
	}
	return func(yield func(source.Record, error) bool) {
		for from, again := v.wanted(), true; again; from = v.wanted() {
			again = v.readFrom(from, yield)
		}
	}
}

// visit goes over the places that are still to be visited.
type visit struct {
	stream *Stream
	places []source.Place
	then   source.Place // from which on all is wanted
}

// wanted is the next place.
func (v *visit) wanted() source.Place {
	if len(v.places) > 0 {
		return v.places[0]
	}
	return v.then
}

// readFrom reads from a place on, for as long as the next one is near. again tells to
// begin at that one.
func (v *visit) readFrom(from source.Place, yield func(source.Record, error) bool) (again bool) {
	files := v.stream.options.Files
	for record, err := range files.RecordsFrom(from) {
		if err != nil {
			yield(nil, err)
			return false
		}
		at := record.Place()
		found := compare(at, v.wanted())
		switch {
		case len(v.places) == 0 && found >= 0:
			if !yield(record, nil) {
				return false
			}
			continue
		case found > 0:
			yield(nil, v.gone())
			return false
		case found == 0:
			v.places = v.places[1:]
			if !yield(record, nil) {
				return false
			}
		}
		if v.isFar(at) {
			return true
		}
	}
	if len(v.places) > 0 {
		yield(nil, v.gone())
	}
	return false
}

// isFar tells whether it is quicker to open the file again than to read on to the next
// place. What is compressed is read from its beginning each time.
func (v *visit) isFar(at source.Place) bool {
	next := v.wanted()
	if next.File != at.File {
		return true
	}
	return next.Row-at.Row > readOver && v.stream.options.Head.Set.Files[at.File].Seeks
}

// gone is the error of a place that has no record.
func (v *visit) gone() error {
	at := v.wanted()
	return fmt.Errorf("%s: no record %d in file %d; give the files as they were", v.stream.options.Files.Setting, at.Row+1, at.File+1)
}
