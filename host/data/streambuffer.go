package data

import (
	"cmp"
	"iter"
	"math/bits"
	"math/rand/v2"
	"sync"

	"llmhost/host/data/source"
)

// DefaultBufferBytes is how much the records of a buffer take at most where
// StreamOptions do not say it.
const DefaultBufferBytes = 256 << 20

// buffer shuffles records that come one by one: it is filled up, and one of them is drawn
// at random.
type buffer[T sizedRecord] struct {
	random *rand.PCG
	size   int // 0 or 1 = the order in which they come
	most   int // bytes of items, but for the last of them
	items  []T
	bytes  int  // of items
	read   bool // nothing comes any more: items are all that is left
}

// sizedRecord is what a buffer holds.
type sizedRecord interface{ Bytes() int }

// bufferedRecord is where a record is that is in a buffer elsewhere.
type bufferedRecord struct {
	place source.Place
	bytes int
}

// Bytes is how much memory the record takes.
func (r bufferedRecord) Bytes() int { return r.bytes }

// newBuffer is an empty buffer at the beginning of a pass.
func newBuffer[T sizedRecord](o StreamOptions, epoch int) buffer[T] {
	return buffer[T]{random: rand.NewPCG(o.Seed, uint64(epoch)), size: o.Buffer, most: cmp.Or(o.BufferBytes, DefaultBufferBytes)}
}

func (b *buffer[T]) put(item T) {
	b.items = append(b.items, item)
	b.bytes += item.Bytes()
}

// isFull tells whether no other record fits.
func (b *buffer[T]) isFull() bool {
	return len(b.items) >= max(1, b.size) || b.bytes >= b.most
}

// draw fills the buffer with what next returns, until that has no more, and takes an
// item out of it. Without an item more is false.
func (b *buffer[T]) draw(next func() (T, bool)) (item T, more bool) {
	for !b.read && !b.isFull() {
		item, more := next()
		if !more {
			b.read = true
			break
		}
		b.put(item)
	}
	last := len(b.items) - 1
	if last < 0 {
		return item, false
	}
	slot := uint64(0)
	if last > 0 {
		slot, _ = bits.Mul64(b.random.Uint64(), uint64(last+1))
	}
	item, b.items[slot] = b.items[slot], b.items[last]
	var none T
	b.items[last] = none // which would be kept from the garbage collector
	b.items = b.items[:last]
	b.bytes -= item.Bytes()
	return item, true
}

// readPlaces are the places of the records that a reader in the background took into its
// buffer, and that nobody follows it to yet. A pass ends with one that has no place.
type readPlaces struct {
	mutex sync.Mutex
	read  []readRecord
}

// nextRecord gives one record after the other, as next of iter.Pull2 does.
type nextRecord func() (record source.Record, err error, more bool)

// drawing draws records out of a buffer and keeps the places of those that it takes in.
func (p *readPlaces) drawing(b *buffer[source.Record], next nextRecord) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		var failed error
		read := func() (source.Record, bool) {
			r, err, more := next()
			if failed = err; err != nil {
				return nil, false
			}
			at := readRecord{}
			if more {
				at = readRecord{bufferedRecord{r.Place(), r.Bytes()}, r.After()}
			}
			p.add(at)
			return r, more
		}
		for {
			record, more := b.draw(read)
			if failed != nil {
				yield(nil, failed)
				return
			}
			if !more || !yield(record, nil) {
				return
			}
		}
	}
}

// readRecord is a record that was read, and the place behind it.
type readRecord struct {
	bufferedRecord
	after source.Place
}

func (p *readPlaces) add(at readRecord) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.read = append(p.read, at)
}

// next is the next place, which is there; more is false where the pass ends.
func (p *readPlaces) next() (at readRecord, more bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(p.read) == 0 {
		return readRecord{}, false
	}
	at = p.read[0]
	p.read = p.read[1:]
	return at, at != readRecord{}
}

// endPass goes to the beginning of the next pass.
func (p *readPlaces) endPass() {
	for more := true; more; {
		_, more = p.next()
	}
}
