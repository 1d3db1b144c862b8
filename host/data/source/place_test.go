package source_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/source"
)

// read lists the records from a place on as "file:line question", and their places.
func read(t *testing.T, files source.Files, from source.Place) (all []string, places []source.Place) {
	t.Helper()
	after := from
	for record, err := range files.RecordsFrom(from) {
		require.NoError(t, err)
		row, err := record.Row("qa", qaColumns)
		require.NoError(t, err)
		all = append(all, record.Position().String()+" "+row.Str(0))
		places = append(places, record.Place())
		require.Equal(t, after.Read, record.Place().Read)
		after = record.After()
		require.Equal(t, record.Place().Read+1, after.Read)
	}
	return all, append(places, after)
}

// Reading from the place of any record, and from the place behind it, gives the rest of the records.
func TestRecordsFrom(t *testing.T) {
	files := write(t, "a.jsonl", "\ufeff{\"q\":\"é\"}\r\n\r\n  {\"q\":\"b\"}\n{\"q\":\"c\"}")
	require.NoError(t, os.WriteFile("b.json", []byte("\ufeff [\n{\"q\":\"é\"} ,\r\n {\n  \"q\":\"]\"}, {\"q\":\"z\"}]\n"), 0o666))
	require.NoError(t, os.WriteFile("c.json", []byte(`[{"q":"`+strings.Repeat("long ", 50_000)+`"}]`), 0o666))
	files.Paths = []string{"a.jsonl", "b.json", "c.json", "a.jsonl"}
	for _, bound := range []struct{ limit, total int }{{0, 0}, {2, 0}, {0, 5}, {2, 4}} {
		files.Limit, files.Total = bound.limit, bound.total
		all, places := read(t, files, source.Place{})
		require.Len(t, all, map[int]int{0: 10, 2: 7, 5: 5, 6: 4}[bound.limit+bound.total])
		for i, place := range places {
			text, err := json.Marshal(place)
			require.NoError(t, err)
			var kept source.Place
			require.NoError(t, json.Unmarshal(text, &kept))
			require.Equal(t, place, kept)
			rest, _ := read(t, files, kept)
			require.Equal(t, all[i:], append([]string{}, rest...), "from %s", text)
		}
	}
}

func TestPlaceBehindEachRecord(t *testing.T) {
	for name, content := range map[string]string{"a.jsonl": "{\"q\":\"a\"}\n\n{\"q\":\"b\"}\n", "a.json": "[{\"q\":\"a\"}\n, {\"q\":\"b\"}]"} {
		files := write(t, name, content)
		var after []source.Place
		for record, err := range files.Records() {
			require.NoError(t, err)
			after = append(after, record.After())
		}
		rest, _ := read(t, files, after[0])
		require.Len(t, rest, 1)
		require.Contains(t, rest[0], " b")
		rest, _ = read(t, files, after[1])
		require.Empty(t, rest)
	}
}

func TestPlaceBeyondTheFiles(t *testing.T) {
	files := write(t, "a.jsonl", `{"q":"a"}`)
	for _, err := range files.RecordsFrom(source.Place{File: 2}) {
		require.EqualError(t, err, "data_paths means 1 files; the place to begin at is in file 3; begin again at the first record, or give the files as they were")
	}
	for _, err := range files.RecordsFrom(source.Place{Row: 1, Offset: 100, Line: 2, Column: 1}) {
		require.EqualError(t, err, "a.jsonl: the file has 9 bytes, and the place to begin at is byte 100; it is not the file that was read before")
	}
}

// A record takes no more memory than MaxRecord, whatever a file holds.
func TestRecordThatIsTooLong(t *testing.T) {
	for name, content := range map[string]string{"a.jsonl": "{\"q\":\"a\"}\n{\"q\":\"%\"}", "a.json": "[{\"q\":\"a\"},\n{\"q\":\"%\"}]"} {
		files := write(t, name, strings.ReplaceAll(content, "%", strings.Repeat("x", 3<<20)))
		files.MaxRecord = 2 << 20
		_, err := questions(files)
		require.EqualError(t, err, name+":2: the record is longer than 2 MiB, the most that is read of one; split it")
		files.MaxRecord = 0
		all, err := questions(files)
		require.NoError(t, err)
		require.Len(t, all, 2)
	}
}

func TestFields(t *testing.T) {
	for record, err := range write(t, "a.jsonl", `{"z":1,"a":null,"é":{"q":1}}`).Records() {
		require.NoError(t, err)
		names, err := record.Fields()
		require.NoError(t, err)
		require.Equal(t, []string{"z", "a", "é"}, names)
	}
	for record, err := range write(t, "a.jsonl", `{"z":1,`).Records() {
		require.NoError(t, err)
		_, err := record.Fields()
		require.EqualError(t, err, "a.jsonl:1:8: found the end of the record; want a field name in double quotes")
	}
}

func TestPosition(t *testing.T) {
	for text, p := range map[string]source.Position{
		`{"file":"a","line":2}`: {File: "a", Line: 2},
		`{"file":"a","row":3}`:  {File: "a", Row: 3},
	} {
		got, err := json.Marshal(p)
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	require.Equal(t, "a:"+strconv.Itoa(2), source.Position{File: "a", Line: 2}.String())
	require.Equal(t, "a: row 3", source.Position{File: "a", Row: 3}.String())
	first, last := source.Position{File: "a", Line: 2}, source.Position{File: "b", Row: 3}
	require.Equal(t, "a:2 to b: row 3", first.To(last))
	require.Equal(t, "a:2", first.To(first))
}
