package source

import (
	"bytes"
	"fmt"
	"strings"
)

// recordLists are the names under which a JSON object holds the list of the records: those of
// datasets' splits, and of what other programs write.
var recordLists = map[string]bool{
	"data": true, "train": true, "validation": true, "valid": true, "dev": true, "eval": true, "test": true,
	"rows": true, "records": true, "examples": true, "instances": true, "samples": true, "items": true,
}

// kindOfObject is the kind of a file whose text begins with an object. head is how it
// begins; whole says that this is all of it.
func kindOfObject(named *fileKind, head []byte, whole bool) *fileKind {
	line, rest, more := bytes.Cut(head, []byte("\n"))
	p := parser{text: line}
	err := p.object(0, func(string, value) error { return nil })
	lone := whole && len(bytes.TrimSpace(rest)) == 0
	syntax, _ := err.(*syntaxError)
	switch {
	case err == nil && (p.atEnd() && !lone || named == jsonLines):
		return jsonLines
	case err != nil && whole && !more:
		return jsonLines // as before
	case err != nil && more && (syntax.at < len(bytes.TrimRight(line, " \t\r")) || named == jsonLines && bytes.HasPrefix(bytes.TrimSpace(rest), []byte("{"))):
		return jsonLines // its first line is at fault
	}
	if _, found := listInside(head); found {
		return jsonWrapped
	}
	if err == nil && p.atEnd() && !isLoneTable(line) || !more && !whole {
		return jsonLines
	}
	return jsonObjects
}

// isLoneTable says whether an object that is alone in its file is no record: a table, or
// an error about one.
func isLoneTable(text []byte) bool {
	shape, err := shapeOf(membersOf(text))
	return shape != aRecord || err != nil
}

// listInside finds the list of the records in the one object that a file is: where its
// bracket is in the text.
func listInside(head []byte) (at int, found bool) {
	p := parser{text: head}
	_ = p.list('{', '}', "an object", func() error {
		if p.peek() != '"' {
			return errStopped
		}
		name, err := p.value(0)
		if err != nil || p.peek() != ':' {
			return errStopped
		}
		p.at++
		p.peek()
		ahead := parser{text: head, at: p.at + 1}
		if recordLists[name.text()] && p.at < len(head) && head[p.at] == '[' && ahead.peek() == '{' {
			at, found = p.at, true
			return errStopped
		}
		_, err = p.value(0)
		return err
	})
	return at, found
}

// member is a field of an object.
type member struct {
	name string
	value
}

// membersOf are the fields of a well-formed object.
func membersOf(text []byte) (all []member) {
	p := parser{text: text}
	_ = p.object(0, func(name string, v value) error {
		all = append(all, member{name, v})
		return nil
	})
	return all
}

// tableShape is how an object holds a table.
type tableShape int

// What an object that is alone in its file may be. The words are those of pandas' to_json.
const (
	aRecord   tableShape = iota
	ofLists              // {"a": [1, 2], "b": [3, 4]}
	ofColumns            // {"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}
	ofIndex              // {"0": {"a": 1, "b": 3}, "1": {"a": 2, "b": 4}}
	ofSplit              // {"columns": ["a", "b"], "index": [0, 1], "data": [[1, 3], [2, 4]]}
)

const asRecords = `write its records as JSON lines: in pandas to_json(orient="records", lines=True)`

// shapeOf tells how an object that is alone in its file is to be read. What could be
// read in two ways is an error.
func shapeOf(members []member) (tableShape, error) {
	lists, objects := 0, 0
	for _, m := range members {
		lists += count(m.kind == kindArray)
		objects += count(m.kind == kindObject)
	}
	switch {
	case len(members) == 0:
		return aRecord, nil
	case isSplit(members):
		return ofSplit, nil
	case lists == len(members):
		return shapeOfLists(members)
	case objects == len(members):
		return shapeOfObjects(members)
	}
	return aRecord, nil
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// isSplit says whether members are those of pandas' "split".
func isSplit(members []member) bool {
	has := map[string]bool{}
	for _, m := range members {
		first, some := m.first()
		switch m.name {
		case "columns":
			has[m.name] = some && first.kind == kindString
		case "data":
			has[m.name] = some && first.kind == kindArray
		case "index":
		default:
			return false
		}
	}
	return has["columns"] && has["data"]
}

// first is the first element of v, a list, or the first value of an object.
func (v value) first() (first value, some bool) {
	switch v.kind {
	case kindArray:
		p := parser{text: v.raw}
		_ = p.array(0, func(e value) error {
			first, some = e, true
			return errStopped
		})
	case kindObject:
		p := parser{text: v.raw}
		_ = p.object(0, func(_ string, e value) error {
			first, some = e, true
			return errStopped
		})
	}
	return first, some
}

// shapeOfLists is that of an object of lists: of columns, unless the lists are messages.
func shapeOfLists(members []member) (tableShape, error) {
	plain := false
	lengths := make([]int, len(members))
	for i, m := range members {
		p := parser{text: m.raw}
		_ = p.array(0, func(value) error {
			lengths[i]++
			return nil
		})
		first, _ := m.first()
		plain = plain || first.kind != kindObject
		for _, field := range membersOf(first.raw) {
			if field.name == "role" || field.name == "from" {
				return aRecord, nil
			}
		}
	}
	for i, n := range lengths {
		if plain && n != lengths[0] {
			return 0, fmt.Errorf("the file is one object of lists, and %q has %d elements where %q has %d: no table; %s", members[i].name, n, members[0].name, lengths[0], asRecords)
		}
	}
	if !plain || lengths[0] == 0 {
		return aRecord, nil
	}
	return ofLists, nil
}

// shapeOfObjects is that of an object of objects, whose keys are numbers of rows.
func shapeOfObjects(members []member) (tableShape, error) {
	names := make([]string, len(members))
	keys := make([]string, len(members))
	numbered, same := true, true
	for i, m := range members {
		var own []string
		p := parser{text: m.raw}
		_ = p.object(0, func(name string, _ value) error {
			own = append(own, name)
			return nil
		})
		names[i] = m.name
		keys[i] = strings.Join(own, "\x00")
		numbered = numbered && allNumbers(own)
		same = same && keys[i] == keys[0]
	}
	rows := allNumbers(names)
	switch {
	case numbered && same && !rows:
		return ofColumns, nil
	case rows && !numbered:
		return ofIndex, nil
	case same && len(members) > 1 || rows || numbered:
		return 0, fmt.Errorf("the file is one object of objects, and nothing tells whether %q is the name of a field or of a record; %s", names[0], asRecords)
	}
	return aRecord, nil
}

// allNumbers says whether names are whole numbers, and there is one.
func allNumbers(names []string) bool {
	for _, name := range names {
		if name == "" || strings.Trim(name, "0123456789") != "" {
			return false
		}
	}
	return len(names) > 0
}
