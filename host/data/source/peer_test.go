package source_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/datatest"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

const expectedEnding = ".expected.jsonl"

// equalsExpected reads every file of a folder that has its records beside it, and
// compares them: each field as JSON, and the texts and numbers as such too.
func equalsExpected(t *testing.T, folder string) {
	expected, err := filepath.Glob(filepath.Join(folder, "*"+expectedEnding))
	require.NoError(t, err)
	require.NotEmpty(t, expected)
	for _, path := range expected {
		t.Run(filepath.Base(strings.TrimSuffix(path, expectedEnding)), func(t *testing.T) {
			compareRecords(t, strings.TrimSuffix(path, expectedEnding), path)
		})
	}
}

func compareRecords(t *testing.T, path, expected string) {
	want := jsonLines(t, expected)
	files := source.Files{Paths: []string{path}, Setting: "data_paths"}
	read := 0
	for record, err := range files.Records() {
		if len(want) == 0 {
			require.ErrorContains(t, err, "no record in this file")
			return
		}
		require.NoError(t, err)
		require.Less(t, read, len(want))
		compareFields(t, record, want[read])
		read++
	}
	require.Equal(t, len(want), read)
	comparePlaces(t, files)
}

// compareFields compares a record with its fields as JSON.
func compareFields(t *testing.T, record source.Record, want map[string]json.RawMessage) {
	names, err := record.Fields()
	require.NoError(t, err)
	for name := range want {
		require.Contains(t, names, name)
	}
	require.Len(t, names, len(want))
	for _, name := range names {
		row, err := record.Row("test", []sdk.Column{{Name: name, Type: sdk.JSON}})
		require.NoError(t, err)
		if !row.Has(0) {
			require.Equal(t, "null", string(want[name]), "%s of %s", name, record.Position())
			continue
		}
		require.Equal(t, datatest.WithoutNulls(t, string(want[name])), datatest.WithoutNulls(t, row.JSON(0)), "%s of %s", name, record.Position())
		compareCell(t, record, name, want[name])
	}
}

// compareCell compares a field that is a text or a number, read as such.
func compareCell(t *testing.T, record source.Record, name string, want json.RawMessage) {
	var found any
	require.NoError(t, json.Unmarshal(want, &found))
	switch found := found.(type) {
	case string:
		row, err := record.Row("test", []sdk.Column{{Name: name, Type: sdk.String}})
		require.NoError(t, err)
		require.Equal(t, found, row.Str(0))
	case float64:
		row, err := record.Row("test", []sdk.Column{{Name: name, Type: sdk.Float}})
		require.NoError(t, err)
		require.Equal(t, found, row.Float(0))
	}
}

func jsonLines(t *testing.T, path string) (all []map[string]json.RawMessage) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var one map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	return all
}

// comparePlaces reads again from some of the places of the records, one field alone.
func comparePlaces(t *testing.T, files source.Files) {
	name := ""
	var texts []string
	var places []source.Place
	all := func(from source.Place) {
		texts, places = nil, nil
		for record, err := range files.RecordsFrom(from) {
			require.NoError(t, err)
			if name == "" {
				names, err := record.Fields()
				require.NoError(t, err)
				name = names[len(names)-1]
				files.Columns = []string{name}
			}
			row, err := record.Row("test", []sdk.Column{{Name: name, Type: sdk.JSON}})
			require.NoError(t, err)
			texts = append(texts, record.Position().String()+" "+row.JSON(0))
			places = append(places, record.Place(), record.After())
		}
	}
	all(source.Place{})
	wholeTexts, wholePlaces := texts, places
	step := max(1, len(wholePlaces)/20)
	for i := 0; i < len(wholePlaces); i += step {
		all(wholePlaces[i])
		require.Equal(t, append([]string{}, wholeTexts[(i+1)/2:]...), append([]string{}, texts...), "from %+v", wholePlaces[i])
	}
	all(wholePlaces[len(wholePlaces)-1])
	require.Empty(t, texts)
}

func TestGoldenFiles(t *testing.T) { equalsExpected(t, "testdata/golden") }

// Files as pyarrow, pandas and datasets write them now.
func TestFilesOfPeers(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON is not set: no Python with pyarrow, pandas and datasets to write files")
	}
	folder := t.TempDir()
	output, err := exec.Command(python, "testdata/make.py", folder).CombinedOutput()
	require.NoError(t, err, string(output))
	equalsExpected(t, folder)
}

// A file that was cut short is an error wherever it was cut, and never fewer records.
func TestTypedFilesCutShort(t *testing.T) {
	paths, err := filepath.Glob("testdata/golden/*")
	require.NoError(t, err)
	cuts := 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil || !strings.Contains(filepath.Ext(path), ".arrow") && filepath.Ext(path) != ".parquet" {
			continue
		}
		cut := filepath.Join(t.TempDir(), filepath.Base(path))
		for at := 12; at < len(content)-8; at += max(1, len(content)/60) {
			require.NoError(t, os.WriteFile(cut, content[:at], 0o666))
			_, err := questions(source.Files{Paths: []string{cut}})
			require.ErrorContains(t, err, cut, at)
			require.Regexp(t, "cut short|damaged|unknown kind|has no column|missing|is null", err.Error())
			last := error(nil)
			for _, err := range (source.Files{Paths: []string{cut}}).Records() {
				last = err
			}
			require.Error(t, last, "%s cut at %d", path, at)
			cuts++
		}
	}
	require.Greater(t, cuts, 300)
}

// A ClassLabel of datasets declares the order of its classes, whatever file it is in.
func TestDeclaredClasses(t *testing.T) {
	for _, path := range []string{"testdata/golden/one", "testdata/golden/datasets.parquet"} {
		files, err := source.Files{Paths: []string{path}, Setting: "data_paths"}.Identify()
		require.NoError(t, err)
		require.Equal(t, [][]string{{"neg", "neutral", "pos"}}, files[0].Classes, path)
	}
	files, err := source.Files{Paths: []string{"testdata/golden/types.arrow"}, Setting: "data_paths"}.Identify()
	require.NoError(t, err)
	require.Empty(t, files[0].Classes)
}

func TestTypedRecords(t *testing.T) {
	files := source.Files{Paths: []string{"testdata/golden/one"}, Setting: "data_paths"}
	columns := []sdk.Column{{Name: "q", Type: sdk.String, Required: true}, {Name: "label", Type: sdk.Int}}
	var numbers []int64
	for record, err := range files.Records() {
		require.NoError(t, err)
		row, err := record.Row("qa", columns)
		if record.Position().Row%5 == 1 {
			require.EqualError(t, err, fmt.Sprintf(`testdata/golden/one: row %d: field "q" is null; qa needs it as a string`, record.Position().Row))
			require.Equal(t, []string{"q"}, record.Nulls(columns[:1]))
			continue
		}
		require.NoError(t, err)
		require.NotEmpty(t, row.Str(0))
		if row.Has(1) {
			numbers = append(numbers, row.Int(1))
		}
	}
	require.Equal(t, []int64{1, 2, 0, 0, 1, 0, 2}, numbers)

	files.MaxRecord = 10
	_, err := questions(files)
	require.EqualError(t, err, "testdata/golden/one: row 1: the record is longer than 10 bytes, the most that is read of one; split it (in testdata/golden/one/data-00000-of-00001.arrow)")
	files = source.Files{Paths: []string{"testdata/golden/many_zstd.parquet"}, MaxRecord: 10}
	_, err = questions(files)
	require.EqualError(t, err, "testdata/golden/many_zstd.parquet: row 1: the record is longer than 10 bytes, the most that is read of one; split it")

	files = source.Files{Paths: []string{"testdata/golden/many_zstd.parquet"}, Columns: []string{"n"}}
	for record, err := range files.Records() {
		require.NoError(t, err)
		names, err := record.Fields()
		require.NoError(t, err)
		require.Equal(t, []string{"q", "n", "tags", "m"}, names)
		_, err = record.Row("qa", []sdk.Column{{Name: "q", Type: sdk.String}})
		require.EqualError(t, err, record.Position().String()+`: field "q" was not read: Files.Columns lacks it`)
		_, err = record.Row("qa", []sdk.Column{{Name: "x", Type: sdk.String, Required: true}})
		require.EqualError(t, err, record.Position().String()+`: field "x" missing; qa needs it as a string; the record has "m", "n", "q", "tags"`)
	}
	for _, err := range (source.Files{Paths: []string{"testdata/golden/three"}}).RecordsFrom(source.Place{Row: 13}) {
		require.EqualError(t, err, "testdata/golden/three: it has 12 rows, and the place to begin at has 13 before it; it is not the file that was read before")
	}
}

func TestFoldersOfDatasets(t *testing.T) {
	for _, c := range []struct {
		path   string
		splits []string
		want   []string
		note   string
	}{
		{"testdata/golden/three", nil, []string{"testdata/golden/three"}, ""},
		{"testdata/golden/dict", nil, []string{"testdata/golden/dict/train"}, "testdata/golden/dict has the splits test, train; train is read; name the folder or the files of another to read that"},
		{"testdata/golden/dict", []string{"validation", "test"}, []string{"testdata/golden/dict/test"}, "testdata/golden/dict has the splits test, train; test is read; name the folder or the files of another to read that"},
		{"testdata/golden/cache", nil, []string{"testdata/golden/cache/json-train.arrow"}, "testdata/golden/cache has the splits test, train; train is read; name the folder or the files of another to read that"},
	} {
		found, err := source.Files{Paths: []string{c.path}, Splits: c.splits}.Digests(nil)
		require.NoError(t, err)
		var paths []string
		for _, f := range found {
			paths = append(paths, f.Path)
			require.NotEmpty(t, f.SHA256)
			require.NotZero(t, f.Identity.Bytes)
		}
		require.Equal(t, c.want, paths)
		require.Equal(t, c.note, found[0].Note)
	}
	_, err := source.Files{Paths: []string{"testdata/golden/dict"}, Splits: []string{"validation"}, Setting: "eval_data_dir"}.List()
	require.EqualError(t, err, "testdata/golden/dict: it has the splits test, train, and none is called validation; name the folder or the files of one; eval_data_dir names it")
}
