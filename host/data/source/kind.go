package source

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
)

// fileKind is a kind of data file.
type fileKind struct {
	name    string   // for people
	endings []string // of the names that such files have, in lower case, the usual one first
	read    func(f Files, in *input, from Place, yield func(Record, error) bool) error
}

// The kinds of files that are text.
var (
	jsonLines = &fileKind{name: "JSON lines", endings: []string{".jsonl", ".ndjson"}, read: readLines}
	jsonArray = &fileKind{name: "JSON array", endings: []string{".json"}, read: readArray}
	csvTable  = &fileKind{name: "CSV", endings: []string{".csv", ".tsv", ".tab"}, read: readCSV}
	plainText = &fileKind{name: "plain text, a record a line", endings: []string{".txt"}, read: readPlain}
)

// kinds lists all kinds.
func kinds() []*fileKind { return []*fileKind{jsonArray, jsonLines, csvTable, plainText} }

// packings are the endings that compressed files add to the name.
var packings = map[string]packing{".gz": gzipped, ".gzip": gzipped, ".zst": zstandard, ".zstd": zstandard}

// splitName returns the ending of a file's name, in lower case, and how its name says
// that it is compressed: ".jsonl" and gzipped for x.JSONL.gz.
func splitName(path string) (ending string, packed packing) {
	name := strings.ToLower(filepath.Base(path))
	ending = filepath.Ext(name)
	packed = packings[ending]
	if packed != unpacked {
		ending = filepath.Ext(strings.TrimSuffix(name, ending))
	}
	return ending, packed
}

// kindOfName is the kind that a file's name says, nil where it says none.
func kindOfName(path string) *fileKind {
	ending, _ := splitName(path)
	for _, k := range kinds() {
		if slices.Contains(k.endings, ending) {
			return k
		}
	}
	return nil
}

// kindOf is the kind of a file by how it begins; its name decides between kinds that
// begin alike. It is nil where there is no telling.
func kindOf(path string, head []byte) *fileKind {
	named := kindOfName(path)
	begin := bytes.TrimLeft(trimMark(head), " \t\r\n")
	switch {
	case len(begin) == 0 && named != nil:
		return named // it has no record, whatever it is
	case named == plainText || named == csvTable:
		if sure := surelyJSON(begin); sure != nil {
			return sure
		}
		return named
	case bytes.HasPrefix(begin, []byte("{")):
		return jsonLines
	case bytes.HasPrefix(begin, []byte("[")):
		return jsonArray
	case looksLikeTable(begin):
		return csvTable
	}
	return named
}

// surelyJSON is the kind of a text that cannot be meant as another than JSON, else nil.
func surelyJSON(begin []byte) *fileKind {
	line, _, _ := bytes.Cut(begin, []byte("\n"))
	p := parser{text: line}
	if err := p.object(0, func(string, value) error { return nil }); err == nil && p.atEnd() {
		return jsonLines
	}
	list, is := bytes.CutPrefix(begin, []byte("["))
	object, holds := bytes.CutPrefix(bytes.TrimLeft(list, " \t\r\n"), []byte("{"))
	if is && holds && bytes.HasPrefix(bytes.TrimLeft(object, " \t\r\n"), []byte(`"`)) {
		return jsonArray
	}
	return nil
}

// looksLikeTable says whether the first two lines of a text are as many cells, and
// more than one, between tabs or commas.
func looksLikeTable(begin []byte) bool {
	lines := bytes.SplitN(begin, []byte("\n"), 3)
	if len(lines) < 2 {
		return false
	}
	for _, separator := range []byte("\t,") {
		first := countOutsideQuotes(lines[0], separator)
		if first > 0 && first == countOutsideQuotes(lines[1], separator) {
			return true
		}
	}
	return false
}

// countOutsideQuotes counts a byte where it is not between double quotes.
func countOutsideQuotes(line []byte, c byte) (n int) {
	quoted := false
	for _, b := range line {
		switch {
		case b == '"':
			quoted = !quoted
		case b == c && !quoted:
			n++
		}
	}
	return n
}

// byteOrderMark is what some editors write first.
const byteOrderMark = "\ufeff"

func trimMark(head []byte) []byte { return bytes.TrimPrefix(head, []byte(byteOrderMark)) }

// isData says whether a file is a data file by its name.
func isData(path string) bool { return kindOfName(path) != nil }

// endingNames lists the endings for people: ".json, .jsonl or .ndjson".
func endingNames() string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.endings...)
	}
	slices.Sort(names)
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
