package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

	"llmhost/host/atomicfile"
)

// Source is one tensor to write: its bytes are Data, or what Stream writes
// where that is set, so that a model need not be in memory twice. Both are
// row-major and little-endian.
type Source struct {
	Name   string
	DType  DType
	Shape  []int64
	Data   []byte
	Stream func(w io.Writer) error
}

// size is the bytes of the tensor.
func (s Source) size() int64 {
	n, _ := byteSize(s.DType, s.Shape)
	return n
}

// Sorted returns sources in the order of Hugging Face's writer: the widest
// dtype first, by name within one.
func Sorted(sources []Source) []Source {
	return slices.SortedFunc(slices.Values(sources), func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.DType.rank(), b.DType.rank()), cmp.Compare(a.Name, b.Name))
	})
}

// Write puts one file at path, atomically: the order is that of Sorted, the
// bytes are those of Hugging Face's writer. With a full disk the error is
// syscall.ENOSPC to errors.Is, and path is as it was.
func Write(path string, sources []Source, metadata map[string]string) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := Encode(f, Sorted(sources), metadata); err != nil {
		return named(path, err)
	}
	return f.Commit()
}

// WriteInto is Write without the syncing and renaming, for a file within a
// folder that is made durable as a whole.
func WriteInto(path string, sources []Source, metadata map[string]string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := Encode(f, Sorted(sources), metadata); err != nil {
		f.Close()
		return named(path, err)
	}
	return f.Close()
}

// named puts path in front of an error that names no file yet.
func named(path string, err error) error {
	var names *fs.PathError
	if errors.As(err, &names) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Encode writes one file to w with the tensors in the order given. Every
// source is checked before the first byte.
func Encode(w io.Writer, sources []Source, metadata map[string]string) error {
	header, err := encodeHeader(sources, metadata)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.Write(header); err != nil {
		return err
	}
	for _, s := range sources {
		if err := s.writeTo(out); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (s Source) writeTo(w io.Writer) error {
	if s.Stream == nil {
		_, err := w.Write(s.Data)
		return err
	}
	counted := &counter{w: w}
	if err := s.Stream(counted); err != nil {
		return err
	}
	if counted.n != s.size() {
		return fmt.Errorf(
			"tensor %q: its stream wrote %d bytes; want %d for %s of %s",
			s.Name,
			counted.n,
			s.size(),
			ShapeText(s.Shape),
			s.DType,
		)
	}
	return nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// encodeHeader renders the length and the JSON, padded with blanks so that the
// data begins at a multiple of 8.
func encodeHeader(sources []Source, metadata map[string]string) ([]byte, error) {
	if err := checkSources(sources); err != nil {
		return nil, err
	}
	text := append(make([]byte, 8, 128*len(sources)+64), '{')
	if len(metadata) > 0 {
		text = appendMetadata(text, metadata)
	}
	begin := int64(0)
	for _, s := range sources {
		if len(text) > 9 {
			text = append(text, ',')
		}
		end := begin + s.size()
		text = appendEntry(text, s, begin, end)
		begin = end
	}
	text = append(text, '}')
	text = append(text, bytes.Repeat([]byte(" "), -len(text)&7)...)
	if n := len(text) - 8; n > MaxHeader {
		return nil, fmt.Errorf(
			"the header of %d tensors has %d bytes; want at most %d; write several files",
			len(sources),
			n,
			MaxHeader,
		)
	}
	binary.LittleEndian.PutUint64(text, uint64(len(text)-8))
	return text, nil
}

func checkSources(sources []Source) error {
	seen := map[string]bool{}
	for _, s := range sources {
		size, ok := byteSize(s.DType, s.Shape)
		switch {
		case s.Name == metadataKey || !utf8.ValidString(s.Name):
			return fmt.Errorf("tensor %q: a safetensors file cannot hold this name", s.Name)
		case seen[s.Name]:
			return fmt.Errorf("tensor %q: occurs twice", s.Name)
		case s.DType.rank() < 0:
			return fmt.Errorf("tensor %q: dtype %q; want one of %s", s.Name, s.DType, dtypeNames())
		case !ok:
			return fmt.Errorf(
				"tensor %q: shape %s of %s is not a valid number of bytes",
				s.Name,
				ShapeText(s.Shape),
				s.DType,
			)
		case s.Stream == nil && int64(len(s.Data)) != size:
			return fmt.Errorf(
				"tensor %q: has %d bytes; want %d for %s of %s",
				s.Name,
				len(s.Data),
				size,
				ShapeText(s.Shape),
				s.DType,
			)
		}
		seen[s.Name] = true
	}
	return nil
}

func appendMetadata(text []byte, metadata map[string]string) []byte {
	text = append(text, `"`+metadataKey+`":{`...)
	for i, k := range slices.Sorted(maps.Keys(metadata)) {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(appendString(text, k), ':')
		text = appendString(text, metadata[k])
	}
	return append(text, '}')
}

func appendEntry(text []byte, s Source, begin, end int64) []byte {
	text = append(appendString(text, s.Name), `:{"dtype":"`...)
	text = append(text, s.DType...)
	text = append(text, `","shape":[`...)
	for i, n := range s.Shape {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	text = append(text, `],"data_offsets":[`...)
	text = strconv.AppendInt(text, begin, 10)
	text = append(text, ',')
	text = strconv.AppendInt(text, end, 10)
	return append(text, `]}`...)
}

// appendString writes s as JSON with as few escapes as possible, as Hugging Face's
// writer does; encoding/json would escape more.
func appendString(text []byte, s string) []byte {
	const short = "\b\t\n\f\r\"\\"
	text = append(text, '"')
	for _, r := range s { // a byte that is not UTF-8 becomes U+FFFD
		switch {
		case r < ' ' || r == '"' || r == '\\':
			if i := bytes.IndexByte([]byte(short), byte(r)); i >= 0 {
				text = append(text, '\\', `btnfr"\`[i])
			} else {
				text = fmt.Appendf(text, `\u%04x`, r)
			}
		default:
			text = utf8.AppendRune(text, r)
		}
	}
	return append(text, '"')
}
