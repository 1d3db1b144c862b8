package data

import (
	"fmt"
)

// ExampleStream is Batches of single examples of one stream or of several. Whoever has
// used it closes it.
type ExampleStream interface {
	Batches

	// Drops are the records that were left out since Seek, by reason. It is called after
	// Close, and counts what was read ahead too.
	Drops() []Drop

	// Close ends the reading in the background.
	Close()

	common() *StreamOptions                  // what all of it shares: labels, check and seed
	draw() (Example, error)                  // the next example, unlabelled and unchecked
	cut(used int) Cursor                     // the place behind the last example, of which some tokens are left
	seek(to Cursor) (cut Example, err error) // Seek; cut is the text that was cut last
	passes() int                             // that were made
}

// Streamed returns Batches over a stream in the units of a grouping. share says whether
// sequences share prefixes, as in Pack. check is called with how many pieces each unit
// has; its error ends the run.
func Streamed(s ExampleStream, g Grouping, share bool, check func(pieces int) error) Batches {
	switch {
	case g.Packing == PackWrapped:
		return &streamBlocks{ExampleStream: s, tokens: g.Tokens, check: check}
	case g.Tokens > 0 || g.together():
		return &streamUnits{ExampleStream: s, grouping: g, share: share, check: check, window: -1}
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
	ExampleStream
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
	begin := u.ExampleStream.Cursor()
	var examples InMemory
	var sizes []int32
	tokens := 0
	for len(examples) < windowExamples || tokens < windowUnits*u.grouping.Tokens {
		some, err := u.ExampleStream.Next(1)
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
	units := NewUnits(sizes, u.grouping, u.common().Seed)
	if err := units.Seek(Cursor{Epoch: window}); err != nil { // in an order of its own
		return err
	}
	u.window, u.begin, u.examples, u.units = window, begin, examples, units
	return nil
}

// Cursor is the place of the unit that Next hands out next.
func (u *streamUnits) Cursor() Cursor {
	if u.isOver() {
		return u.ExampleStream.Cursor().inWindow(WindowPlace{Window: u.window + 1})
	}
	return u.begin.inWindow(WindowPlace{u.window, u.units.Cursor().Next})
}

// Seek goes to a place that Cursor returned. It reads the window again.
func (u *streamUnits) Seek(to Cursor) error {
	if err := u.ExampleStream.Seek(to); err != nil {
		return err
	}
	at := to.window()
	u.window, u.units = at.Window-1, nil
	if at.Unit == 0 {
		return nil
	}
	if err := u.read(at.Window); err != nil {
		return err
	}
	return u.units.Seek(Cursor{Epoch: at.Window, Next: at.Unit})
}

// WindowPlace is a place in units that windows are made of: which window it is that
// begins here, and how many of its units were handed out.
type WindowPlace struct {
	Window int `json:"window,omitempty"`
	Unit   int `json:"unit,omitempty"`
}

// window is the place in windows.
func (c Cursor) window() WindowPlace {
	if c.Mix != nil {
		return c.Mix.WindowPlace
	}
	return c.Stream.WindowPlace
}

// inWindow is a place in a stream with one in windows.
func (c Cursor) inWindow(at WindowPlace) Cursor {
	if c.Mix != nil {
		mixed := *c.Mix
		mixed.WindowPlace = at
		c.Mix = &mixed
		return c
	}
	stream := *c.Stream
	stream.WindowPlace = at
	c.Stream = &stream
	return c
}

// streamBlocks is Batches of blocks of so many tokens of one text after the other. A text
// that a block cuts goes on in the next one, over the end of a pass too.
type streamBlocks struct {
	ExampleStream
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
	return b.common().Labels.Label(next), nil
}

// block appends the pieces of a block.
func (b *streamBlocks) block(to []Example) ([]Example, error) {
	begun := b.passes()
	for missing := b.tokens; missing > 0; {
		left := b.left()
		if left == 0 {
			if b.passes() > begun+1 && missing == b.tokens {
				return nil, fmt.Errorf("%s: the texts have no token", b.common().Files.Setting)
			}
			if err := b.take(); err != nil {
				return nil, err
			}
			continue
		}
		n := min(left, missing)
		piece := b.text.part(b.used, b.used+n)
		if check := b.common().Check; check != nil {
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
	if b.left() > 0 {
		return b.ExampleStream.cut(b.used)
	}
	return b.ExampleStream.Cursor()
}

// Seek goes to a place that Cursor returned.
func (b *streamBlocks) Seek(to Cursor) error {
	b.text, b.used = Example{}, 0
	cut, err := b.seek(to)
	at := to.cutPlace()
	if err != nil || at == nil {
		return err
	}
	b.text, b.used = cut, at.From
	if len(cut.Sequences) != 1 || b.used < 0 || b.left() < 0 {
		return fmt.Errorf("data cursor: the text at record %d of file %d has fewer than %d tokens now; give tokenizer and formatter as they were", at.Place.Row+1, at.Place.File+1, b.used)
	}
	return nil
}

// cutPlace is where a text was cut, nil where none was.
func (c Cursor) cutPlace() *CutPlace {
	if c.Mix == nil {
		return c.Stream.Cut
	}
	for _, set := range c.Mix.Sets {
		if set.Stream.Cut != nil {
			return set.Stream.Cut
		}
	}
	return nil
}
