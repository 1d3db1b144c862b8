package data

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"llmhost/host/atomicfile"
)

// A store is a file of tokenised examples, which are read one by one, so that no more
// of them are in memory than a batch holds. It is written once, whole or not at all:
//
//	magic
//	blocks, each of up to blockExamples examples and, behind them, an entry for each
//	tail: what storeTail says, as JSON
//	end: where the tail begins, how long it is, its CRC-32C, magic again
//
// An entry says where an example is and has a CRC-32C of it.
const (
	storeMagic    = "llmhost tokens 1\n"
	blockExamples = 4096
	entryBytes    = 36
	endBytes      = 16 + len(storeMagic)

	// checkedBytes is up to which size a store is read whole when it is opened, to see
	// that it is not damaged. The examples of a larger one are checked as they are read.
	checkedBytes = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// storeTail is what a store says of its examples as a whole.
type storeTail struct {
	Key      string   `json:"key"`
	Examples int      `json:"examples"`
	Blocks   []int64  `json:"blocks"` // where the entries of each block begin
	Names    []string `json:"names"`
	Files    []string `json:"files"`
	Records  int      `json:"records"`
	Drops    []Drop   `json:"drops"`
}

// entry is where an example is in a store, and what is known of it without reading it.
type entry struct {
	at     uint64
	length uint32
	sum    uint32 // CRC-32C
	size   Size
	hash   uint64 // of its content
}

// Size is how many tokens an example has, and how many a batch holds of it where its
// sequences share what they can.
type Size struct{ Tokens, Shared int32 }

func (e entry) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(to, e.at)
	to = binary.LittleEndian.AppendUint32(to, e.length)
	to = binary.LittleEndian.AppendUint32(to, e.sum)
	to = binary.LittleEndian.AppendUint32(to, uint32(e.size.Tokens))
	to = binary.LittleEndian.AppendUint32(to, uint32(e.size.Shared))
	to = binary.LittleEndian.AppendUint64(to, e.hash)
	return binary.LittleEndian.AppendUint32(to, crc32.Checksum(to[len(to)-entryBytes+4:], castagnoli))
}

// readEntry returns the entry that append wrote; ok is false where it is damaged.
func readEntry(text []byte) (e entry, ok bool) {
	e.at = binary.LittleEndian.Uint64(text)
	e.length = binary.LittleEndian.Uint32(text[8:])
	e.sum = binary.LittleEndian.Uint32(text[12:])
	e.size.Tokens = int32(binary.LittleEndian.Uint32(text[16:]))
	e.size.Shared = int32(binary.LittleEndian.Uint32(text[20:]))
	e.hash = binary.LittleEndian.Uint64(text[24:])
	return e, binary.LittleEndian.Uint32(text[32:]) == crc32.Checksum(text[:entryBytes-4], castagnoli)
}

// storeWriter writes a store.
type storeWriter struct {
	file   *atomicfile.File
	at     uint64
	codec  codec
	tail   storeTail
	block  []byte // the entries of the block that is being written
	buffer []byte
}

// newStore begins the store at path. The caller calls commit or abort.
func newStore(path, key string) (*storeWriter, error) {
	file, err := atomicfile.Create(path)
	if err != nil {
		return nil, err
	}
	w := &storeWriter{file: file, tail: storeTail{Key: key}}
	w.buffer = append(w.buffer, storeMagic...)
	return w, nil
}

// add appends an example, of some size and hash of its content.
func (w *storeWriter) add(e Example, size Size, hash uint64) error {
	before := len(w.buffer)
	w.buffer = w.codec.append(w.buffer, e)
	text := w.buffer[before:]
	w.block = entry{
		at:     w.at + uint64(before),
		length: uint32(len(text)),
		sum:    crc32.Checksum(text, castagnoli),
		size:   size,
		hash:   hash,
	}.append(w.block)
	w.tail.Examples++
	if w.tail.Examples%blockExamples == 0 {
		w.endBlock()
	}
	if len(w.buffer) < 1<<20 {
		return nil
	}
	return w.flush()
}

func (w *storeWriter) endBlock() {
	w.tail.Blocks = append(w.tail.Blocks, int64(w.at)+int64(len(w.buffer)))
	w.buffer = append(w.buffer, w.block...)
	w.block = w.block[:0]
}

func (w *storeWriter) flush() error {
	_, err := w.file.Write(w.buffer)
	w.at += uint64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return err
}

// commit ends the store, of so many records without those of drops.
func (w *storeWriter) commit(records int, drops []Drop) error {
	if len(w.block) > 0 {
		w.endBlock()
	}
	w.tail.Names = w.codec.names.texts
	w.tail.Files = w.codec.files.texts
	w.tail.Records = records
	w.tail.Drops = drops
	text, err := json.Marshal(w.tail)
	if err != nil {
		return err
	}
	at := w.at + uint64(len(w.buffer))
	w.buffer = append(w.buffer, text...)
	w.buffer = binary.LittleEndian.AppendUint64(w.buffer, at)
	w.buffer = binary.LittleEndian.AppendUint32(w.buffer, uint32(len(text)))
	w.buffer = binary.LittleEndian.AppendUint32(w.buffer, crc32.Checksum(text, castagnoli))
	w.buffer = append(w.buffer, storeMagic...)
	if err := w.flush(); err != nil {
		return err
	}
	return w.file.Commit()
}

// abort removes what was written, unless it was committed.
func (w *storeWriter) abort() { w.file.Abort() }

// Store is Examples in a file.
type Store struct {
	path  string
	file  *os.File
	codec codec
	tail  storeTail
}

// errDamaged is the error of a store that is not as it was written.
var errDamaged = errors.New("damaged")

// openStore opens the store at path, which was written under a key. padding is that of
// its examples. A file that is damaged is errDamaged.
func openStore(path, key string, padding map[string]float32) (*Store, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, file: file}
	info, err := file.Stat()
	if err == nil {
		err = s.readTail(info.Size(), key)
	}
	if err == nil && info.Size() <= checkedBytes {
		err = s.check()
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.codec = codec{names: dictionaryOf(s.tail.Names), files: dictionaryOf(s.tail.Files), padding: padding}
	return s, nil
}

// readTail reads what the store, of so many bytes, says of its examples as a whole.
func (s *Store) readTail(size int64, key string) error {
	end := make([]byte, endBytes)
	if size < int64(len(storeMagic)+endBytes) {
		return errDamaged
	}
	if _, err := s.file.ReadAt(end, size-int64(endBytes)); err != nil {
		return err
	}
	at, length, sum := binary.LittleEndian.Uint64(end), binary.LittleEndian.Uint32(end[8:]), binary.LittleEndian.Uint32(end[12:])
	if string(end[16:]) != storeMagic || at+uint64(length)+uint64(endBytes) != uint64(size) {
		return errDamaged
	}
	text := make([]byte, length)
	if _, err := s.file.ReadAt(text, int64(at)); err != nil {
		return err
	}
	if crc32.Checksum(text, castagnoli) != sum || json.Unmarshal(text, &s.tail) != nil || s.tail.Key != key {
		return errDamaged
	}
	if len(s.tail.Blocks) != (s.tail.Examples+blockExamples-1)/blockExamples {
		return errDamaged
	}
	return nil
}

// check reads the whole store.
func (s *Store) check() error {
	var text []byte
	return s.entries(func(_ int, e entry) error {
		if text = slices.Grow(text[:0], int(e.length))[:e.length]; !s.reads(e, text) {
			return errDamaged
		}
		return nil
	})
}

// reads fills text with the bytes of an example and tells whether they are as written.
func (s *Store) reads(e entry, text []byte) bool {
	_, err := s.file.ReadAt(text, int64(e.at))
	return err == nil && crc32.Checksum(text, castagnoli) == e.sum
}

// entries goes through the entries of all examples.
func (s *Store) entries(yield func(i int, e entry) error) error {
	block := make([]byte, blockExamples*entryBytes)
	for b, at := range s.tail.Blocks {
		first := b * blockExamples
		n := min(blockExamples, s.tail.Examples-first)
		if _, err := s.file.ReadAt(block[:n*entryBytes], at); err != nil && err != io.EOF {
			return err
		}
		for i := range n {
			e, ok := readEntry(block[i*entryBytes:])
			if !ok {
				return errDamaged
			}
			if err := yield(first+i, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sizes are the tokens of each example, as data.Sizes counts them; the examples
// themselves are not read.
func (s *Store) Sizes(share bool) ([]int32, error) {
	sizes := make([]int32, s.Len())
	err := s.entries(func(i int, e entry) error {
		sizes[i] = e.size.Tokens
		if share {
			sizes[i] = e.size.Shared
		}
		return nil
	})
	return sizes, err
}

// hashes are those of the content of each example.
func (s *Store) hashes() ([]uint64, error) {
	hashes := make([]uint64, s.Len())
	err := s.entries(func(i int, e entry) error {
		hashes[i] = e.hash
		return nil
	})
	return hashes, err
}

// Len is how many examples the store has.
func (s *Store) Len() int { return s.tail.Examples }

// At reads example i.
func (s *Store) At(i int) (Example, error) {
	var text [entryBytes]byte
	at := s.tail.Blocks[i/blockExamples] + int64(i%blockExamples*entryBytes)
	if _, err := s.file.ReadAt(text[:], at); err != nil {
		return Example{}, s.broken(i)
	}
	entry, ok := readEntry(text[:])
	if !ok || int64(entry.length) > at-int64(entry.at) {
		return Example{}, s.broken(i)
	}
	bytes := make([]byte, entry.length)
	if !s.reads(entry, bytes) {
		return Example{}, s.broken(i)
	}
	e, err := s.codec.read(bytes)
	if err != nil {
		return Example{}, s.broken(i)
	}
	return e, nil
}

// broken removes the store, so that the next run makes it again, and says so.
func (s *Store) broken(i int) error {
	_ = os.Remove(s.path)
	return fmt.Errorf("%s: the tokens of example %d cannot be read, or are not those that were written; the file is removed, and the next start tokenises the data again: start the run again, with --resume_from_checkpoint auto to go on from its last checkpoint", s.path, i+1)
}

// Close closes the file.
func (s *Store) Close() error { return s.file.Close() }
