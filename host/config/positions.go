package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// position is a line and a column of a text, both from 1; a column is a
// character, not a byte.
type position struct{ line, col int }

// keyPath joins the parts of a key so that parts with dots stay apart.
func keyPath(parts ...string) string { return strings.Join(parts, "\x00") }

// element is the part of a key that stands for an element of a list, from 0.
func element(n int) string { return fmt.Sprintf("\x01%d", n) }

// positions finds where each key of a TOML document first occurs; for a.b the
// key a occurs there too. The document must be one that the decoder accepted: the
// scan skips values and comments and checks nothing.
func positions(text string) map[string]position {
	s := scan{text: strings.TrimPrefix(text, "\ufeff"), found: map[string]position{}}
	var table []string
	lists := map[string]int{} // of tables: how many there were
	for {
		s.skip(" \t\r\n")
		switch {
		case s.at >= len(s.text):
			return s.found
		case s.peek("#"):
			s.line()
		case s.peek("["):
			isList := s.peek("[[")
			s.skip("[ \t")
			begin := s.at
			table = s.key(nil)
			if name := table[0]; isList && len(table) == 1 {
				table = append(table, element(lists[name]))
				lists[name]++
				s.found[keyPath(table...)] = s.position(begin)
			} else if n := lists[name]; n > 0 {
				table = slices.Insert(table, 1, element(n-1))
				s.note(table, s.at)
			}
			s.line()
		default:
			s.pair(table)
		}
	}
}

// scan is a place in a TOML text.
type scan struct {
	text  string
	at    int
	found map[string]position

	counted, lines, lineBegin int // for position
}

func (s *scan) peek(prefix string) bool { return strings.HasPrefix(s.text[s.at:], prefix) }

func (s *scan) skip(chars string) {
	s.at = len(s.text) - len(strings.TrimLeft(s.text[s.at:], chars))
}

// until moves to the first of chars, or to the end.
func (s *scan) until(chars string) {
	n := strings.IndexAny(s.text[s.at:], chars)
	if n < 0 {
		n = len(s.text) - s.at
	}
	s.at += n
}

func (s *scan) line() { s.until("\n") }

// pair passes one key, its = and its value.
func (s *scan) pair(table []string) {
	key := s.key(table)
	s.skip(" \t=")
	s.value(key)
}

// key passes a key, which may have dots, notes each of its prefixes and returns
// it below table.
func (s *scan) key(table []string) []string {
	path := append([]string{}, table...)
	for {
		s.skip(" \t")
		begin := s.at
		path = append(path, s.part())
		s.note(path, begin)
		s.skip(" \t")
		if !s.peek(".") {
			return path
		}
		s.at++
	}
}

// note notes where a key is, unless it has occurred before.
func (s *scan) note(path []string, at int) {
	if joined := keyPath(path...); s.found[joined] == (position{}) {
		s.found[joined] = s.position(at)
	}
}

// part passes one part of a key and returns what it says.
func (s *scan) part() string {
	begin := s.at
	switch {
	case s.peek(`"`):
		s.quoted(`"`)
		var doc map[string]string // the decoder knows the escapes
		_, _ = toml.Decode("v = "+s.text[begin:s.at], &doc)
		return doc["v"]
	case s.peek(`'`):
		s.quoted(`'`)
		return strings.Trim(s.text[begin:s.at], `'`)
	}
	s.until(" \t\r\n.=]\"'")
	if s.at == begin { // no accepted document has this; move on all the same
		s.at = min(s.at+1, len(s.text))
	}
	return s.text[begin:s.at]
}

// value passes one value that belongs to key.
func (s *scan) value(key []string) {
	switch {
	case s.peek(`"`), s.peek(`'`):
		s.quoted(s.text[s.at : s.at+1])
	case s.peek("["):
		n := 0
		s.list(']', func() {
			s.note(append(slices.Clone(key), element(n)), s.at)
			s.value(append(slices.Clone(key), element(n)))
			n++
		})
	case s.peek("{"):
		s.list('}', func() { s.pair(key) })
	default:
		s.until(" \t\r\n,]}#")
	}
}

// list passes a list or an inline table: the content of the brackets is
// passed by one, commas and comments by itself.
func (s *scan) list(end byte, one func()) {
	s.at++
	for {
		s.skip(" \t\r\n,")
		switch {
		case s.at >= len(s.text):
			return
		case s.text[s.at] == end:
			s.at++
			return
		case s.peek("#"):
			s.line()
		default:
			before := s.at
			if one(); s.at == before {
				s.at++
			}
		}
	}
}

// quoted passes a string, of one line or of several, that begins with mark.
func (s *scan) quoted(mark string) {
	if triple := strings.Repeat(mark, 3); s.peek(triple) {
		mark = triple
	}
	s.at += len(mark)
	for s.at < len(s.text) && !s.peek(mark) {
		if mark[0] == '"' && s.peek(`\`) {
			s.at++
		}
		s.at++
	}
	s.at = min(s.at+len(mark), len(s.text))
	for extra := 0; len(mark) == 3 && extra < 2 && s.peek(mark[:1]); extra++ {
		s.at++ // two quotes may come before the closing three
	}
}

// position says where a byte of the text is. Keys come in the order of the
// text, so that only what follows the last one is counted.
func (s *scan) position(at int) position {
	passed := s.text[s.counted:at]
	if n := strings.LastIndexByte(passed, '\n'); n >= 0 {
		s.lines += strings.Count(passed, "\n")
		s.lineBegin = s.counted + n + 1
	}
	s.counted = at
	return position{line: s.lines + 1, col: utf8.RuneCountInString(s.text[s.lineBegin:at]) + 1}
}
