package source_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
		require.JSONEq(t, string(want[name]), row.JSON(0), "%s of %s", name, record.Position())
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
