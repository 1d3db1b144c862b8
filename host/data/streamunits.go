package data

import (
	"fmt"
)

// Streamed returns Batches over a stream in the units of a grouping. share says whether
// sequences share prefixes, as in Pack. check is called with how many pieces each unit
// has; its error ends the run.
func Streamed(s *Stream, g Grouping, share bool, check func(pieces int) error) Batches {
	switch {
	case g.Packing == PackWrapped:
		return &streamBlocks{Stream: s, tokens: g.Tokens, check: check}
	case g.Tokens > 0 || g.together():
		return &streamUnits{Stream: s, grouping: g, share: share, check: check, window: -1}
	}
	return s
}

// A window is the examples of a stream that are grouped together, since the rest of them
// is not known: windowExamples, as many as TRL packs together of a streamed data set, or
// more where these have fewer than windowUnits units, whose last ones have gaps.
const (
	windowExamples = 1000
	windowUnits    = 16
)

// streamUnits is Batches of packs, or batches of so many tokens, or examples of about one
// length, which are made of one window after the other.
type streamUnits struct {
	*Stream
	grouping Grouping
	share    bool
	check    func(pieces int) error
	window   int    // from 0
	begin    Cursor // of the stream, where the window begins
	examples InMemory
	units    *Units // of the window, nil before the first
}

// Next returns the examples of the next count units.
func (u *streamUnits) Next(count int) (next []Example, err error) {
	for range count {
		if u.isOver() {
			if err := u.read(u.window + 1); err != nil {
				return nil, err
			}
		}
		unit := u.units.Next(1)[0]
		if err := u.check(len(unit)); err != nil {
			return nil, err
		}
		if next, err = appendPieces(next, u.examples, unit); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// isOver tells whether the window has no further unit.
func (u *streamUnits) isOver() bool { return u.units == nil || u.units.Ended() }

// read takes the examples of a window from the stream, and groups them.
func (u *streamUnits) read(window int) error {
	begin := u.Stream.Cursor()
	var examples InMemory
	var sizes []int32
	tokens := 0
	for len(examples) < windowExamples || tokens < windowUnits*u.grouping.Tokens {
		some, err := u.Stream.Next(1)
		if err != nil {
			return err
		}
		size := some[0].size(u.share)
		if u.grouping.Packing != "" && len(some[0].Sequences) != 1 {
			return fmt.Errorf("%s: the example has %d candidates, and packing packs sequences one by one; write max_tokens_per_batch instead", some[0].Source, len(some[0].Sequences))
		}
		examples = append(examples, some...)
		sizes = append(sizes, size)
		tokens += int(size)
	}
	units := NewUnits(sizes, u.grouping, u.options.Seed)
	if err := units.Seek(Cursor{Epoch: window}); err != nil { // in an order of its own
		return err
	}
	u.window, u.begin, u.examples, u.units = window, begin, examples, units
	return nil
}

// Cursor is the place of the unit that Next hands out next.
func (u *streamUnits) Cursor() Cursor {
	if u.isOver() {
		c := u.Stream.Cursor()
		c.Stream.Window = u.window + 1
		return c
	}
	c := u.begin
	at := *c.Stream
	at.Window, at.Unit = u.window, u.units.Cursor().Next
	c.Stream = &at
	return c
}

// Seek goes to a place that Cursor returned. It reads the window again.
func (u *streamUnits) Seek(to Cursor) error {
	if err := u.Stream.Seek(to); err != nil {
		return err
	}
	u.window, u.units = to.Stream.Window-1, nil
	if to.Stream.Unit == 0 {
		return nil
	}
	if err := u.read(to.Stream.Window); err != nil {
		return err
	}
	return u.units.Seek(Cursor{Epoch: to.Stream.Window, Next: to.Stream.Unit})
}

// streamBlocks is Batches of blocks of so many tokens of one text after the other. A text
// that a block cuts goes on in the next one, over the end of a pass too.
type streamBlocks struct {
	*Stream
	tokens int
	check  func(pieces int) error
	text   Example // that is being cut; without a sequence before the first
	used   int     // tokens of it
}

// Next returns the examples of the next count blocks.
func (b *streamBlocks) Next(count int) ([]Example, error) {
	var next []Example
	for range count {
		before := len(next)
		var err error
		if next, err = b.block(next); err == nil {
			err = b.check(len(next) - before)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.options.Labels.Label(next), nil
}

// block appends the pieces of a block.
func (b *streamBlocks) block(to []Example) ([]Example, error) {
	begun := b.epoch
	for missing := b.tokens; missing > 0; {
		left := b.left()
		if left == 0 {
			if b.epoch > begun+1 && missing == b.tokens {
				return nil, fmt.Errorf("%s: the texts have no token", b.options.Files.Setting)
			}
			if err := b.take(); err != nil {
				return nil, err
			}
			continue
		}
		n := min(left, missing)
		piece := b.text.part(b.used, b.used+n)
		if check := b.options.Check; check != nil {
			if err := check(piece); err != nil {
				return nil, err
			}
		}
		to = append(to, piece)
		b.used += n
		missing -= n
	}
	return to, nil
}

// left is how many tokens of the text are left.
func (b *streamBlocks) left() int {
	if len(b.text.Sequences) == 0 {
		return 0
	}
	return len(b.text.Sequences[0].IDs) - b.used
}

// take takes the next text from the stream.
func (b *streamBlocks) take() error {
	e, err := b.draw()
	if err == nil && len(e.Sequences) != 1 {
		err = fmt.Errorf("%s: the example has %d candidates, and blocks are cut out of single texts; write packing = false", e.Source, len(e.Sequences))
	}
	b.text, b.used = e, 0
	return err
}

// Cursor is the place of the block that Next hands out next.
func (b *streamBlocks) Cursor() Cursor {
	c := b.Stream.Cursor()
	if b.left() > 0 {
		c.Stream.Cut = &CutPlace{SlotPlace(b.last), b.used}
	}
	return c
}

// Seek goes to a place that Cursor returned.
func (b *streamBlocks) Seek(to Cursor) error {
	b.text, b.used = Example{}, 0
	cut, err := b.seek(to)
	if err != nil || to.Stream.Cut == nil {
		return err
	}
	b.text, b.used = cut, to.Stream.Cut.From
	if len(cut.Sequences) != 1 || b.used < 0 || b.left() < 0 {
		return fmt.Errorf("data cursor: the text at record %d of file %d has fewer than %d tokens now; give tokenizer and formatter as they were", to.Stream.Cut.Place.Row+1, to.Stream.Cut.Place.File+1, b.used)
	}
	return nil
}
