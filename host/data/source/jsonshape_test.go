package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// asJSON lists the records of files as "position record".
func asJSON(files source.Files) (all []string, err error) {
	for record, err := range files.Records() {
		if err != nil {
			return all, err
		}
		names, err := record.Fields()
		if err != nil {
			return all, err
		}
		columns := make([]sdk.Column, len(names))
		for i, name := range names {
			columns[i] = sdk.Column{Name: name, Type: sdk.JSON}
		}
		row, err := record.Row("test", columns)
		if err != nil {
			return all, err
		}
		var fields []string
		for i, name := range names {
			if row.Has(i) {
				fields = append(fields, name+"="+row.JSON(i))
			}
		}
		all = append(all, record.Position().String()+" "+strings.Join(fields, " "))
	}
	return all, nil
}

// What pandas, datasets and other programs write as one object, and objects over several
// lines.
func TestObjectsOfRecords(t *testing.T) {
	two := []string{`a.json: row 1 q="x" n=1`, `a.json: row 2 q="y" n=2`}
	for _, c := range []struct {
		name, content string
		want          []string
	}{
		{"data", `{"data": [{"q":"x"},{"q":"y"}]}`, []string{`a.json:1 q="x"`, `a.json:1 q="y"`}},
		{"a split behind a version", "{\"version\": \"1\",\n\"train\": [\n{\"q\":\"x\"},\n{\"q\":\"y\"}], \"note\": {\"a\": [1]}, \"n\": 3}\n", []string{`a.json:3 q="x"`, `a.json:4 q="y"`}},
		{"pandas' table", `{"schema":{"fields":[{"name":"index"}]},"data":[{"q":"x"}]}`, []string{`a.json:1 q="x"`}},
		{"lists", `{"q": ["x", "y"], "n": [1, 2]}`, two},
		{"lists over several lines", "{\"q\": [\n\"x\",\n\"y\"],\n\"n\": [1, 2]}\n", two},
		{"pandas' columns", `{"q":{"0":"x","1":"y"},"n":{"0":1,"1":2}}`, two},
		{"pandas' columns, rows left out", `{"q":{"3":"x","7":"y"},"n":{"3":1,"7":2}}`, two},
		{"pandas' index", `{"0":{"q":"x","n":1},"1":{"q":"y","n":2}}`, two},
		{"pandas' split", `{"columns":["q","n"],"index":[0,1],"data":[["x",1],["y",2]]}`, two},
		{"one record", `{"q": "x", "n": [1]}`, []string{`a.json:1 q="x" n=[1]`}},
		{"one record over several lines", "{\n  \"q\": \"x\"\n}\n", []string{`a.json:1 q="x"`}},
		{"records over several lines", "{\n  \"q\": \"x\"\n}\n{\n  \"q\":\n \"y\"\n}", []string{`a.json:1 q="x"`, `a.json:4 q="y"`}},
		{"records behind each other", `{"q":"x"}{"q":"y"}`, []string{`a.json:1 q="x"`, `a.json:1 q="y"`}},
		{"one chat", `{"messages": [{"role": "user", "content": "x"}]}`, []string{`a.json:1 messages=[{"role": "user", "content": "x"}]`}},
		{"one pair of chats", `{"chosen": [{"role": "user"}], "rejected": [{"role": "user"}]}`, []string{`a.json:1 chosen=[{"role": "user"}] rejected=[{"role": "user"}]`}},
		{"a column of chats", `{"messages": [[{"role": "user"}], []]}`, []string{`a.json: row 1 messages=[{"role": "user"}]`, `a.json: row 2 messages=[]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := write(t, "a.json", c.content)
			got, err := asJSON(files)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			requirePlaces(t, files)
		})
	}
}

func TestObjectsThatAreNoRecords(t *testing.T) {
	const records = `; write its records as JSON lines: in pandas to_json(orient="records", lines=True)`
	for _, c := range []struct{ name, content, sentence string }{
		{"two splits", `{"train": [{"q":"x"}], "test": [{"q":"y"}]}`, `a.json:1: the object has more than one list of records, here "test"; write each to a file of its own`},
		{"lists of other lengths", `{"q": ["x", "y"], "n": [1]}`, `a.json:1: the file is one object of lists, and "n" has 1 elements where "q" has 2: no table` + records},
		{"records by name", `{"id1": {"q":"x"}, "id2": {"q":"y"}}`, `a.json:1: the file is one object of objects, and nothing tells whether "id1" is the name of a field or of a record` + records},
		{"split with a short row", `{"columns":["q","n"],"data":[["x",1],["y"]]}`, `a.json:1: row 2 of "data" is no list of 2 cells, one for each of "columns"` + records},
		{"cut in the list", "{\"data\": [\n{\"q\":\"x\"},{\"q\"", `a.json:2:15: the file ends inside its array`},
		{"cut behind the list", "{\"data\": [{\"q\":\"x\"}],\n\"a\": [", `a.json:2:7: the file ends inside its array`},
		{"cut in an object", "{\n\"q\":\"x\"}\n{\"q\":", `a.json:3:6: the file ends inside an object`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := asJSON(write(t, "a.json", c.content))
			require.EqualError(t, err, c.sentence)
		})
	}
}

// What cannot be sought in, or is the same folder again, is no data file.
func TestPipesAndLoops(t *testing.T) {
	_, err := asJSON(source.Files{Paths: []string{os.DevNull}, Setting: "data_paths"})
	require.EqualError(t, err, os.DevNull+": a pipe or device, which can be read once and not sought in; write its data to a file; data_paths names it")
	write(t, "data/in/a.jsonl", `{"q":"x"}`)
	require.NoError(t, os.Symlink("..", filepath.Join("data", "in", "up")))
	got, err := asJSON(source.Files{Paths: []string{"data/**/*.jsonl"}, Setting: "data_paths"})
	require.NoError(t, err)
	require.Equal(t, []string{`data/in/a.jsonl:1 q="x"`}, got)
}

// requirePlaces holds that reading goes on at the place of each record and behind it.
func requirePlaces(t *testing.T, files source.Files) {
	t.Helper()
	var all []source.Record
	for record, err := range files.Records() {
		require.NoError(t, err)
		all = append(all, record)
	}
	for i, record := range all {
		for at, want := range map[source.Place][]source.Record{record.Place(): all[i:], record.After(): all[i+1:]} {
			var got []source.Record
			for rest, err := range files.RecordsFrom(at) {
				require.NoError(t, err)
				got = append(got, rest)
			}
			require.Equal(t, append([]source.Record(nil), want...), got, "from %v", at)
		}
	}
}
