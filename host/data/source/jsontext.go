package source

import (
	"bytes"
	"fmt"
	"io"
)

// readLines yields the objects of a file that holds one a line.
func readLines(f Files, in *input, from Place, yield func(Record, error) bool) error {
	t, err := f.openText(in, from)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.lines(func(o object) bool { return yield(o, nil) })
}

// readArray yields the objects of a file that is one array of them.
func readArray(f Files, in *input, from Place, yield func(Record, error) bool) error {
	t, err := f.openText(in, from)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.array(func(o object) bool { return yield(o, nil) }, t.atEnd)
}

// lines yields the object of each line that is not blank, until yield says no more.
func (t *text) lines(yield func(object) bool) error {
	for {
		begin := t.at
		line, err := t.line()
		if err != nil && err != io.EOF {
			return t.located(begin, err)
		}
		if !blank(line) {
			t.at = t.at.nextRow()
			if !yield(t.object(begin, bytes.Clone(bytes.TrimRight(line, "\r\n")))) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// blank says whether a line holds nothing but white space, as JSON has it.
func blank(line []byte) bool { return len(bytes.Trim(line, " \t\r\n")) == 0 }

// object is a record whose text began at a place and was just read.
func (t *text) object(begin Place, raw []byte) object {
	return object{
		file:    t.file,
		place:   begin,
		after:   t.at,
		text:    raw,
		replace: t.replace,
	}
}

// array yields each element of an array, until yield says no more. end reads what is
// behind it.
func (t *text) array(yield func(object) bool, end func() error) error {
	more, err := t.begin()
	for err == nil && more {
		var o object
		o, err = t.element()
		if err == nil && !yield(o) {
			return nil
		}
		if err == nil {
			more, err = t.separator()
		}
	}
	if err == nil {
		err = end()
	}
	return t.endedIn("its array", err)
}

// begin goes to the next element: from the beginning of the file, from an element, or
// from behind one. more is false where there is none.
func (t *text) begin() (more bool, err error) {
	switch c, err := t.peek(); {
	case err == io.EOF && t.at.Row == 0:
		return false, nil // the file is empty
	case err != nil:
		return false, err
	case c == '{':
		return true, nil
	case c != '[':
		return t.separator()
	}
	_, _ = t.next()
	c, err := t.peek()
	if c == ']' {
		_, _ = t.next()
	}
	return c != ']', err
}

// separator reads what is behind an element of the array. more is false at its end.
func (t *text) separator() (more bool, err error) {
	c, err := t.peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != ']' {
		return false, t.wrong(c, "a comma or ]")
	}
	_, _ = t.next()
	if c == ']' {
		return false, nil
	}
	_, err = t.peek()
	return true, err
}

// atEnd demands that nothing follows the array.
func (t *text) atEnd() error {
	c, err := t.peek()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return err
	}
	return t.wrong(c, "the end of the file after the array")
}

// element reads one object of the array, which begins with the next byte.
func (t *text) element() (object, error) {
	begin := t.at
	c, err := t.peek()
	if err != nil {
		return object{}, err
	}
	if c != '{' {
		return object{}, t.wrong(c, "an object")
	}
	var raw []byte
	var scan objectScan
	for !scan.done {
		if _, err := t.in.Peek(1); err != nil {
			return object{}, err
		}
		ahead, _ := t.in.Peek(t.in.Buffered())
		part := ahead[:scan.next(ahead)]
		if len(raw)+len(part) > t.most {
			return object{}, t.tooLong(begin)
		}
		raw = append(raw, part...)
		t.pass(part)
	}
	t.at = t.at.nextRow()
	return t.object(begin, raw), nil
}

// objectScan finds the end of an object: it looks only at brackets and texts, the parser
// finds what is wrong between them.
type objectScan struct {
	depth           int
	inText, escaped bool
	done            bool
}

// next returns how many of the next bytes belong to the object.
func (s *objectScan) next(text []byte) int {
	for i, c := range text {
		switch {
		case s.escaped:
			s.escaped = false
		case s.inText:
			s.escaped = c == '\\'
			s.inText = c != '"'
		case c == '"':
			s.inText = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			if s.depth--; s.depth == 0 {
				s.done = true
				return i + 1
			}
		}
	}
	return len(text)
}

// endedIn is the error of a file that ends, or cannot be read on, inside of something.
func (t *text) endedIn(what string, err error) error {
	if err == io.EOF {
		return fmt.Errorf("%s:%d: the file ends inside %s", t.position(t.at), t.at.Column, what)
	}
	return t.located(t.at, err)
}
