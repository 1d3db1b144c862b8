package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
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
	random, err := s.random.MarshalBinary()
	if err != nil {
		panic(err) // it has two numbers
	}
	c := &StreamCursor{Place: s.place, Read: s.read, Random: random, Buffer: make([]SlotPlace, len(s.buffer))}
	for i := range s.buffer {
		c.Buffer[i] = SlotPlace(s.buffer[i].place)
	}
	return Cursor{Epoch: s.epoch, Next: s.taken, Stream: c}
}

// Seek goes to a place that Cursor returned, of the same files, buffer and seed. It
// reads the records of the buffer, and none of those before the place otherwise.
func (s *Stream) Seek(to Cursor) error {
	at := to.Stream
	if at == nil || to.Epoch < 0 || to.Next < 0 || len(at.Buffer) > max(1, s.options.Buffer) {
		return errors.New("data cursor: it is not a place in a stream with this buffer; give streaming and shuffle_buffer_size as they were")
	}
	s.Close()
	s.drops = nil
	s.begin(to.Epoch)
	if err := s.random.UnmarshalBinary(at.Random); err != nil {
		return fmt.Errorf("data cursor: the state of the generator: %w", err)
	}
	buffer, err := s.readAgain(at.Buffer)
	if err != nil {
		return fmt.Errorf("data cursor: %w", err)
	}
	s.buffer = buffer
	s.taken = to.Next
	s.read = at.Read
	s.place = at.Place
	return nil
}

// readAgain makes the examples at places.
func (s *Stream) readAgain(places []SlotPlace) ([]streamed, error) {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(places[a].File, places[b].File), cmp.Compare(places[a].Row, places[b].Row))
	})
	rising := make([]source.Place, len(places))
	for i, slot := range order {
		rising[i] = source.Place(places[slot])
	}
	buffer := make([]streamed, len(places))
	o := s.options
	done := 0
	_, err := o.makeOf(context.Background(), recordsAt(o.Files, rising), o.Head.first, func(c *chunk) error {
		for i, e := range c.examples {
			if done == len(order) {
				break
			}
			buffer[order[done]] = streamed{e, c.places[i]}
			done++
		}
		return nil
	})
	if err == nil && done < len(places) {
		err = fmt.Errorf("%d of the %d records of the buffer are dropped now; give the data and the formatter as they were", len(places)-done, len(places))
	}
	return buffer, err
}

// readOn is over how many records between two others it is quicker to read than to open
// the file at another place.
const readOn = 1000

// recordsAt yields the records at places, which rise.
func recordsAt(files source.Files, places []source.Place) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		for len(places) > 0 {
			left := len(places)
			var goOn bool
			if places, goOn = recordsFrom(files, places, yield); !goOn {
				return
			}
			if len(places) == left {
				yield(nil, fmt.Errorf("%s: no record %d in file %d; give the files as they were", files.Setting, places[0].Row+1, places[0].File+1))
				return
			}
		}
	}
}

// recordsFrom reads on from the first of some places for as long as the next is near,
// and returns the places that are left.
func recordsFrom(files source.Files, places []source.Place, yield func(source.Record, error) bool) (left []source.Place, goOn bool) {
	for record, err := range files.RecordsFrom(places[0]) {
		if err != nil {
			yield(nil, err)
			return places, false
		}
		if at := record.Place(); at.File == places[0].File && at.Row == places[0].Row {
			if !yield(record, nil) {
				return places, false
			}
			places = places[1:]
		} else if at.File != places[0].File || at.Row > places[0].Row {
			return places, true
		}
		if len(places) == 0 || places[0].Row-record.Place().Row > readOn {
			return places, true
		}
	}
	return places, true
}
