package source

import (
	"bytes"
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// fileKind is a kind of data file.
type fileKind struct {
	name    string   // for people
	endings []string // of the names that such files have, in lower case, the usual one first
}

// The kinds of files that are text.
var (
	jsonLines = &fileKind{name: "JSON lines", endings: []string{".jsonl", ".ndjson"}}
	jsonArray = &fileKind{name: "JSON array", endings: []string{".json"}}
	// Their names are those of the array.
	jsonWrapped = &fileKind{name: "JSON, a list of records in an object", endings: []string{".json"}}
	jsonObjects = &fileKind{name: "JSON objects", endings: []string{".json", ".jsonl", ".ndjson"}}
	csvTable    = &fileKind{name: "CSV", endings: []string{".csv", ".tsv", ".tab"}}
	plainText   = &fileKind{name: "plain text, a record a line", endings: []string{".txt"}}
)

// The kinds of files whose fields have types.
var (
	arrowFile   = &fileKind{name: "Arrow file", endings: []string{".arrow", ".feather", ".ipc"}}
	arrowStream = &fileKind{name: "Arrow stream", endings: []string{".arrow", ".arrows"}}

	parquetKind = &fileKind{name: "Parquet", endings: []string{".parquet", ".pq"}}

	datasetFolder = &fileKind{name: "a folder of datasets"}
)

// kinds lists all kinds.
func kinds() []*fileKind {
	return []*fileKind{jsonArray, jsonLines, csvTable, plainText, arrowFile, arrowStream, parquetKind}
}

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
	for _, k := range kinds() {
		if k.bears(path) {
			return k
		}
	}
	return nil
}

// bears says whether files of kind k are named so.
func (k *fileKind) bears(path string) bool {
	ending, _ := splitName(path)
	return slices.Contains(k.endings, ending)
}

// kindOf is the kind of a file by how it begins; its name decides between kinds that
// begin alike. It is nil where there is no telling.
func kindOf(path string, head []byte) *fileKind {
	named := kindOfName(path)
	begin := bytes.TrimLeft(trimMark(head), " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte(arrowMagic)):
		return arrowFile
	case beginsArrowStream(head):
		return arrowStream
	case bytes.HasPrefix(head, []byte(parquetMagic)), bytes.HasPrefix(head, []byte("PARE")):
		return parquetKind
	case len(begin) == 0 && len(head) < headBytes:
		return cmp.Or(named, jsonLines) // it has no record, whatever it is
	case len(begin) == 0 && named != nil:
		return named
	case named == plainText || named == csvTable:
		if sure := surelyJSON(begin); sure != nil {
			return sure
		}
		return named
	case bytes.HasPrefix(begin, []byte("{")):
		return kindOfObject(named, begin, len(head) < headBytes)
	case bytes.HasPrefix(begin, []byte("[")):
		return jsonArray
	case looksLikeTable(begin):
		return csvTable
	}
	return named
}

// beginsArrowStream says whether a file begins with the schema of an Arrow stream.
func beginsArrowStream(head []byte) bool {
	if len(head) < 8 || string(head[:4]) != "\xff\xff\xff\xff" {
		return false
	}
	kind, _, _, err := describe(head[8:])
	return err == nil && kind == ipc.MessageSchema
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
	names = slices.Compact(names)
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
