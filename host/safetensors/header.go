package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"llmhost/host/jsonerror"
)

// MaxHeader is the most bytes a header may have, as the format says.
const MaxHeader = 100_000_000

// metadataKey is the one key of a header that names no tensor.
const metadataKey = "__metadata__"

// entry is one tensor of a header; begin and end count bytes from
// the end of the header.
type entry struct {
	name       string
	dtype      DType
	shape      []int64
	begin, end int64
}

// parse checks the whole file image and returns its entries in the order of
// their data, its metadata and where the data begins.
func parse(path string, image []byte) ([]entry, map[string]string, int64, error) {
	text, err := headerText(path, image)
	if err != nil {
		return nil, nil, 0, err
	}
	h := header{
		path: path,
		dec:  json.NewDecoder(bytes.NewReader(text)),
		size: int64(len(text)),
	}
	entries, metadata, err := h.read()
	if err != nil {
		return nil, nil, 0, err
	}
	begin := int64(8 + len(text))
	if err := checkLayout(path, entries, int64(len(image))-begin); err != nil {
		return nil, nil, 0, err
	}
	return entries, metadata, begin, nil
}

// headerText cuts the JSON text out of the file image.
func headerText(path string, image []byte) ([]byte, error) {
	if bytes.HasPrefix(image, []byte("version https://git-lfs")) {
		return nil, fileError(
			path,
			ErrHeader,
			"is a git-lfs pointer, not the file itself; fetch it with git lfs pull",
		)
	}
	if len(image) < 8 {
		return nil, fileError(
			path,
			ErrTruncated,
			"has %d bytes; a safetensors file has at least 8; copy or download it again",
			len(image),
		)
	}
	n := binary.LittleEndian.Uint64(image)
	if n > MaxHeader {
		return nil, fileError(
			path,
			ErrHeader,
			"says that its header has %d bytes; want at most %d; this is not a safetensors file",
			n,
			MaxHeader,
		)
	}
	if n > uint64(len(image)-8) {
		return nil, fileError(
			path,
			ErrTruncated,
			"is cut off: its header has %d bytes, of which the file has %d; copy or download it again",
			n,
			len(image)-8,
		)
	}
	text := image[8 : 8+n]
	if !utf8.Valid(text) {
		return nil, fileError(path, ErrHeader, "has a header that is not UTF-8; this is not a safetensors file")
	}
	if !bytes.HasPrefix(text, []byte("{")) {
		return nil, fileError(
			path,
			ErrHeader,
			"has a header that does not begin with {; this is not a safetensors file",
		)
	}
	return text, nil
}

// header reads the JSON of a header token by token, since a decoder into a map
// would hide a name that occurs twice.
type header struct {
	path string
	dec  *json.Decoder
	size int64
}

func (h *header) read() ([]entry, map[string]string, error) {
	var entries []entry
	metadata := map[string]string{}
	err := h.object(func(key string) error {
		if key == metadataKey {
			return h.metadata(metadata)
		}
		e, err := h.entry(key)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := h.dec.Token(); err != io.EOF {
		return nil, nil, fileError(
			h.path,
			ErrHeader,
			"has text after its header's object, at byte %d; write the file again",
			8+h.dec.InputOffset(),
		)
	}
	return entries, metadata, nil
}

// object reads one JSON object; value is called for each key and reads its value.
func (h *header) object(value func(key string) error) error {
	if t, err := h.dec.Token(); err != nil {
		return h.syntax(err)
	} else if t != json.Delim('{') {
		return fileError(
			h.path,
			ErrHeader,
			"has %v in its header at byte %d; want an object; write the file again",
			t,
			8+h.dec.InputOffset(),
		)
	}
	seen := map[string]bool{}
	for h.dec.More() {
		t, err := h.dec.Token()
		if err != nil {
			return h.syntax(err)
		}
		key := t.(string) // the decoder allows nothing else as a key
		if seen[key] {
			return fileError(h.path, ErrHeader, "has %q twice in its header; write the file again", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := h.dec.Token()
	return h.syntax(err)
}

func (h *header) entry(name string) (entry, error) {
	e := entry{name: name, begin: -1}
	var offsets []int64
	err := h.object(func(key string) error {
		switch key {
		case "dtype":
			return h.value(name, key, &e.dtype, "a string")
		case "shape":
			return h.value(name, key, &e.shape, "a list of whole numbers")
		case "data_offsets":
			return h.value(name, key, &offsets, "a list of two whole numbers")
		}
		var ignored json.RawMessage // as other readers do
		return h.value(name, key, &ignored, "JSON")
	})
	if err != nil {
		return e, err
	}
	if len(offsets) == 2 {
		e.begin = offsets[0]
		e.end = offsets[1]
	}
	return e, e.check(h.path)
}

// value decodes the next value, which belongs to key of tensor name, into v.
func (h *header) value(name, key string, v any, want string) error {
	err := h.dec.Decode(v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return tensorError(
			h.path,
			name,
			ErrHeader,
			"has a %s in %s; want %s; write the file again",
			wrong.Value,
			key,
			want,
		)
	}
	return h.syntax(err)
}

func (h *header) metadata(into map[string]string) error {
	var read map[string]*string
	if err := h.dec.Decode(&read); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return fileError(
				h.path,
				ErrHeader,
				"has a %s in %s; want strings; write the file again",
				wrong.Value,
				metadataKey,
			)
		}
		return h.syntax(err)
	}
	for k, v := range read {
		if v == nil {
			return fileError(
				h.path,
				ErrHeader,
				"has null in %s under %q; want a string; write the file again",
				metadataKey,
				k,
			)
		}
		into[k] = *v
	}
	return nil
}

func (h *header) syntax(err error) error {
	if err == nil {
		return nil
	}
	return fileError(
		h.path,
		ErrHeader,
		"has a header that is not JSON at byte %d (%s); this is not a safetensors file",
		8+h.dec.InputOffset(),
		jsonerror.Syntax(err),
	)
}

// check applies the format's rules that need no other entry.
func (e entry) check(path string) error {
	bad := func(format string, args ...any) error { return tensorError(path, e.name, ErrHeader, format, args...) }
	switch {
	case e.dtype == unknown:
		return bad("has no dtype; write the file again")
	case e.dtype.rank() < 0:
		return bad("has dtype %q; want one of %s", e.dtype, dtypeNames())
	case e.shape == nil:
		return bad("has no shape; write the file again")
	case e.begin < 0 || e.end < e.begin:
		return bad("has no usable data_offsets; want two whole numbers, the first not above the second; write the file again")
	}
	size, ok := byteSize(e.dtype, e.shape)
	if !ok {
		return bad(
			"has the shape %s of %s, which is not a valid number of bytes; write the file again",
			ShapeText(e.shape),
			e.dtype,
		)
	}
	if size != e.end-e.begin {
		return bad(
			"takes %d bytes as %s of %s, but its data_offsets [%d, %d] span %d; write the file again",
			size,
			ShapeText(e.shape),
			e.dtype,
			e.begin,
			e.end,
			e.end-e.begin,
		)
	}
	return nil
}

// byteSize is the bytes that a tensor takes; ok is false where a dimension is
// negative, the product overflows or the last byte would be shared.
func byteSize(d DType, shape []int64) (size int64, ok bool) {
	if slices.ContainsFunc(shape, func(n int64) bool { return n < 0 }) {
		return 0, false
	}
	if slices.Contains(shape, 0) {
		return 0, true
	}
	elements := int64(1)
	for _, n := range shape {
		if elements > math.MaxInt64/64/n {
			return 0, false
		}
		elements *= n
	}
	bits := elements * d.Bits()
	return bits / 8, bits%8 == 0
}

// checkLayout sorts entries by their data and checks that they cover the data of
// the file, length bytes, without holes and overlaps.
func checkLayout(path string, entries []entry, length int64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		switch {
		case a.begin != b.begin:
			return cmp.Compare(a.begin, b.begin)
		case a.end != b.end:
			return cmp.Compare(a.end, b.end)
		}
		return strings.Compare(a.name, b.name)
	})
	end, before := int64(0), ""
	for _, e := range entries {
		if e.begin > end {
			return tensorError(
				path,
				e.name,
				ErrHeader,
				"begins at byte %d of the data; bytes %d to %d belong to no tensor; write the file again",
				e.begin,
				end,
				e.begin,
			)
		}
		if e.begin < end {
			return tensorError(
				path,
				e.name,
				ErrHeader,
				"begins at byte %d of the data, inside tensor %q, which ends at %d; write the file again",
				e.begin,
				before,
				end,
			)
		}
		if e.end > length {
			return tensorError(
				path,
				e.name,
				ErrTruncated,
				"ends at byte %d of the data, but the file is cut off at %d; copy or download it again",
				e.end,
				length,
			)
		}
		end, before = e.end, e.name
	}
	if end != length {
		return fileError(path, ErrHeader, "has %d bytes after the last tensor; write the file again", length-end)
	}
	return nil
}
