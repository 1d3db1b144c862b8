package sdk

import (
	"errors"
	"math"
	"sort"
	"strconv"
	"unicode/utf8"

	"llmhost/sdk/op"
)

// Plugins write and read their JSON by hand: encoding/json would make a Go
// guest half as large again, and slower to load.

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string; what is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// appendFloat64 appends the shortest text that reads back as v; infinities
// become the strings "inf" and "-inf".
func appendFloat64(b []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, `"inf"`...)
	case math.IsInf(v, -1):
		return append(b, `"-inf"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// appendKey appends a comma unless the object has just begun, then the key.
func appendKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(appendString(b, key), ':')
}

// appendField appends a key and a string.
func appendField(b []byte, key, s string) []byte { return appendString(appendKey(b, key), s) }

// appendValue appends a parameter's value.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case float64:
		return appendFloat64(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendString(b, v)
	}
	return append(b, "null"...)
}

// CanonicalConfig writes parameter values as JSON with sorted keys, the form in
// which a host configures a component. Values are float64, int, bool or string.
func CanonicalConfig(values map[string]any) []byte {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	b := []byte{'{'}
	for _, name := range names {
		b = appendValue(appendKey(b, name), values[name])
	}
	return append(b, '}')
}

func appendList(b []byte, items []string) []byte {
	b = append(b, '[')
	for i, s := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendShape(b []byte, shape Shape) []byte {
	names := make([]string, len(shape))
	for i, d := range shape {
		names[i] = string(d)
	}
	return appendList(b, names)
}

func appendAttr(b []byte, attr op.Attr) []byte {
	switch attr.Kind {
	case op.Flag:
		return strconv.AppendBool(b, attr.Bool)
	case op.Number, op.Fill:
		return appendFloat64(b, attr.Float)
	case op.Type:
		return appendString(b, string(attr.DType))
	case op.Size:
		return appendString(b, string(attr.Dim))
	case op.Sizes:
		return appendShape(b, attr.Shape)
	}
	return strconv.AppendInt(b, int64(attr.Int), 10) // Axis, NewAxis
}

// flatReader reads one JSON object whose values are numbers, texts, true or
// false: all that a host sends besides rows.
type flatReader struct {
	text string
	at   int
}

var errFlat = errors.New("configuration is not a flat JSON object of numbers, texts, true and false")

// readFlat returns the object's values: float64, bool or string.
func readFlat(data []byte) (map[string]any, error) {
	r := &flatReader{text: string(data)}
	values := map[string]any{}
	if !r.take('{') {
		return nil, errFlat
	}
	for n := 0; !r.take('}'); n++ {
		if n > 0 && !r.take(',') {
			return nil, errFlat
		}
		key, ok := r.string()
		if !ok || !r.take(':') {
			return nil, errFlat
		}
		if _, twice := values[key]; twice {
			return nil, errors.New("configuration names " + key + " twice")
		}
		if values[key], ok = r.value(); !ok {
			return nil, errFlat
		}
	}
	if r.skip(); r.at != len(r.text) {
		return nil, errFlat
	}
	return values, nil
}

func (r *flatReader) skip() {
	for r.at < len(r.text) &&
		(r.text[r.at] == ' ' || r.text[r.at] == '\n' || r.text[r.at] == '\t' || r.text[r.at] == '\r') {
		r.at++
	}
}

// take skips c and reports whether it was there.
func (r *flatReader) take(c byte) bool {
	r.skip()
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

// word skips s and reports whether it was there.
func (r *flatReader) word(s string) bool {
	if len(r.text)-r.at >= len(s) && r.text[r.at:r.at+len(s)] == s {
		r.at += len(s)
		return true
	}
	return false
}

func (r *flatReader) value() (any, bool) {
	r.skip()
	switch {
	case r.word("true"):
		return true, true
	case r.word("false"):
		return false, true
	case r.at < len(r.text) && r.text[r.at] == '"':
		return r.string()
	}
	start := r.at
	for r.at < len(r.text) && isNumberByte(r.text[r.at]) {
		r.at++
	}
	v, err := strconv.ParseFloat(r.text[start:r.at], 64)
	return v, err == nil
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}

func (r *flatReader) string() (string, bool) {
	if !r.take('"') {
		return "", false
	}
	var out []byte
	for r.at < len(r.text) {
		c := r.text[r.at]
		r.at++
		switch {
		case c == '"':
			return string(out), utf8.Valid(out)
		case c < 0x20:
			return "", false
		case c != '\\':
			out = append(out, c)
		default:
			var ok bool
			if out, ok = r.escape(out); !ok {
				return "", false
			}
		}
	}
	return "", false
}

// escape reads what follows a backslash.
func (r *flatReader) escape(out []byte) ([]byte, bool) {
	if r.at == len(r.text) {
		return out, false
	}
	c := r.text[r.at]
	r.at++
	switch c {
	case '"', '\\', '/':
		return append(out, c), true
	case 'b':
		return append(out, '\b'), true
	case 'f':
		return append(out, '\f'), true
	case 'n':
		return append(out, '\n'), true
	case 'r':
		return append(out, '\r'), true
	case 't':
		return append(out, '\t'), true
	case 'u':
		return r.unicode(out)
	}
	return out, false
}

// unicode reads the four digits of an escape, and a second one that completes a
// surrogate pair.
func (r *flatReader) unicode(out []byte) ([]byte, bool) {
	first, ok := r.hex4()
	if !ok || first >= 0xdc00 && first < 0xe000 {
		return out, false
	}
	if first < 0xd800 || first >= 0xe000 {
		return utf8.AppendRune(out, first), true
	}
	if !r.word(`\u`) {
		return out, false
	}
	second, ok := r.hex4()
	if !ok || second < 0xdc00 || second >= 0xe000 {
		return out, false
	}
	return utf8.AppendRune(out, (first-0xd800)<<10+(second-0xdc00)+0x10000), true
}

func (r *flatReader) hex4() (rune, bool) {
	if len(r.text)-r.at < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	r.at += 4
	return rune(v), err == nil
}
