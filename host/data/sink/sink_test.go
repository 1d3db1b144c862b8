package sink_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/datatest"
	"llmhost/host/data/record"
	"llmhost/host/data/sink"
	"llmhost/host/data/source"
)

// records reads the records of a file.
func records(path string) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		for from, err := range (source.Files{Paths: []string{path}, Setting: "data_paths"}).Records() {
			var r record.Record
			if err == nil {
				r, err = record.Read(from)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// lines are the records of a file as JSON lines.
func lines(t *testing.T, path string) (all []string) {
	for r, err := range records(path) {
		require.NoError(t, err)
		all = append(all, r.Value().JSON())
	}
	return all
}

// typical are records with what chats and tables have: nested lists, nulls, awkward texts.
var typical = strings.Join([]string{
	`{"z": "é \"q\" \\ \n\t 😀", "n": 1, "x": 0.5, "b": true, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": null}], "tags": ["a", null], "deep": {"a": [[1, 2], []], "s": {"k": "v"}}}`,
	`{"z": "", "n": -9223372036854775808, "x": 1e-300, "b": false, "messages": [], "tags": null, "deep": null}`,
	`{"z": null, "n": null, "x": 2, "b": null, "messages": [{"role": "a,b", "content": "line\r\n2"}], "tags": [], "deep": {"a": null, "s": {"k": null}}}`,
	`{"n": 7, "z": "other order, and fields missing"}`,
}, "\n") + "\n"

// complete is typical as a file has it in which every record has every field, and structs leave out what is null.
var complete = []string{
	`{"z": "é \"q\" \\ \n\t 😀", "n": 1, "x": 0.5, "b": true, "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant"}], "tags": ["a", null], "deep": {"a": [[1, 2], []], "s": {"k": "v"}}}`,
	`{"z": "", "n": -9223372036854775808, "x": 1e-300, "b": false, "messages": [], "tags": null, "deep": null}`,
	`{"z": null, "n": null, "x": 2.0, "b": null, "messages": [{"role": "a,b", "content": "line\r\n2"}], "tags": [], "deep": {"s": {}}}`,
	`{"z": "other order, and fields missing", "n": 7, "x": null, "b": null, "messages": null, "tags": null, "deep": null}`,
}

func writeFile(t *testing.T, name, content string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	return path
}

// convert writes the records of one file into another and returns its path.
func convert(t *testing.T, from, name string) string {
	to := filepath.Join(t.TempDir(), name)
	count, _, err := sink.Write(to, records(from))
	require.NoError(t, err)
	require.Len(t, lines(t, from), count)
	left, err := os.ReadDir(filepath.Dir(to))
	require.NoError(t, err)
	require.Len(t, left, 1)
	return to
}

func TestWrittenFilesAreReadBack(t *testing.T) {
	from := writeFile(t, "a.jsonl", typical)
	whole := strings.Split(strings.TrimSpace(typical), "\n")
	table := make([]string, len(complete)) // where "" is null, and objects are their own JSON
	for i, line := range complete {
		table[i] = strings.Replace(line, `"z": ""`, `"z": null`, 1)
		table[i] = strings.Replace(table[i], `{"role": "assistant"}`, `{"role": "assistant", "content": null}`, 1)
		table[i] = strings.Replace(table[i], `"deep": {"s": {}}`, `"deep": {"a": null, "s": {"k": null}}`, 1)
	}
	for name, want := range map[string][]string{
		"b.jsonl": whole, "b.json": whole, "b.jsonl.gz": whole, "b.json.zst": whole,
		"b.csv": table, "b.tsv": table, "b.csv.gz": table,
		"b.parquet": complete, "b.arrow": complete, "b": complete,
	} {
		t.Run(name, func(t *testing.T) {
			got := lines(t, convert(t, from, name))
			require.Len(t, got, len(want))
			for i := range want {
				if strings.Contains(name, "sv") {
					require.JSONEq(t, want[i], got[i]) // 2 and 2.0 are one number
					continue
				}
				require.Equal(t, want[i], got[i])
			}
		})
	}
	text := writeFile(t, "a.txt", "one\n\nthree, \"four\"\n")
	require.Equal(t, lines(t, text), lines(t, convert(t, text, "b.txt.gz")))
}

func TestManyBatchesAndGroups(t *testing.T) {
	var all strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&all, `{"q": "question %d", "m": [%s]}`+"\n", i, strings.TrimSuffix(strings.Repeat(`{"c": "x"}, `, i%4), ", "))
	}
	from := writeFile(t, "a.jsonl", all.String())
	for _, name := range []string{"b.parquet", "b.arrow", "b", "b.json.gz"} {
		require.Equal(t, lines(t, from), lines(t, convert(t, from, name)))
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	for _, c := range []struct{ name, records, file, sentence string }{
		{"no kind", `{"a":1}`, "b.xyz", `b.xyz: the ending of the name says no kind of data file; want .jsonl, .json, .csv, .tsv, .txt, these with .gz or .zst behind it, .parquet, .arrow, or no ending for a folder of datasets`},
		{"packed Parquet", `{"a":1}`, "b.parquet.gz", `b.parquet.gz: parquet files compress by themselves; leave out .gz`},
		{"mixed kinds", "{\"a\":{\"b\":1}}\n{\"a\":{\"b\":[1]}}", "b.parquet", `field "a".b is a whole number in one record and a list in another, and a column has one type; write .jsonl instead`},
		{"an empty object", `{"a":[{}]}`, "b", `b: field "a[]" has objects without a single name, which no column holds; write .jsonl instead`},
		{"a text that is null", "{\"a\":\"x\"}\n{\"a\":\"None\"}", "b.csv", `b.csv: record 2: field "a" is the text "None", which every reader of tables takes for null; write .jsonl or .parquet`},
		{"two fields as text", `{"text":"x","b":1}`, "b.txt", `b.txt: record 1: it has the fields text, b; a .txt file holds records of one text alone; write .jsonl`},
		{"lines in text", `{"text":"x\ny"}`, "b.txt", `b.txt: record 1: its text has line ends, and in a .txt file each line is a record; write .jsonl`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, os.WriteFile("a.jsonl", []byte(c.records), 0o666))
			require.NoError(t, os.WriteFile("b.csv", []byte("what was there\n"), 0o666))
			_, _, err := sink.Write(c.file, records("a.jsonl"))
			require.EqualError(t, err, c.sentence)
			left, err := filepath.Glob("*")
			require.NoError(t, err)
			require.Equal(t, []string{"a.jsonl", "b.csv"}, left)
			was, err := os.ReadFile("b.csv")
			require.NoError(t, err)
			require.Equal(t, "what was there\n", string(was))
		})
	}
}

func TestAnErrorOfTheRecordsLeavesNothing(t *testing.T) {
	failed := errors.New("failed")
	for _, name := range []string{"b.jsonl", "b.parquet", "b"} {
		to := filepath.Join(t.TempDir(), name)
		runs := 0
		_, _, err := sink.Write(to, func(yield func(record.Record, error) bool) {
			runs++
			if yield(record.Record{{Name: "a", Value: record.Of("x")}}, nil) && (runs == 2 || name == "b.jsonl") {
				yield(nil, failed)
			}
		})
		require.ErrorIs(t, err, failed)
		left, err := os.ReadDir(filepath.Dir(to))
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestNotes(t *testing.T) {
	from := writeFile(t, "a.jsonl", "{\"a\":1,\"b\":[{\"c\":\"x\"}],\"d\":18446744073709551615}\n{\"a\":\"x\",\"b\":[{\"c\":true}]}")
	to := filepath.Join(t.TempDir(), "b.parquet")
	_, notes, err := sink.Write(to, records(from))
	require.NoError(t, err)
	require.Equal(t, []string{
		`field "a" holds a whole number here and a text there; it is written as text`,
		`field "b[].c" holds a text here and true or false there; it is written as text`,
		`field "d" holds whole numbers of more than 64 bits, which lose digits`,
	}, notes)
	require.Equal(t, []string{`{"a": "1", "b": [{"c": "x"}], "d": 1.8446744073709552e+19}`, `{"a": "x", "b": [{"c": "true"}], "d": null}`}, lines(t, to))
}

// Other libraries read what is written.
func TestPeersReadWhatIsWritten(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON is not set: no Python with pyarrow, pandas and datasets to read files")
	}
	from := writeFile(t, "a.jsonl", typical)
	flat := writeFile(t, "flat.jsonl", "{\"q\": \"é,\\n\\\"x\\\"\", \"n\": 1.5}\n{\"q\": null, \"n\": 2}\n{\"q\": \"y\", \"n\": null}\n")
	text := writeFile(t, "a.txt", "one\n\nthree, \"four\"\n")
	cases := []struct{ library, from, name string }{
		{"pyarrow.parquet", from, "b.parquet"}, {"pandas.parquet", from, "b.parquet"}, {"datasets", from, "b.parquet"},
		{"pyarrow.feather", from, "b.feather"}, {"datasets.disk", from, "b"},
		{"datasets", from, "b.jsonl.gz"}, {"datasets", from, "b.json"}, {"pyarrow.zstd", flat, "b.jsonl.zst"},
		{"pandas.csv", flat, "b.csv"}, {"pandas.csv", flat, "b.tsv.gz"}, {"datasets", flat, "b.csv"}, {"datasets", text, "b.txt"},
	}
	arguments := []string{"testdata/read.py"}
	for _, c := range cases {
		arguments = append(arguments, c.library, convert(t, c.from, c.name))
	}
	output, err := exec.Command(python, arguments...).CombinedOutput()
	require.NoError(t, err, string(output))
	for i, c := range cases {
		t.Run(c.library+" "+c.name, func(t *testing.T) {
			want := lines(t, convert(t, c.from, "all.parquet"))
			var got []string
			for line := range strings.Lines(string(output)) {
				if row, is := strings.CutPrefix(line, "ROW "+arguments[2*i+2]+" "); is {
					got = append(got, strings.TrimSpace(row))
				}
			}
			require.Len(t, got, len(want), string(output))
			for i := range want {
				require.Equal(t, datatest.WithoutNulls(t, want[i]), datatest.WithoutNulls(t, got[i]))
			}
		})
	}
}
