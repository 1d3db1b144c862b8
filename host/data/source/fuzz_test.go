package source_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// mostRead is how many records of a file a fuzz test reads.
const mostRead = 5000

// readAll reads the records of a file of any content, every field of them, and again
// from the place behind some: whatever is in it, an error names the file, and the rest
// of the records is the same.
func readAll(t *testing.T, path string) (texts []string, err error) {
	files := source.Files{Paths: []string{path}, Setting: "data_paths", MaxRecord: 1 << 20}
	var after []source.Place
	for record, recordErr := range files.Records() {
		if recordErr != nil {
			err = recordErr
			break
		}
		text, rowErr := wholeText(record)
		if rowErr != nil {
			require.ErrorContains(t, rowErr, path)
		}
		texts = append(texts, text)
		after = append(after, record.After())
		if len(texts) == mostRead {
			break
		}
	}
	if err != nil {
		require.ErrorContains(t, err, path)
	}
	for i := 0; i < len(after); i += max(1, len(after)/3) {
		readRest(t, files, after[i], texts[i+1:])
	}
	return texts, err
}

// readRest reads the records behind a place. A damaged Parquet file may say in its index
// that other rows are there than are, which nothing shows.
func readRest(t *testing.T, files source.Files, from source.Place, want []string) {
	n := 0
	for record, err := range files.RecordsFrom(from) {
		if err != nil && strings.Contains(err.Error(), "damaged") {
			return
		}
		if err != nil || n == len(want) {
			break
		}
		text, _ := wholeText(record)
		if !strings.HasSuffix(files.Paths[0], ".parquet") {
			require.Equal(t, want[n], text)
		}
		n++
	}
	if !strings.HasSuffix(files.Paths[0], ".parquet") {
		require.Equal(t, len(want), n, "records from %+v", from)
	}
}

// wholeText is the place of a record and all of its fields.
func wholeText(record source.Record) (string, error) {
	all := record.Position().String()
	names, err := record.Fields()
	for _, name := range names {
		row, rowErr := record.Row("fuzz", []sdk.Column{{Name: name, Type: sdk.JSON}})
		if rowErr != nil {
			err = rowErr
			continue
		}
		all += " " + name + "=" + row.JSON(0)
	}
	return all, err
}

// fuzzFile fuzzes the content of a file of some name, from seeds, halves of them and
// ones with a byte changed.
func fuzzFile(f *testing.F, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
		f.Add([]byte(seed[:len(seed)/2]))
		changed := []byte(seed)
		changed[len(changed)*2/3] ^= 0x10
		f.Add(changed)
	}
	debug.SetMemoryLimit(2 << 30)
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, content, 0o666))
		_, _ = readAll(t, path)
	})
}

// golden reads files that peers wrote.
func golden(f *testing.F, pattern string) (contents []string) {
	paths, err := filepath.Glob(filepath.Join("testdata/golden", pattern))
	require.NoError(f, err)
	require.NotEmpty(f, paths)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(f, err)
		contents = append(contents, string(text))
	}
	return contents
}

func FuzzParquet(f *testing.F) { fuzzFile(f, "a.parquet", golden(f, "*.parquet")...) }

func FuzzArrow(f *testing.F) {
	fuzzFile(f, "a.arrow", append(golden(f, "*.arrow*"), golden(f, "one/*.arrow")...)...)
}

func FuzzJSONLines(f *testing.F) {
	fuzzFile(f, "a.jsonl", "\ufeff{\"a\":1}\r\n\n{\"a\":[{}, null]}\n", "{\"a\":\"\xff\"}\n{\"a\":NaN}", "[{\"a\":1} , {\"a\":\"]\"}]")
}

func FuzzJSONArray(f *testing.F) {
	fuzzFile(f, "a.json", "\ufeff[{\"a\":1}\r\n,\n{\"a\":[{}, null]}]\n", "[]", "[{\"a\":\"\\\"\\ud83d\"},{\"é\":1e5}]")
}

func FuzzJSONObjects(f *testing.F) {
	fuzzFile(f, "a.json",
		"{\n\"a\":1}\n{\"a\":[{}, null]}{\"b\":\"}\"}",
		"{\"v\":[1,{}],\"data\" : [\n{\"a\":1},\n{\"a\":2}], \"n\": \"]\", \"m\":-1.5e3 }\n",
		`{"a":[1,"x"],"b":[null,{}]}`,
		`{"a":{"0":1,"3":2},"b":{"0":[],"3":"x"}}`,
		`{"0":{"a":1},"1":{"b":2}}`,
		`{"columns":["a","b"],"index":[0],"data":[[1,"x"],[2,{}]]}`,
	)
}

// FuzzPlace begins to read at any place of files of several kinds.
func FuzzPlace(f *testing.F) {
	f.Add(uint8(0), int64(1), int64(9), 2, 1)
	f.Add(uint8(1), int64(0), int64(0), 0, 0)
	f.Add(uint8(2), int64(2), int64(-1), -1, -1)
	contents := []string{"{\"a\":1}\n{\"a\":2}\n", "[{\"a\":1},\n{\"a\":2}]", "{\"data\":[{\"a\":1},\n{\"a\":2}]}", `{"a":[1,2]}`, "a,b\n1,2\n3,4\n"}
	contents = append(contents, golden(f, "many_zstd.parquet")...)
	contents = append(contents, golden(f, "*.arrow")...)
	f.Fuzz(func(t *testing.T, which uint8, row, offset int64, line, column int) {
		path := filepath.Join(t.TempDir(), "a")
		require.NoError(t, os.WriteFile(path, []byte(contents[int(which)%len(contents)]), 0o666))
		files := source.Files{Paths: []string{path}, Setting: "data_paths"}
		for record, err := range files.RecordsFrom(source.Place{Row: row, Read: row, Offset: offset, Line: line, Column: column}) {
			if err == nil {
				_, _ = wholeText(record)
			}
		}
	})
}

func FuzzPlainText(f *testing.F) { fuzzFile(f, "a.txt", "a\n\r\nb\u2028c\n\x00", "{\"a\":1}\n") }

func FuzzAnyName(f *testing.F) {
	fuzzFile(f, "a", append(golden(f, "many_zstd.parquet"), "PK\x03\x04", "a\tb\n1\t2\n", "\xff\xfe{\x00", "ARROW1\x00\x00", "\xff\xff\xff\xff\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")...)
}

func FuzzPacked(f *testing.F) {
	for ending, content := range packedFor(f, "{\"a\":1}\n{\"a\":2}\n") {
		f.Add([]byte(content), ending == ".gz")
	}
	f.Fuzz(func(t *testing.T, content []byte, zipped bool) {
		magic := "\x28\xb5\x2f\xfd"
		if zipped {
			magic = "\x1f\x8b"
		}
		if !bytes.HasPrefix(content, []byte(magic)) {
			content = append([]byte(magic), content...)
		}
		path := filepath.Join(t.TempDir(), "a.jsonl")
		require.NoError(t, os.WriteFile(path, content, 0o666))
		_, _ = readAll(t, path)
	})
}

// FuzzTable also compares with encoding/csv: what that reads is read with the same cells.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "\ufeffa,b\r\n\"x,\"\"y\"\"\",\"l\nm\"\r\n\r\n", "a,b\n1\n", "a\n\"open", "a,b\n\"x\"y,z\n", "a;b\n1;2", "a,a\n,NA\n", "a,b\nx,y\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "a.csv")
		require.NoError(t, os.WriteFile(path, content, 0o666))
		texts, err := readAll(t, path)
		r := csv.NewReader(bytes.NewReader(content))
		theirs, theirErr := r.ReadAll()
		if theirErr != nil || len(theirs) < 2 || len(theirs[0]) < 2 || !utf8.Valid(content) || bytes.ContainsAny(content, "\r\x00\ufeff") {
			return
		}
		if strings.HasPrefix(strings.TrimLeft(string(content), " \t\n"), "{") || strings.HasPrefix(strings.TrimLeft(string(content), " \t\n"), "[") || spaceLine(string(content)) {
			return
		}
		if err != nil && strings.Contains(err.Error(), "no record") {
			return
		}
		if err != nil {
			require.ErrorContains(t, err, "the row has", "%q", content) // of blanks alone
			return
		}
		require.Len(t, texts, len(theirs)-1, "%q", content)
	})
}

// spaceLine says whether a line is of nothing but spaces, which is no row here.
func spaceLine(content string) bool {
	for line := range strings.Lines(content) {
		if trimmed := strings.TrimSuffix(line, "\n"); trimmed != "" && strings.Trim(trimmed, " ") == "" {
			return true
		}
	}
	return false
}
