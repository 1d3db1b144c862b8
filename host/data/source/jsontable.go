package source

import (
	"fmt"
	"io"
	"slices"
)

// readObjects yields the objects of a file that holds one after the other, over several
// lines each; one that is alone may be a table.
func readObjects(f Files, in *input, from Place, yield func(Record, error) bool) error {
	start := from
	if from.Line == 0 {
		start.Row, start.Read = 0, from.Read-from.Row
	}
	t, err := f.openText(in, start)
	if err != nil {
		return err
	}
	defer t.Close()
	for first := from.Line == 0; ; first = false {
		if _, err := t.peek(); err == io.EOF {
			return nil
		}
		o, err := t.element()
		if err != nil {
			return t.endedIn("an object", err)
		}
		if _, end := t.peek(); first && end == io.EOF {
			return readLone(o, from, yield)
		}
		if !yield(o, nil) {
			return nil
		}
	}
}

// readLone yields what the one object of a file holds.
func readLone(o object, from Place, yield func(Record, error) bool) error {
	if _, err := o.Fields(); err != nil {
		return err
	}
	members := membersOf(o.text)
	shape, err := shapeOf(members)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Position(), err)
	}
	if shape == aRecord {
		if from.Row == 0 {
			yield(o, nil)
		}
		return nil
	}
	table := jsonTable{object: o, first: Place{File: from.File, Read: from.Read - from.Row}}
	return table.rows(shape, members, func(row object) bool {
		return row.place.Row < from.Row || yield(row, nil)
	})
}

// jsonTable is an object whose rows are records.
type jsonTable struct {
	object
	first Place // of the first row
}

// rows yields the rows, until yield says no more.
func (t *jsonTable) rows(shape tableShape, members []member, yield func(object) bool) error {
	switch shape {
	case ofIndex:
		for _, m := range members {
			if !yield(t.row(m.raw)) {
				return nil
			}
		}
		return nil
	case ofSplit:
		return t.split(members, yield)
	}
	columns := make([]parser, len(members))
	for i, m := range members {
		columns[i] = parser{text: m.raw, at: 1}
	}
	for columns[0].peek() != endOf(members[0].raw) {
		text := []byte{'{'}
		for i := range columns {
			text = appendMember(text, members[i].name, columns[i].nextValue(shape == ofColumns))
		}
		if !yield(t.row(append(text, '}'))) {
			return nil
		}
	}
	return nil
}

// endOf is the bracket at which a list or object ends.
func endOf(raw []byte) byte { return raw[len(raw)-1] }

// nextValue is the next value of a well-formed list or, behind its name, of an object.
func (p *parser) nextValue(named bool) value {
	if named {
		_, _ = p.value(0)
		p.peek()
		p.at++ // the colon
	}
	v, _ := p.value(0)
	if p.peek() == ',' {
		p.at++
	}
	return v
}

// split yields the rows of pandas' "split".
func (t *jsonTable) split(members []member, yield func(object) bool) (wrong error) {
	var names []value
	var data value
	for _, m := range members {
		switch m.name {
		case "columns":
			names = m.elements()
		case "data":
			data = m.value
		}
	}
	if slices.ContainsFunc(names, func(name value) bool { return name.kind != kindString }) {
		return fmt.Errorf("%s: \"columns\" holds more than the names of columns; %s", t.Position(), asRecords)
	}
	p := parser{text: data.raw}
	_ = p.array(0, func(row value) error {
		cells := []value(nil)
		if row.kind == kindArray {
			cells = row.elements()
		}
		if len(cells) != len(names) {
			wrong = fmt.Errorf("%s: row %d of \"data\" is no list of %d cells, one for each of \"columns\"; %s", t.Position(), t.first.Row+1, len(names), asRecords)
			return errStopped
		}
		text := []byte{'{'}
		for i, cell := range cells {
			text = appendMember(text, names[i].text(), cell)
		}
		if !yield(t.row(append(text, '}'))) {
			return errStopped
		}
		return nil
	})
	return wrong
}

func appendMember(text []byte, name string, v value) []byte {
	if len(text) > 1 {
		text = append(text, ", "...)
	}
	text = append(appendQuoted(text, name), ": "...)
	return append(text, v.raw...)
}

// row is the next record.
func (t *jsonTable) row(text []byte) object {
	place := t.first
	t.first = place.nextRow()
	return object{
		file:    t.file,
		place:   place,
		after:   t.first,
		text:    text,
		row:     int(place.Row) + 1,
		replace: t.replace,
	}
}

// readWrapped yields the objects of the list that the one object of a file holds.
func readWrapped(f Files, in *input, from Place, yield func(Record, error) bool) error {
	if from.Line == 0 {
		head := trimMark(in.head)
		at, _ := listInside(head)
		begin := text{at: Place{File: from.File, Row: from.Row, Read: from.Read, Line: 1, Column: 1}}
		begin.at.Offset = int64(len(in.head) - len(head))
		begin.count(head[:at])
		from = begin.at
	}
	t, err := f.openText(in, from)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.array(func(o object) bool { return yield(o, nil) }, t.restOfObject)
}

// restOfObject demands that no more records follow the list in its object.
func (t *text) restOfObject() error {
	for {
		c, err := t.peek()
		if err != nil {
			return err
		}
		_, _ = t.next()
		if c == '}' {
			return t.atEnd()
		}
		if c != ',' {
			return t.wrong(c, "a comma or }")
		}
		if err := t.skipMember(); err != nil {
			return err
		}
	}
}

// skipMember goes over a field of an object.
func (t *text) skipMember() error {
	name, err := t.skipValue()
	if err != nil {
		return err
	}
	c, err := t.peek()
	if err != nil {
		return err
	}
	if c != ':' || len(name) < 2 || name[0] != '"' {
		return t.wrong(c, "the name of a field, and a colon")
	}
	_, _ = t.next()
	if c, err = t.peek(); err != nil {
		return err
	}
	if recordLists[string(name[1:len(name)-1])] && c == '[' {
		return wrongText(fmt.Sprintf("%s: the object has more than one list of records, here %s; write each to a file of its own", t.position(t.at), name))
	}
	_, err = t.skipValue()
	return err
}

// skipValue goes over a value and returns how it begins.
func (t *text) skipValue() (begin []byte, err error) {
	c, err := t.peek()
	if err != nil {
		return nil, err
	}
	scan := objectScan{}
	for {
		if len(begin) < 64 {
			begin = append(begin, c)
		}
		_, _ = t.next()
		scan.next([]byte{c})
		open := scan.inText || scan.depth > 0
		if c, err = t.peekByte(); err != nil {
			return nil, err
		}
		if !open && (scan.done || begin[0] == '"' || c == ',' || c == '}' || c == ':' || c == ' ' || c == '\n' || c == '\r' || c == '\t') {
			return begin, nil
		}
	}
}

func (t *text) peekByte() (byte, error) {
	c, err := t.in.Peek(1)
	if err != nil {
		return 0, err
	}
	return c[0], nil
}
