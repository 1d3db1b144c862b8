package source_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// qaColumns are a question and its marks.
var qaColumns = []sdk.Column{{Name: "q", Type: sdk.String, Required: true}, {Name: "marks", Type: sdk.FloatList}}

// write puts a file into a new folder and makes that the working folder, so that errors have short paths.
func write(t *testing.T, name, content string) source.Files {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
	return source.Files{Paths: []string{name}, Setting: "data_paths"}
}

// questions reads files and lists each record as "file:line question".
func questions(files source.Files) ([]string, error) {
	var all []string
	for record, err := range files.Records() {
		if err != nil {
			return nil, err
		}
		row, err := record.Row("qa", qaColumns)
		if err != nil {
			return nil, err
		}
		all = append(all, record.Position().String()+" "+row.Str(0))
	}
	return all, nil
}

func TestFileForms(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		want                []string
	}{
		{"lines", "a.jsonl", "{\"q\":\"x\"}\n{\"q\":\"y\"}\n", []string{"a.jsonl:1 x", "a.jsonl:2 y"}},
		{"no last line break", "a.jsonl", "{\"q\":\"x\"}\n{\"q\":\"y\"}", []string{"a.jsonl:1 x", "a.jsonl:2 y"}},
		{"byte order mark, CRLF and blank lines", "a.jsonl", "\ufeff{\"q\":\"x\"}\r\n\r\n  \r\n{\"q\":\"y\"}\r\n", []string{"a.jsonl:1 x", "a.jsonl:4 y"}},
		{"upper case extension", "a.JSONL", `{"q":"x"}`, []string{"a.JSONL:1 x"}},
		{"array", "a.json", "\ufeff[\n {\"q\":\"x\"},\r\n {\n  \"q\":\"y\"}\n]\n", []string{"a.json:2 x", "a.json:3 y"}},
		{"array on one line", "a.json", `[{"q":"x"},{"q":"[{\"\\"}]`, []string{"a.json:1 x", `a.json:1 [{"\`}},
		{"lines in .json", "a.json", "\n{\"q\":\"x\"}\n{\"q\":\"y\"}", []string{"a.json:2 x", "a.json:3 y"}},
		{"array in .jsonl", "a.jsonl", "\r\n [{\"q\":\"x\"}]", []string{"a.jsonl:2 x"}},
		{"upper case ending of lines", "a.NDJSON", `{"q":"x"}`, []string{"a.NDJSON:1 x"}},
		{"line separators in a text", "a.jsonl", "{\"q\":\"x\u2028y\u2029z\u0085\"}\n{\"q\":\"y\"}", []string{"a.jsonl:1 x\u2028y\u2029z\u0085", "a.jsonl:2 y"}},
		{"escapes", "a.jsonl", `{"q":"\u00e9\ud83d\ude00\n\ufffd"}`, []string{"a.jsonl:1 é😀\n\ufffd"}},
		{"fields nobody asked for", "a.jsonl", `{"a":[1,{"b":NaN}],"q":"x","z":null,"e":{},"f":[]}`, []string{"a.jsonl:1 x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := questions(write(t, c.file, c.content))
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestFoldersAndSeveralFiles(t *testing.T) {
	files := write(t, "d/b.jsonl", `{"q":"b"}`)
	require.NoError(t, os.MkdirAll("d/a", 0o777))
	require.NoError(t, os.WriteFile("d/a/x.json", []byte(`[{"q":"x"}]`), 0o666))
	require.NoError(t, os.WriteFile("d/README.md", []byte("no data"), 0o666))
	require.NoError(t, os.WriteFile("d/.hidden.jsonl", []byte("no data"), 0o666))
	files.Paths = []string{"d", "d/b.jsonl"}
	got, err := questions(files)
	require.NoError(t, err)
	require.Equal(t, []string{"d/a/x.json:1 x", "d/b.jsonl:1 b", "d/b.jsonl:1 b"}, got)
}

func TestLimit(t *testing.T) {
	files := write(t, "a.jsonl", "{\"q\":\"a\"}\n{\"q\":\"b\"}\n broken")
	require.NoError(t, os.WriteFile("b.json", []byte(`[{"q":"c"},{"q":"d"},broken`), 0o666))
	require.NoError(t, os.WriteFile("c.json", []byte(`[{"q":"e"}]`), 0o666))
	files.Paths, files.Limit = []string{"a.jsonl", "b.json", "c.json"}, 2
	got, err := questions(files)
	require.NoError(t, err)
	require.Equal(t, []string{"a.jsonl:1 a", "a.jsonl:2 b", "b.json:1 c", "b.json:1 d", "c.json:1 e"}, got)
}

func TestReadingStopsEarly(t *testing.T) {
	for _, file := range []string{"a.jsonl", "a.json"} {
		files := write(t, file, map[string]string{"a.jsonl": "{}\n{}\n broken", "a.json": "[{},{}, broken"}[file])
		n := 0
		for _, err := range files.Records() {
			require.NoError(t, err)
			if n++; n == 2 {
				break
			}
		}
		require.Equal(t, 2, n)
	}
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ name, file, content, sentence string }{
		{"unknown kind", "a.dat", "q\nx\n", `a.dat: text of an unknown kind; name it .txt if each line is a text, else write one of .arrow, .arrows, .csv, .feather, .ipc, .json, .jsonl, .ndjson, .parquet, .pq, .tab, .tsv or .txt`},
		{"no text", "a.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", `a.png: neither text nor another kind of data file; want one of .arrow, .arrows, .csv, .feather, .ipc, .json, .jsonl, .ndjson, .parquet, .pq, .tab, .tsv or .txt`},
		{"empty", "a.jsonl", " \n\n", "a.jsonl: no record in this file"},
		{"empty .json", "a.json", "", "a.json: no record in this file"},
		{"empty array", "a.json", "[ ]", "a.json: no record in this file"},
		{"no object", "a.jsonl", "{\"q\":\"x\"}\n3", "a.jsonl:2:1: found '3'; want an object"},
		{"no object in array", "a.json", "[\n3]", "a.json:2:1: found '3'; want an object"},
		{"cut short", "a.jsonl", `{"q":"x"`, "a.jsonl:1:9: found the end of the record; want a comma or }"},
		{"array cut short", "a.json", "[{\"q\":\"x\"},\n{\"q\":", "a.json:2:6: the file ends inside its array"},
		{"array cut at the comma", "a.json", "[{\"q\":\"x\"},", "a.json:1:12: the file ends inside its array"},
		{"two records on a line", "a.jsonl", `{"q":"é"} {"q":"y"}`, "a.jsonl:1:11: found '{'; want the end of the line after the record"},
		{"no comma in array", "a.json", `[{"q":"x"} {"q":"y"}]`, "a.json:1:12: found '{'; want a comma or ]"},
		{"something after the array", "a.json", "[{\"q\":\"x\"}]\n]", "a.json:2:1: found ']'; want the end of the file after the array"},
		{"single quotes", "a.jsonl", `{'q':"x"}`, `a.jsonl:1:2: found '\''; want a field name in double quotes`},
		{"comma before the brace", "a.jsonl", `{"q":"x",}`, "a.jsonl:1:10: found '}'; want a field name in double quotes"},
		{"no colon", "a.jsonl", `{"q" "x"}`, `a.jsonl:1:6: found '"'; want a colon after the field name`},
		{"a Python word", "a.jsonl", `{"q": None}`, "a.jsonl:1:7: found 'N'; want a value"},
		{"broken escape in the array's third line", "a.json", "[\n{\"q\":\n\"a\\x\"}]", "a.json:3:1: a text with a broken escape or a bare control character"},
		{"text not closed", "a.jsonl", `{"q":"x}`, "a.jsonl:1:6: a text that is not closed"},
		{"not UTF-8", "a.jsonl", "{\"q\":\"a\xff\"}", `a.jsonl:1:8: a byte that is not UTF-8; data files are UTF-8; encoding_errors = "replace" reads U+FFFD for it`},
		{"a field twice", "a.jsonl", `{"q":"x","q":"y"}`, `a.jsonl:1:14: field "q" occurs twice in the record`},
		{"too deep", "a.jsonl", `{"q":` + strings.Repeat("[", 2000), "a.jsonl:1:1007: nested more than 1000 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := questions(write(t, c.file, c.content))
			require.EqualError(t, err, c.sentence)
		})
	}
}

func TestMissingFiles(t *testing.T) {
	files := write(t, "empty/notes.md", "")
	_, err := source.Files{Setting: "data_paths"}.List()
	require.EqualError(t, err, "data_paths names no file")
	files.Paths = []string{"data/train.jsonl"}
	_, err = questions(files)
	require.EqualError(t, err, "data/train.jsonl: no such file; data_paths names it")
	files.Paths = []string{"empty"}
	_, err = questions(files)
	require.EqualError(t, err, "empty: no .arrow, .arrows, .csv, .feather, .ipc, .json, .jsonl, .ndjson, .parquet, .pq, .tab, .tsv or .txt file in this folder; data_paths names it")
}

func TestBadFields(t *testing.T) {
	for _, c := range []struct{ name, record, sentence string }{
		{"missing", `{"question":"x","a":1}`, `a.jsonl:1: field "q" missing; qa needs it as a string; the record has "a", "question"`},
		{"missing from nothing", `{}`, `a.jsonl:1: field "q" missing; qa needs it as a string; the record has no field`},
		{"missing from much", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1}`,
			`a.jsonl:1: field "q" missing; qa needs it as a string; the record has "a", "b", "c", "d", "e", "f", "g", "h", and 2 more`},
		{"null", `{"q":null}`, `a.jsonl:1: field "q" is null; qa needs it as a string`},
		{"a number for a text", `{"q":0.5}`, `a.jsonl:1: field "q" is 0.5; want a string`},
		{"a list for a text", `{"q":["x"]}`, `a.jsonl:1: field "q" is a list; want a string`},
		{"a text for a list", `{"q":"x","marks":"high"}`, `a.jsonl:1: field "marks" is the text "high"; want a list of numbers`},
		{"a long text for a list", `{"q":"x","marks":"` + strings.Repeat("high", 20) + `"}`, `a.jsonl:1: field "marks" is a text; want a list of numbers`},
		{"a text in a list", `{"q":"x","marks":[1,"2"]}`, `a.jsonl:1: field "marks"[1] is the text "2"; want a number`},
		{"null in a list", `{"q":"x","marks":[null]}`, `a.jsonl:1: field "marks"[0] is null; want a number`},
		{"NaN", `{"q":"x","marks":[0,NaN]}`, `a.jsonl:1: field "marks"[1] is NaN; want a finite number`},
		{"Infinity", `{"q":"x","marks":[-Infinity]}`, `a.jsonl:1: field "marks"[0] is -Infinity; want a finite number`},
		{"too large", `{"q":"x","marks":[1e999]}`, `a.jsonl:1: field "marks"[0] is 1e999; want a finite number that a float32 holds`},
		{"too large for float32", `{"q":"x","marks":[1e39]}`, `a.jsonl:1: field "marks"[0] is 1e39; want a finite number that a float32 holds`},
		{"an object", `{"q":{}}`, `a.jsonl:1: field "q" is an object; want a string`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := questions(write(t, "a.jsonl", c.record))
			require.EqualError(t, err, c.sentence)
		})
	}
}

// TestRowTypes reads a cell of each type.
func TestRowTypes(t *testing.T) {
	columns := []sdk.Column{{Name: "s", Type: sdk.String}, {Name: "f", Type: sdk.Float}, {Name: "b", Type: sdk.Bool}, {Name: "i", Type: sdk.Int},
		{Name: "ss", Type: sdk.StringList}, {Name: "fs", Type: sdk.FloatList}, {Name: "j", Type: sdk.JSON}, {Name: "none", Type: sdk.String}}
	files := write(t, "a.jsonl", `{"s":"é","f":-1.5e2,"b":true,"i":-7,"ss":["","a"],"fs":[],"j": {"a": [1]} }`)
	read := 0
	for record, err := range files.Records() {
		read++
		require.NoError(t, err)
		r, err := record.Row("types", columns)
		require.NoError(t, err)
		require.Equal(t, sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "é"}, {Type: sdk.Float, Float: -150}, {Type: sdk.Bool, Int: 1}, {Type: sdk.Int, Int: -7},
			{Type: sdk.StringList, Strs: []string{"", "a"}}, {Type: sdk.FloatList, Floats: []float64{}}, {Type: sdk.JSON, Str: `{"a": [1]}`}, {}}), r)
	}
	require.Equal(t, 1, read)
	for name, wrong := range map[string]string{"b": "1", "i": "1.5"} {
		read = 0
		for record, err := range write(t, "a.jsonl", `{"`+name+`":`+wrong+`}`).Records() {
			read++
			require.NoError(t, err)
			_, err = record.Row("types", columns)
			require.ErrorContains(t, err, `field "`+name+`" is `+wrong+`; want `)
		}
		require.Equal(t, 1, read)
	}
}

// FuzzRow compares the parser with encoding/json: what that accepts as an object
// is read, with the same text, and what it refuses is refused, except for numbers
// that are not finite.
func FuzzRow(f *testing.F) {
	for _, seed := range []string{`{"q":"x"}`, `{"q":"\ud83d\ude00","a":[1,2.5e-3,{"b":[]}]}`, `{"q":NaN}`, `{"q":"x",}`, "{\"q\":\"\xff\"}", ` { "q" : null } `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\n") || strings.TrimSpace(text) == "" || strings.Contains(text, "\\u") || strings.Contains(text, "\ufeff") {
			return
		}
		folder := t.TempDir()
		path := filepath.Join(folder, "a.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		var want map[string]any
		wantErr := json.Unmarshal([]byte(text), &want)
		read := 0
		for record, err := range (source.Files{Paths: []string{path}}).Records() {
			read++
			if err != nil {
				require.True(t, wantErr != nil || want == nil || !utf8.ValidString(text) || refusedByRule(err), "%q: %v, and encoding/json reads it", text, err)
				return
			}
			r, err := record.Row("fuzz", []sdk.Column{{Name: "q", Type: sdk.String}})
			q, isText := want["q"].(string)
			switch {
			case wantErr == nil && isText && utf8.ValidString(text) && strings.Count(text, `"q"`) == 1:
				require.NoError(t, err)
				require.Equal(t, q, r.Str(0))
			case wantErr != nil:
				require.True(t, err != nil || strings.Contains(text, "NaN") || strings.Contains(text, "Infinity"), "%q: encoding/json says %v", text, wantErr)
			}
		}
		require.Equal(t, 1, read, "records of %q", text)
	})
}

// refusedByRule tells an error on what encoding/json takes from a record, but we do not.
func refusedByRule(err error) bool {
	return strings.Contains(err.Error(), "stands twice in the record") || strings.Contains(err.Error(), "nested more than")
}

func TestDigests(t *testing.T) {
	files := write(t, "d/b.jsonl", `{"q":"b"}`)
	require.NoError(t, os.WriteFile("d/a.json", []byte("[]"), 0o666))
	files.Paths = []string{"d"}
	got, err := files.Digests(nil)
	require.NoError(t, err)
	require.Equal(t, []int64{2, 9}, []int64{got[0].Identity.Bytes, got[1].Identity.Bytes})
	require.Equal(t, []string{"JSON array", "JSON lines"}, []string{got[0].Kind, got[1].Kind})
	require.NotEqual(t, got[0].Identity.Ends, got[1].Identity.Ends)
	for i := range got {
		got[i] = source.File{Path: got[i].Path, SHA256: got[i].SHA256}
	}
	require.Equal(t, []source.File{
		{Path: "d/a.json", SHA256: "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"},
		{Path: "d/b.jsonl", SHA256: "d235bf2e2dc7927c689aecdeee215da93f8d203fe31b1d54f11b87a07845b5f0"},
	}, got)
}

// Halves of surrogate pairs, which Python writes and no text holds, are an error with
// their place, or U+FFFD; so are bytes that are not UTF-8.
func TestWhatIsNoText(t *testing.T) {
	columns := []sdk.Column{{Name: "q", Type: sdk.String}, {Name: "l", Type: sdk.StringList}, {Name: "j", Type: sdk.JSON}}
	for _, c := range []struct{ name, record, err, q, l, j string }{
		{"a pair", `{"q":"\ud83d\ude00"}`, "", "😀", "", ""},
		{"the first half", `{"q":"x \ud83d y"}`, `a.jsonl:1:9: \ud83d`, "x � y", "", ""},
		{"the second half", `{"q":"\uDE00"}`, `a.jsonl:1:7: \uDE00`, "�", "", ""},
		{"two first halves", `{"q":"\ud83d\ud83d\ude00"}`, `a.jsonl:1:7: \ud83d`, "�😀", "", ""},
		{"at the end", `{"q":"a\ud83d"}`, `a.jsonl:1:8: \ud83d`, "a�", "", ""},
		{"behind another escape", `{"q":"\\\n\ud83d\n"}`, `a.jsonl:1:11: \ud83d`, "\\\n�\n", "", ""},
		{"text behind it", `{"q":"\ud83dz\ude00"}`, `a.jsonl:1:7: \ud83d`, "�z�", "", ""},
		{"only written like one", `{"q":"\\ud83d"}`, "", `\ud83d`, "", ""},
		{"in a list", `{"l":["a","\ud83d"]}`, `a.jsonl:1:12: \ud83d`, "", "�", ""},
		{"in what a formatter reads", `{"j":{"a":"\ud83d"}}`, `a.jsonl:1:12: \ud83d`, "", "", `{"a":"\ufffd"}`},
		{"where nobody reads it", `{"x":"\ud83d","q":"a"}`, "", "a", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, how := range []source.Unreadable{source.Strict, source.Replace} {
				files := write(t, "a.jsonl", c.record)
				files.Unreadable = how
				for record, err := range files.Records() {
					require.NoError(t, err)
					row, err := record.Row("qa", columns)
					if how == source.Strict && c.err != "" {
						require.EqualError(t, err, c.err+` is half of a surrogate pair and no text; write the other half too; encoding_errors = "replace" reads U+FFFD for it`)
						continue
					}
					require.NoError(t, err)
					if c.q != "" {
						require.Equal(t, c.q, row.Str(0))
					}
					if c.l != "" {
						require.Equal(t, []string{"a", c.l}, row.Strs(1))
					}
					if c.j != "" {
						require.JSONEq(t, c.j, row.JSON(2))
						require.Equal(t, c.j, row.JSON(2))
					}
				}
			}
		})
	}
	files := write(t, "a.jsonl", "{\"q\":\"\xffa\"}")
	files.Unreadable = source.Replace
	for record, err := range files.Records() {
		require.NoError(t, err)
		row, err := record.Row("qa", columns)
		require.NoError(t, err)
		require.Equal(t, "�a", row.Str(0))
	}
}
