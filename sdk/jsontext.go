package sdk

import (
	"errors"
	"strconv"
	"strings"
)

// Formatters get fields such as the messages of a chat as JSON text, and give
// JSON text. The functions here take such a text apart without making values of
// it, so that keys keep their order and numbers their digits; they are also much
// smaller and faster in a guest than encoding/json.

// Field is a key of a JSON object and its value, as JSON.
type Field struct{ Key, Value string }

// maxDepth is how deep lists and objects may be nested in each other.
const maxDepth = 100

// JSONFields returns the fields of a JSON object, in order.
func JSONFields(object string) ([]Field, error) {
	fields, wrong := fieldsOf(object)
	if wrong != "" {
		return nil, errors.New("not a JSON object: " + wrong)
	}
	return fields, nil
}

func fieldsOf(object string) (fields []Field, wrong string) {
	s := jsonScanner{text: object}
	s.object(0, func(key, value string) {
		fields = append(fields, Field{plain(key), value})
	})
	return fields, s.end()
}

// JSONElements returns the elements of a JSON array, each as JSON.
func JSONElements(array string) (elements []string, err error) {
	s := jsonScanner{text: array}
	s.array(0, func(value string) { elements = append(elements, value) })
	if s.end() != "" {
		return nil, errors.New("not a JSON array: " + s.wrong)
	}
	return elements, nil
}

// JSONText returns the text that a JSON string stands for, and whether value is one.
func JSONText(value string) (text string, is bool) {
	value = trimSpace(value)
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if s := (jsonScanner{text: value}); !s.string() || s.at != len(value) {
		return "", false
	}
	return plain(value), true
}

// plain is what a sound JSON string stands for.
func plain(value string) string {
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1]
	}
	r := flatReader{text: value}
	text, _ := r.string()
	return text
}

// JSONQuote returns the JSON string of a text, as Python's json.dumps does with
// ensure_ascii off. Bytes that are not UTF-8 stay as they
// are, so that the error about them names the message that they are in.
func JSONQuote(text string) string { return string(appendQuoted(nil, text)) }

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0 // where what is not copied yet begins
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[plain:]...), '"')
}

func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }

// jsonScanner reads JSON from the front and keeps nothing but its place. After the
// first mistake every method returns false, and wrong says what it was.
type jsonScanner struct {
	text  string
	at    int
	wrong string
}

func (s *jsonScanner) fail(want string) bool {
	if s.wrong != "" {
		return false
	}
	found := "the end"
	if s.at < len(s.text) {
		found = strconv.QuoteToASCII(s.text[s.at : s.at+1])
	}
	s.wrong = "byte " + strconv.Itoa(s.at) + " is " + found + "; want " + want
	return false
}

// end returns the first mistake; a rest counts as one.
func (s *jsonScanner) end() string {
	if s.skip(); s.wrong == "" && s.at != len(s.text) {
		s.fail("the end")
	}
	return s.wrong
}

func (s *jsonScanner) skip() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

// take skips blanks and c, and reports whether c was there.
func (s *jsonScanner) take(c byte) bool {
	s.skip()
	if s.wrong == "" && s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// value skips a value that is nested so deep.
func (s *jsonScanner) value(depth int) bool {
	if s.skip(); s.at == len(s.text) {
		return s.fail("a value")
	}
	if depth >= maxDepth {
		return s.fail("lists and objects at most " + strconv.Itoa(maxDepth) + " deep")
	}
	switch c := s.text[s.at]; c {
	case '{':
		return s.object(depth, nil)
	case '[':
		return s.array(depth, nil)
	case '"':
		return s.string()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

// object skips an object and hands each key, a JSON string, and its value to each.
func (s *jsonScanner) object(depth int, each func(key, value string)) bool {
	if !s.take('{') {
		return s.fail(`"{"`)
	}
	if s.take('}') {
		return true
	}
	for {
		s.skip()
		start := s.at
		if !s.string() {
			return false
		}
		key := s.text[start:s.at]
		if !s.take(':') {
			return s.fail(`":"`)
		}
		s.skip()
		start = s.at
		if !s.value(depth + 1) {
			return false
		}
		if each != nil {
			each(key, s.text[start:s.at])
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return s.fail(`"," or "}"`)
		}
	}
}

// array does the same for an array.
func (s *jsonScanner) array(depth int, each func(value string)) bool {
	if !s.take('[') {
		return s.fail(`"["`)
	}
	if s.take(']') {
		return true
	}
	for {
		s.skip()
		start := s.at
		if !s.value(depth + 1) {
			return false
		}
		if each != nil {
			each(s.text[start:s.at])
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return s.fail(`"," or "]"`)
		}
	}
}

func (s *jsonScanner) word(word string) bool {
	if !strings.HasPrefix(s.text[s.at:], word) {
		return s.fail("a value")
	}
	s.at += len(word)
	return true
}

// string skips a string. An escaped surrogate must have its other half: alone it
// stands for no character.
func (s *jsonScanner) string() bool {
	if !s.take('"') {
		return s.fail("a string")
	}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return true
		case c < 0x20:
			return s.fail("it escaped")
		case c != '\\':
			s.at++
		default:
			r := flatReader{text: s.text, at: s.at + 1}
			if _, ok := r.escape(nil); !ok {
				return s.fail("an escape of a character, in pairs beyond U+FFFF")
			}
			s.at = r.at
		}
	}
	return s.fail(`"\""`)
}

func (s *jsonScanner) number() bool {
	if s.at < len(s.text) && s.text[s.at] == '-' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '0' {
		s.at++
	} else if !s.digits() {
		return s.fail("a value")
	}
	if s.at < len(s.text) && s.text[s.at] == '.' {
		if s.at++; !s.digits() {
			return s.fail("a digit")
		}
	}
	if s.at < len(s.text) && (s.text[s.at] == 'e' || s.text[s.at] == 'E') {
		s.at++
		if s.at < len(s.text) && (s.text[s.at] == '+' || s.text[s.at] == '-') {
			s.at++
		}
		if !s.digits() {
			return s.fail("a digit")
		}
	}
	return true
}

// digits skips digits and reports whether there was one.
func (s *jsonScanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}
