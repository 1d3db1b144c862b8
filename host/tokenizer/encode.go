package tokenizer

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

const (
	// batchBytes is how much text goes to the core in one call.
	batchBytes = 256 << 10
	// bytesPerInstance is the work for which one more instance pays off.
	bytesPerInstance = 1 << 20
	// maxTextBytes keeps one text well inside the 4 GiB that a core can address.
	maxTextBytes = 1 << 30
	// maxWordBytes bounds letters and digits in a row: merging takes some 300 bytes of
	// memory for each byte of a word.
	maxWordBytes = 4 << 20
)

// Encode returns the ids of text. With special, the tokenizer's post-processor
// adds its own tokens (a BOS, [CLS] and [SEP]; many add none). A text that is
// not UTF-8 is an error.
func (t *Tokenizer) Encode(text string, special bool) ([]int32, error) {
	if err := t.check(text); err != nil {
		return nil, err
	}
	ids, err := t.encodeChunk([]string{text}, special)
	if err != nil {
		return nil, err
	}
	return ids[0], nil
}

// EncodeBatch returns the ids of each text, as Encode would, but with fewer
// crossings into the core and, for much text, on several threads. Errors count
// the texts from 0.
func (t *Tokenizer) EncodeBatch(texts []string, special bool) ([][]int32, error) {
	for i, text := range texts {
		if err := t.check(text); err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
	}
	total := 0
	for _, text := range texts {
		total += len(text)
	}
	if !special && total >= piecesFrom {
		if t.ready.Do(func() { t.pieces = newPieces(t) }); t.pieces != nil {
			return t.encodeInPieces(texts)
		}
	}
	return t.encodeAll(texts, special)
}

// encodeAll encodes texts, known to be good, by the core, for much text on several
// threads.
func (t *Tokenizer) encodeAll(texts []string, special bool) ([][]int32, error) {
	ids := make([][]int32, len(texts))
	err := t.pool.each(texts, func(c chunk) error {
		got, err := t.encodeChunk(texts[c.first:c.end], special)
		copy(ids[c.first:], got)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// longWord finds letters and digits in a row that are more than maxWordBytes; length is 0
// where there are none.
func longWord(text string) (at, length int) {
	if len(text) <= maxWordBytes {
		return 0, 0
	}
	for i, r := range text {
		if r < 0x80 && !isWordByte(byte(r)) || r >= 0x80 && (unicode.IsSpace(r) || unicode.IsPunct(r)) {
			at = i + utf8.RuneLen(r)
		}
		if length = i + utf8.RuneLen(r) - at; length > maxWordBytes {
			return at, length
		}
	}
	return 0, 0
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// each hands texts to work chunk by chunk, on several threads where there is enough work.
// A thread stops at its first error.
func (p *pool) each(texts []string, work func(chunk) error) error {
	chunks, total := cut(texts)
	errs := make([]error, min(len(chunks), cap(p.limit), 1+total/bytesPerInstance))
	var next atomic.Int64
	var wait sync.WaitGroup
	for w := range errs {
		wait.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(chunks) && errs[w] == nil; n = int(next.Add(1)) - 1 {
				errs[w] = work(chunks[n])
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// encodeChunk encodes texts, known to be good, in one call of the core.
func (t *Tokenizer) encodeChunk(texts []string, special bool) ([][]int32, error) {
	var reply words
	err := t.pool.use(func(i *instance) (err error) {
		reply, err = i.encode(texts, flag(special, withSpecial)|flag(t.split, splitSpecial))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tokenizer %s: encoding: %w", t.path, err)
	}
	ids := make([][]int32, len(texts))
	for n := range ids {
		ids[n] = reply.ids()
	}
	return ids, nil
}

// EncodeWithOffsets is Encode that also says where each token came from.
func (t *Tokenizer) EncodeWithOffsets(text string, special bool) (Encoding, error) {
	return t.encodeDetailed([]string{text}, flag(special, withSpecial)|detailed)
}

// EncodePair encodes two texts as one input, as the post-processor joins them
// ([CLS] a [SEP] b [SEP]). Spans of b's tokens are in bytes of b.
func (t *Tokenizer) EncodePair(a, b string, special bool) (Encoding, error) {
	return t.encodeDetailed([]string{a, b}, flag(special, withSpecial)|detailed|pairs)
}

func (t *Tokenizer) encodeDetailed(texts []string, flags uint64) (Encoding, error) {
	for _, text := range texts {
		if err := t.check(text); err != nil {
			return Encoding{}, err
		}
	}
	var reply words
	err := t.pool.use(func(i *instance) (err error) {
		reply, err = i.encode(texts, flags|flag(t.split, splitSpecial))
		return err
	})
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer %s: encoding: %w", t.path, err)
	}
	return reply.encoding(), nil
}

// Decode returns the text of ids, without the special tokens where skipSpecial.
// Ids that no token has are left out; a negative id is an error. Bytes that
// are not UTF-8 together come out as U+FFFD.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) (string, error) {
	for n, id := range ids {
		if id < 0 {
			return "", fmt.Errorf(
				"tokenizer %s: decoding: id %d at position %d; want 0 to %d",
				t.path,
				id,
				n,
				t.maxID,
			)
		}
	}
	var text string
	err := t.pool.use(func(i *instance) (err error) {
		text, err = i.decode(ids, flag(skipSpecial, 1))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("tokenizer %s: decoding: %w", t.path, err)
	}
	return text, nil
}

// check says whether the core can take text.
func (t *Tokenizer) check(text string) error {
	if len(text) > maxTextBytes {
		return fmt.Errorf(
			"tokenizer %s: text of %d bytes; want at most %d: cut it",
			t.path,
			len(text),
			maxTextBytes,
		)
	}
	if at, length := longWord(text); length > 0 {
		return fmt.Errorf(
			"tokenizer %s: text has more than %d bytes of letters and digits in a row, from byte %d on, which no text has; take it out, or cut it",
			t.path,
			maxWordBytes,
			at,
		)
	}
	if utf8.ValidString(text) {
		return nil
	}
	for at, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[at:]); size == 1 {
			return fmt.Errorf(
				"tokenizer %s: text is not UTF-8 at byte %d (0x%02x); convert it to UTF-8 first",
				t.path,
				at,
				text[at],
			)
		}
	}
	return nil
}

func flag(on bool, bit uint64) uint64 {
	if on {
		return bit
	}
	return 0
}

// chunk is a run of texts, [first, end), that go to the core together.
type chunk struct{ first, end int }

// cut makes chunks of about batchBytes and counts the bytes of all texts.
func cut(texts []string) (chunks []chunk, total int) {
	size := 0
	for i, text := range texts {
		if len(chunks) == 0 || size+len(text) > batchBytes {
			chunks = append(chunks, chunk{i, i})
			size = 0
		}
		chunks[len(chunks)-1].end = i + 1
		size += len(text)
		total += len(text)
	}
	return chunks, total
}
