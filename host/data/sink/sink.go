// Package sink writes records into data files: the counterpart of package source. A
// file, or folder, appears whole or not at all, and no more of it than a batch is in
// memory. Start at Write, or at Create for records that go to several files.
package sink

import (
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"llmhost/host/atomicfile"
	"llmhost/host/data/record"
)

// Kind is a kind of data file, by the usual ending of its name.
type Kind string

// The kinds of files that are written.
const (
	JSONLines Kind = "jsonl"
	JSON      Kind = "json" // one array
	CSV       Kind = "csv"
	TSV       Kind = "tsv"
	Text      Kind = "txt" // a record a line, of the one field "text"
	Parquet   Kind = "parquet"
	Arrow     Kind = "arrow"    // an Arrow file, which Feather is too
	Datasets  Kind = "datasets" // a folder as Dataset.save_to_disk of datasets writes it
)

// packing is how a file is compressed.
type packing string

const (
	unpacked  packing = ""
	gzipped   packing = "gzip"
	zstandard packing = "zstd"
)

var (
	kinds = map[string]Kind{
		".jsonl": JSONLines, ".ndjson": JSONLines, ".json": JSON, ".csv": CSV, ".tsv": TSV, ".tab": TSV, ".txt": Text,
		".parquet": Parquet, ".pq": Parquet, ".arrow": Arrow, ".feather": Arrow, ".ipc": Arrow, "": Datasets,
	}
	packings = map[string]packing{".gz": gzipped, ".gzip": gzipped, ".zst": zstandard, ".zstd": zstandard}
)

// typed says whether every field of a file of kind k has one type, or a column.
func (k Kind) typed() bool { return k != JSON && k != JSONLines && k != Text }

// kindOf is the kind of a file by its name, and how it is compressed: of x.jsonl.gz,
// JSON lines and gzip. A name without an ending is that of a folder of datasets.
func kindOf(path string) (Kind, packing, error) {
	name := strings.ToLower(filepath.Base(path))
	ending := filepath.Ext(name)
	packed := packings[ending]
	if packed != unpacked {
		ending = filepath.Ext(strings.TrimSuffix(name, ending))
	}
	kind, known := kinds[ending]
	switch {
	case !known || packed != unpacked && ending == "":
		return "", "", fmt.Errorf("%s: the ending of the name says no kind of data file; want .jsonl, .json, .csv, .tsv, .txt, these with .gz or .zst behind it, .parquet, .arrow, or no ending for a folder of datasets", path)
	case packed != unpacked && (kind == Parquet || kind == Arrow):
		return "", "", fmt.Errorf("%s: %s files compress by themselves; leave out %s", path, kind, filepath.Ext(name))
	}
	return kind, packed, nil
}

// NeedsSchema says whether a file of such a name can be created only with the schema of
// all of its records.
func NeedsSchema(path string) (bool, error) {
	kind, _, err := kindOf(path)
	return kind.typed(), err
}

// Writer writes records into a file. Commit or Abort ends it.
type Writer struct {
	path    string
	out     output
	target  target
	records int
}

// output writes records in one format.
type output interface {
	write(r record.Record) error
	close() error // writes what is still to be written
}

// target is a file, or folder, on its way to its name.
type target interface {
	Commit() error
	Abort()
}

// Create begins a file whose kind its name says. schema is that of all records that will
// be written; JSON and text need none.
func Create(path string, schema *Schema) (w *Writer, err error) {
	kind, packed, err := kindOf(path)
	if err != nil {
		return nil, err
	}
	if kind.typed() && schema == nil {
		return nil, fmt.Errorf("%s: a %s file needs the schema of its records", path, kind)
	}
	w = &Writer{path: path}
	if kind == Datasets {
		w.out, w.target, err = createDataset(path, schema)
	} else {
		var file *atomicfile.File
		if file, err = atomicfile.Create(path); err != nil {
			return nil, err
		}
		w.target = file
		w.out, err = newOutput(kind, packed, file, schema)
	}
	if err != nil {
		if w.target != nil {
			w.target.Abort()
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// newOutput writes to a file in one of the formats that are one file.
func newOutput(kind Kind, packed packing, file *atomicfile.File, schema *Schema) (output, error) {
	switch kind {
	case Parquet:
		return newParquet(file, schema)
	case Arrow:
		return newArrowFile(file, schema)
	}
	text, err := newText(file, packed)
	if err != nil {
		return nil, err
	}
	switch kind {
	case JSON:
		return &jsonOutput{text: text, array: true}, nil
	case CSV:
		return newTable(text, schema, ',')
	case TSV:
		return newTable(text, schema, '\t')
	case Text:
		return plainOutput{text}, nil
	}
	return &jsonOutput{text: text}, nil
}

// Write writes a record behind those before it.
func (w *Writer) Write(r record.Record) error {
	w.records++
	if err := w.out.write(r); err != nil {
		return fmt.Errorf("%s: record %d: %w", w.path, w.records, err)
	}
	return nil
}

// Commit completes the file and gives it its name, in place of what had it.
func (w *Writer) Commit() error {
	defer w.target.Abort()
	if err := w.out.close(); err != nil {
		return fmt.Errorf("%s: %w", w.path, err)
	}
	return w.target.Commit()
}

// Abort leaves what was there. After Commit it does nothing, so it can be deferred.
func (w *Writer) Abort() { w.target.Abort() }

// Write writes records into a file and returns how many they were, and what a user
// should know of how they are written. It goes through them twice where the file has a
// schema. With an error nothing is written.
func Write(path string, records iter.Seq2[record.Record, error]) (count int, notes []string, err error) {
	needs, err := NeedsSchema(path)
	if err != nil {
		return 0, nil, err
	}
	var schema *Schema
	if needs {
		schema = &Schema{}
		for r, err := range records {
			if err == nil {
				err = schema.Add(r)
			}
			if err != nil {
				return 0, nil, err
			}
		}
		notes = schema.Notes()
	}
	w, err := Create(path, schema)
	if err != nil {
		return 0, nil, err
	}
	defer w.Abort()
	for r, err := range records {
		if err == nil {
			err = w.Write(r)
		}
		if err != nil {
			return 0, nil, err
		}
	}
	return w.records, notes, w.Commit()
}
