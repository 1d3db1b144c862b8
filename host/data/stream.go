package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"llmhost/host/data/source"
)

// StreamOptions say what a Stream reads and hands out.
type StreamOptions struct {
	Options
	Files  source.Files
	Head   Head
	Buffer int // how many examples are shuffled among each other; 0 or 1 = none
	Seed   uint64

	// BufferBytes is at how many bytes of records the buffer is full too, so that large
	// records do not fill the memory; 0 = DefaultBufferBytes.
	BufferBytes int

	Labels Labeler

	// Check is called for each example before it is handed out; its error ends the run.
	Check func(Example) error
}

// Stream is Batches over records that are read as they are needed, pass after pass, and
// never all known: of them a buffer is in memory, out of which records are drawn at
// random. They are formatted and tokenised after that, in the order in which they were
// drawn, so that a buffer costs no more than to read it. Each pass hands out every
// example once. Whoever has used it closes it.
type Stream struct {
	options StreamOptions
	drawn   buffer[bufferedRecord] // as it was when the last example was drawn
	place   source.Place           // behind the last record that it took in
	last    source.Place           // of the record of the last example
	epoch   int
	taken   int // examples of the epoch that were handed out
	sizes   []int64
	ahead   *readAhead // nil before the first example
	mutex   sync.Mutex
	drops   []Drop
}

// NewStream returns a Stream at the beginning of its files.
func NewStream(o StreamOptions) *Stream {
	o.Files.Columns = o.Formatter.fields()
	s := &Stream{options: o}
	for _, f := range o.Head.Set.Files {
		s.sizes = append(s.sizes, f.Identity.Bytes)
	}
	s.begin(0)
	return s
}

// begin goes to the beginning of a pass.
func (s *Stream) begin(epoch int) {
	s.epoch = epoch
	s.taken = 0
	s.place = source.Place{}
	s.drawn = newBuffer[bufferedRecord](s.options, epoch)
}

// Next returns the next count examples; passes follow each other without a border.
func (s *Stream) Next(count int) ([]Example, error) {
	var next []Example
	for range count {
		e, err := s.draw()
		if err == nil && s.options.Check != nil {
			err = s.options.Check(e)
		}
		if err != nil {
			return nil, err
		}
		next = append(next, e)
	}
	return s.options.Labels.Label(next), nil
}

// begun is the reading in the background, which it starts.
func (s *Stream) begun() *readAhead {
	if s.ahead == nil {
		s.ahead = s.startReading(func(ctx context.Context, a *readAhead) error { return s.readPasses(ctx, a, 0) })
	}
	return s.ahead
}

// atEnd tells whether the pass has no further example, so that the next one begins
// another.
func (s *Stream) atEnd() (bool, error) {
	a := s.begun()
	a.look()
	return a.ends, a.err
}

// beginNext goes to the beginning of the next pass, at the end of one.
func (s *Stream) beginNext() {
	s.ahead.ends = false
	if !s.drawn.read { // what is left of the pass was dropped
		s.ahead.read.endPass()
	}
	s.begin(s.epoch + 1)
}

// draw takes the next example, and goes to the place behind it.
func (s *Stream) draw() (Example, error) {
	s.begun()
	for {
		e, place, err := s.ahead.next()
		switch {
		case errors.Is(err, errPassEnds):
			s.beginNext()
			continue
		case err != nil:
			return Example{}, err
		}
		if err := s.follow(place); err != nil {
			return Example{}, err
		}
		s.taken++
		return e, nil
	}
}

// follow draws places as records were drawn, until one is that of the example at hand:
// those before it were dropped.
func (s *Stream) follow(to source.Place) error {
	for {
		at, more := s.drawn.draw(func() (bufferedRecord, bool) {
			read, more := s.ahead.read.next()
			if more {
				s.place = read.after
			}
			return read.bufferedRecord, more
		})
		switch {
		case !more:
			return fmt.Errorf("%s: record %d of file %d was not drawn in its turn", s.options.Files.Setting, to.Row+1, to.File+1)
		case at.place == to:
			s.last = to
			return nil
		}
	}
}

// common are the options of the stream.
func (s *Stream) common() *StreamOptions { return &s.options }

// passes is how many passes were made.
func (s *Stream) passes() int { return s.epoch }

// cut is the place behind the last example, of which some tokens are left.
func (s *Stream) cut(used int) Cursor {
	c := s.Cursor()
	c.Stream.Cut = &CutPlace{SlotPlace(s.last), used}
	return c
}

// PerEpoch is 0: nobody knows how many examples there are.
func (s *Stream) PerEpoch() int { return 0 }

// Ended is false: passes follow each other without a border.
func (s *Stream) Ended() bool { return false }

// Epochs is how many passes were made. Of the one that is being made it is the share of
// the bytes that were read, less what waits in the buffer; of files of other kinds than
// text only whole ones count.
func (s *Stream) Epochs() float64 {
	share := s.shareRead()
	if seen := s.taken + len(s.drawn.items); seen > 0 {
		share *= float64(s.taken) / float64(seen)
	}
	return float64(s.epoch) + share
}

func (s *Stream) shareRead() float64 {
	if s.drawn.read {
		return 1
	}
	var all, read int64
	for i, bytes := range s.sizes {
		all += bytes
		switch {
		case i < s.place.File:
			read += bytes
		case i == s.place.File:
			read += min(s.place.Offset, bytes)
		}
	}
	return float64(read) / float64(max(1, all))
}

// Drops are the records that were left out since Seek, by reason. It is called after
// Close, and counts what was read ahead too.
func (s *Stream) Drops() []Drop {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.drops
}

// Close ends the reading in the background.
func (s *Stream) Close() {
	if s.ahead != nil {
		s.ahead.close()
	}
	s.ahead = nil
}

// aheadChunks is how many portions wait between the reader and whoever takes them.
const aheadChunks = 2

// errPassEnds says that a pass has no further example.
var errPassEnds = errors.New("the pass ends here")

// readAhead reads, draws, formats and tokenises in the background, pass after pass.
type readAhead struct {
	cancel  context.CancelFunc
	chunks  chan delivery
	read    *readPlaces
	current *chunk
	taken   int  // of current
	ends    bool // the pass, before the next example
	err     error
}

// delivery is a portion of examples, or an error: errPassEnds where a pass ends.
type delivery struct {
	chunk *chunk
	err   error
}

// startReading has read read in the background until its context ends.
func (s *Stream) startReading(read func(ctx context.Context, a *readAhead) error) *readAhead {
	ctx, cancel := context.WithCancel(context.Background())
	a := &readAhead{cancel: cancel, chunks: make(chan delivery, aheadChunks), read: &readPlaces{}}
	go func() {
		defer close(a.chunks)
		_ = a.send(ctx, delivery{err: read(ctx, a)})
	}()
	return a
}

// send hands something to whoever takes it.
func (a *readAhead) send(ctx context.Context, d delivery) error {
	select {
	case a.chunks <- d:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readPasses reads one pass after the other.
func (s *Stream) readPasses(ctx context.Context, a *readAhead, epoch int) error {
	for ; ; epoch++ {
		from := newBuffer[source.Record](s.options, epoch)
		next, stop := iter.Pull2(s.options.Files.Records())
		err := s.pass(ctx, a, a.read.drawing(&from, next), true)
		if stop(); err != nil {
			return err
		}
	}
}

// pass hands on the examples of the records of a pass, and that it ends. One that is
// whole has some.
func (s *Stream) pass(ctx context.Context, a *readAhead, records iter.Seq2[source.Record, error], whole bool) error {
	left := 0
	o := s.options
	texts, err := o.makeOf(ctx, records, o.Head.first, func(c *chunk) error {
		left += len(c.examples)
		return a.send(ctx, delivery{chunk: c})
	})
	s.mutex.Lock()
	s.drops = joinDrops(s.drops, texts.Drops)
	s.mutex.Unlock()
	switch {
	case err != nil:
		return err
	case left == 0 && whole:
		return texts.noneLeft(o.Files)
	}
	return a.send(ctx, delivery{err: errPassEnds})
}

// look waits for the next example, the end of the pass, or an error.
func (a *readAhead) look() {
	for a.err == nil && !a.ends && (a.current == nil || a.taken == len(a.current.examples)) {
		d, open := <-a.chunks
		switch {
		case !open:
			a.err = context.Canceled
		case errors.Is(d.err, errPassEnds):
			a.ends = true
		case d.err != nil:
			a.err = d.err
		}
		a.current, a.taken = d.chunk, 0
	}
}

// next is the next example, and the place of its record. An error but errPassEnds comes
// again.
func (a *readAhead) next() (Example, source.Place, error) {
	a.look()
	switch {
	case a.err != nil:
		return Example{}, source.Place{}, a.err
	case a.ends:
		return Example{}, source.Place{}, errPassEnds
	}
	i := a.taken
	a.taken++
	e := a.current.examples[i]
	a.current.examples[i] = Example{}
	return e, a.current.places[i], nil
}

// close ends the reading, and waits for it.
func (a *readAhead) close() {
	a.cancel()
	for range a.chunks {
	}
}

// Head is the beginning of what a Stream reads.
type Head struct {
	Set   Set // its files are identified, not hashed
	first *Formatted
}

// LoadHead reads, formats, tokenises and surveys the first records of files. It is an
// error if no example is left of them.
func LoadHead(ctx context.Context, files source.Files, o Options, records int) (h Head, err error) {
	if err := o.Tokenizing.check(); err != nil {
		return h, err
	}
	if h.Set.Files, err = files.Identify(); err != nil {
		return h, err
	}
	if files.Total == 0 || files.Total > records {
		files.Total = records
	}
	var all InMemory
	made, err := o.make(ctx, files, func(c *chunk) error {
		if h.first == nil {
			h.first = &c.first
		}
		all = append(all, c.examples...)
		return nil
	})
	if err != nil {
		return h, err
	}
	h.Set.Examples = all
	h.Set.Survey = TakeSurvey(all, o.shares(), o.Limits)
	h.Set.Survey.Records = made.records
	h.Set.Survey.Drops = made.drops
	return h, nil
}

// StreamName says what an epoch of a stream is, as Grouping.Name does for those of g.
func StreamName(buffer int, g Grouping) string {
	name := "records streamed in their order"
	if buffer > 1 {
		name = fmt.Sprintf("records streamed through a buffer of %d", buffer)
	}
	if of := g.Name(); of != "" {
		name = of + " of " + name
	}
	return name
}
