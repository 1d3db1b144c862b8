package data

import (
	"errors"
	"fmt"
	"slices"
)

// MixedStream is Batches over several streams, of which weights say which gives the next
// example. Streams that end begin again by themselves, or, without replacement, once all
// have ended. Whoever has used it closes it.
type MixedStream struct {
	streams []*Stream
	mixing  Mixing
	drawn   *drawer
	taken   int
	last    int // the stream of the last example
}

// MixCursor is a place in a MixedStream.
type MixCursor struct {
	Random []byte   `json:"generator"`
	Out    []bool   `json:"exhausted"` // of each stream, without replacement
	Sets   []Cursor `json:"sets"`

	WindowPlace
}

// NewMixedStream returns the streams of options, mixed.
func NewMixedStream(m Mixing, options ...StreamOptions) *MixedStream {
	s := &MixedStream{mixing: m, drawn: m.drawer()}
	for i, o := range options {
		if i > 0 {
			o.Seed = mix(o.Seed + uint64(i)) // sets of one size are shuffled in ways of their own
		}
		s.streams = append(s.streams, NewStream(o))
	}
	return s
}

// Next returns the next count examples.
func (s *MixedStream) Next(count int) (next []Example, err error) {
	o := s.common()
	for range count {
		e, err := s.draw()
		if err == nil && o.Check != nil {
			err = o.Check(e)
		}
		if err != nil {
			return nil, err
		}
		next = append(next, e)
	}
	return o.Labels.Label(next), nil
}

// draw takes the next example.
func (s *MixedStream) draw() (Example, error) {
	set, err := s.nextSet()
	if err != nil {
		return Example{}, err
	}
	s.last = set
	s.taken++
	return s.streams[set].draw()
}

// common are the options of the first stream, whose labels, check and seed are those of
// all.
func (s *MixedStream) common() *StreamOptions { return s.streams[0].common() }

// passes is how many passes were made over all streams together.
func (s *MixedStream) passes() (n int) {
	for _, stream := range s.streams {
		n += stream.passes()
	}
	return n / len(s.streams)
}

// cut is the place behind the last example, of which some tokens are left.
func (s *MixedStream) cut(used int) Cursor {
	c := s.Cursor()
	c.Mix.Sets[s.last] = s.streams[s.last].cut(used)
	return c
}

// nextSet draws a set that has an example left, or the first of those that begin again.
func (s *MixedStream) nextSet() (int, error) {
	for {
		set := s.drawn.next()
		if s.mixing.Stopping != WithoutReplacement {
			return set, nil
		}
		ended, err := s.streams[set].atEnd()
		if err != nil || !ended {
			return set, err
		}
		s.drawn.out[set] = true
		if !s.drawn.allOut() {
			continue
		}
		clear(s.drawn.out)
		for _, stream := range s.streams {
			if _, err := stream.atEnd(); err != nil { // which waits for the end after Seek
				return 0, err
			}
			stream.beginNext()
		}
	}
}

// PerEpoch is 0: nobody knows how many examples there are.
func (s *MixedStream) PerEpoch() int { return 0 }

// Ended is false: passes follow each other without a border.
func (s *MixedStream) Ended() bool { return false }

// Epochs is how often the stream that ends first was handed out, or, where all are to be
// exhausted, the one that ends last.
func (s *MixedStream) Epochs() (epochs float64) {
	var all []float64
	for i, stream := range s.streams {
		if s.mixing.Weights[i] > 0 {
			all = append(all, stream.Epochs())
		}
	}
	if s.mixing.Stopping == FirstExhausted {
		return slices.Max(all)
	}
	return slices.Min(all)
}

// Cursor is the place of the example that Next hands out next.
func (s *MixedStream) Cursor() Cursor {
	random, err := s.drawn.random.MarshalBinary()
	if err != nil {
		panic(err) // it has two numbers
	}
	c := &MixCursor{Random: random, Out: append([]bool{}, s.drawn.out...)}
	for _, stream := range s.streams {
		c.Sets = append(c.Sets, stream.Cursor())
	}
	return Cursor{Epoch: int(s.Epochs()), Next: s.taken, Mix: c}
}

// Seek goes to a place that Cursor returned, of the same files, buffers, weights and seed.
func (s *MixedStream) Seek(to Cursor) error {
	_, err := s.seek(to)
	return err
}

// seek is Seek. It returns the text that was cut last too.
func (s *MixedStream) seek(to Cursor) (cut Example, err error) {
	at := to.Mix
	if at == nil || len(at.Sets) != len(s.streams) || len(at.Out) != len(s.streams) {
		return cut, errors.New("data cursor: it is not a place in as many streams; give datasets, streaming and shuffle_buffer_size as they were")
	}
	if err := s.drawn.random.UnmarshalBinary(at.Random); err != nil {
		return cut, fmt.Errorf("data cursor: the state of the generator: %w", err)
	}
	copy(s.drawn.out, at.Out)
	s.taken = to.Next
	for i, stream := range s.streams {
		text, err := stream.seek(at.Sets[i])
		if err != nil {
			return cut, err
		}
		if at.Sets[i].Stream.Cut != nil {
			cut, s.last = text, i
		}
	}
	return cut, nil
}

// Close ends the reading in the background.
func (s *MixedStream) Close() {
	for _, stream := range s.streams {
		stream.Close()
	}
}

// Drops are the records of all streams that were left out.
func (s *MixedStream) Drops() (all []Drop) {
	for _, stream := range s.streams {
		all = joinDrops(all, stream.Drops())
	}
	return all
}
