package data

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
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
	Labels Labeler

	// Check is called for each example before it is handed out; its error ends the run.
	Check func(Example) error
}

// Stream is Batches over records that are read as they are needed, pass after pass, and
// never all known: of them a buffer is in memory, out of which examples are drawn at
// random. Each pass hands out every example once. Whoever has used it closes it.
type Stream struct {
	options StreamOptions
	random  *rand.PCG
	buffer  []streamed
	place   source.Place // behind the last example that was read
	read    bool         // the pass to its end: the buffer has what is left of it
	epoch   int
	taken   int // examples of the epoch that were handed out
	sizes   []int64
	ahead   *readAhead // nil before the first example
	mutex   sync.Mutex
	drops   []Drop
}

// span is the place of a record, and the one behind it.
type span struct{ place, after source.Place }

// streamed is an example and where its record is.
type streamed struct {
	Example
	span
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
	s.epoch, s.taken, s.read = epoch, 0, false
	s.place = source.Place{}
	s.random = rand.NewPCG(s.options.Seed, uint64(epoch))
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

// draw takes an example out of the full buffer.
func (s *Stream) draw() (Example, error) {
	for {
		if err := s.fill(); err != nil {
			return Example{}, err
		}
		if len(s.buffer) > 0 {
			break
		}
		s.begin(s.epoch + 1)
	}
	slot := uint64(0)
	if len(s.buffer) > 1 {
		slot, _ = bits.Mul64(s.random.Uint64(), uint64(len(s.buffer)))
	}
	last := len(s.buffer) - 1
	e := s.buffer[slot].Example
	s.buffer[slot] = s.buffer[last]
	s.buffer[last] = streamed{}
	s.buffer = s.buffer[:last]
	s.taken++
	return e, nil
}

// fill reads until the buffer is full or the pass ends.
func (s *Stream) fill() error {
	for !s.read && len(s.buffer) < max(1, s.options.Buffer) {
		if s.ahead == nil {
			s.ahead = s.readFrom(s.place)
		}
		e, err := s.ahead.next()
		switch {
		case errors.Is(err, errPassEnds):
			s.read = true
		case err != nil:
			return err
		default:
			s.buffer = append(s.buffer, e)
			s.place = e.after
		}
	}
	return nil
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
	if seen := s.taken + len(s.buffer); seen > 0 {
		share *= float64(s.taken) / float64(seen)
	}
	return float64(s.epoch) + share
}

func (s *Stream) shareRead() float64 {
	if s.read {
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

// readAhead reads, formats and tokenises in the background, pass after pass.
type readAhead struct {
	cancel  context.CancelFunc
	chunks  chan delivery
	current *chunk
	taken   int // of current
	err     error
}

// delivery is a portion of examples, or an error: errPassEnds where a pass ends.
type delivery struct {
	chunk *chunk
	err   error
}

// readFrom begins to read at a place.
func (s *Stream) readFrom(from source.Place) *readAhead {
	ctx, cancel := context.WithCancel(context.Background())
	a := &readAhead{cancel: cancel, chunks: make(chan delivery, aheadChunks)}
	send := func(d delivery) error {
		select {
		case a.chunks <- d:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	go func() {
		defer close(a.chunks)
		err := error(nil)
		for ; err == nil; from = (source.Place{}) {
			if err = s.pass(ctx, from, send); err == nil {
				err = send(delivery{err: errPassEnds})
			}
		}
		_ = send(delivery{err: err})
	}()
	return a
}

// pass reads from a place to the end of the files.
func (s *Stream) pass(ctx context.Context, from source.Place, send func(delivery) error) error {
	left := 0
	o := s.options
	texts, err := o.makeOf(ctx, o.Files.RecordsFrom(from), o.Head.first, func(c *chunk) error {
		left += len(c.examples)
		return send(delivery{chunk: c})
	})
	s.mutex.Lock()
	s.drops = joinDrops(s.drops, texts.Drops)
	s.mutex.Unlock()
	if err == nil && left == 0 && from == (source.Place{}) {
		err = texts.noneLeft(o.Files)
	}
	return err
}

// next is the next example. An error but errPassEnds comes again.
func (a *readAhead) next() (streamed, error) {
	for a.err == nil && (a.current == nil || a.taken == len(a.current.examples)) {
		d, open := <-a.chunks
		switch {
		case !open:
			a.err = context.Canceled
		case errors.Is(d.err, errPassEnds):
			return streamed{}, d.err
		case d.err != nil:
			a.err = d.err
		}
		a.current, a.taken = d.chunk, 0
	}
	if a.err != nil {
		return streamed{}, a.err
	}
	i := a.taken
	a.taken++
	e := streamed{a.current.examples[i], a.current.places[i]}
	a.current.examples[i] = Example{}
	return e, nil
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

// StreamName says what an epoch of a stream is, as Grouping.Name does.
func StreamName(buffer int) string {
	if buffer < 2 {
		return "records streamed in their order"
	}
	return fmt.Sprintf("records streamed through a buffer of %d", buffer)
}
