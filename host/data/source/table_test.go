package source_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// cells reads the named columns, each of one type, of every record.
func cells(files source.Files, t sdk.ColumnType, names ...string) (all [][]sdk.Cell, err error) {
	var columns []sdk.Column
	for _, name := range names {
		columns = append(columns, sdk.Column{Name: name, Type: t})
	}
	for record, err := range files.Records() {
		if err != nil {
			return nil, err
		}
		row, err := record.Row("test", columns)
		if err != nil {
			return nil, err
		}
		var one []sdk.Cell
		for i := range names {
			var c sdk.Cell
			if row.Has(i) {
				c.Type = t
				switch t {
				case sdk.String:
					c.Str = row.Str(i)
				case sdk.JSON:
					c.Str = row.JSON(i)
				case sdk.Float:
					c.Float = row.Float(i)
				case sdk.Int:
					c.Int = row.Int(i)
				case sdk.Bool:
					c.Int = map[bool]int64{true: 1}[row.Bool(i)]
				case sdk.StringList:
					c.Strs = row.Strs(i)
				case sdk.FloatList:
					c.Floats = row.Floats(i)
				}
			}
			one = append(one, c)
		}
		all = append(all, one)
	}
	return all, nil
}

// texts reads the named columns as texts, - for one that is absent.
func texts(files source.Files, names ...string) (all []string, err error) {
	rows, err := cells(files, sdk.String, names...)
	for _, row := range rows {
		var one []string
		for _, c := range row {
			if c.Type == 0 {
				c.Str = "-"
			}
			one = append(one, c.Str)
		}
		all = append(all, strings.Join(one, "/"))
	}
	return all, err
}

func TestTables(t *testing.T) {
	for _, c := range []struct {
		name, file, content string
		want                []string
	}{
		{"plain", "a.csv", "q,a\nx,y\nz,\n", []string{"x/y", "z/-"}},
		{"byte order mark, CRLF, blank lines", "a.csv", "\ufeffq,a\r\n\r\nx,y\r\n  \r\nz,w", []string{"x/y", "z/w"}},
		{"quotes", "a.csv", "\"q\",\"a\"\n\"x,\"\"1\"\"\",\"two\nlines\"\n\"\",y\"z\n", []string{"x,\"1\"/two\nlines", "-/y\"z"}},
		{"CRLF in a quoted cell", "a.csv", "q,a\r\n\"x\r\ny\",\"z\"\r\n", []string{"x\r\ny/z"}},
		{"line separators", "a.csv", "q,a\nx\u2028y,z\u0085\n", []string{"x\u2028y/z\u0085"}},
		{"other columns, other order", "a.csv", "n,a,,q\n1,y,2,x\n", []string{"x/y"}},
		{"tabs", "a.tsv", "q\ta\nx,1\ty\n", []string{"x,1/y"}},
		{"tabs in .csv", "a.csv", "q\ta\nx,1\ty\n", []string{"x,1/y"}},
		{"commas in .tsv", "a.tsv", "q,a\nx,y\n", []string{"x/y"}},
		{"semicolons", "a.csv", "q;a\nx;y\n", []string{"x/y"}},
		{"a table in .jsonl", "a.jsonl", "q,a\nx,y\n", []string{"x/y"}},
		{"a table without a known ending", "a.data", "q\ta\nx\ty\n", []string{"x/y"}},
		{"JSON lines in .csv", "a.csv", "{\"q\":\"x\",\"a\":\"y\"}\n", []string{"x/y"}},
		{"JSON array in .txt", "a.txt", "[ {\"q\":\"x\",\"a\":\"y\"}]\n", []string{"x/y"}},
		{"a name twice", "a.csv", "q,q,a\nx,z,y\n", []string{"x/y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := texts(write(t, c.file, c.content), "q", "a")
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	got, err := texts(write(t, "a.csv", ",q,q,a,q.1\n1,x,z,y,w\n"), "Unnamed: 0", "q", "q.1", "a", "q.1.1")
	require.NoError(t, err)
	require.Equal(t, []string{"1/x/z/y/w"}, got)
}

func TestBadTables(t *testing.T) {
	for _, c := range []struct{ name, file, content, sentence string }{
		{"a name alone", "a.csv", "q,a\n", "a.csv: no record in this file"},
		{"too few cells", "a.csv", "q,a\nx,y\nx\n", `a.csv:3: the row has 1 cells between ",", and the first row has 2; quote a cell that holds a separator or a line end`},
		{"too many cells", "a.csv", "q,a\nx,y,z\n", `a.csv:2: the row has 3 cells between ",", and the first row has 2; quote a cell that holds a separator or a line end`},
		{"open quote", "a.csv", "q,a\nx,y\né,\"z\n\n", "a.csv:3:3: a quote that is not closed"},
		{"text behind a quote", "a.csv", "q,a\n\"1\nx\"y,z\n", "a.csv:3:3: text behind the closing quote of a cell; double a quote that is part of the text"},
		{"NUL", "a.csv", "q,a\nx,y\x00\n", "a.csv:2:4: a NUL byte, which no text has; write the file again as UTF-8 text"},
		{"NUL in a text", "a.txt", "x\né\x00\n", "a.txt:2:2: a NUL byte, which no text has; write the file again as UTF-8 text"},
		{"CR alone", "a.csv", "q,a\rx,y\r", "a.csv:1: the lines end in CR alone, as old programs for the Macintosh write them; convert it: tr '\\r' '\\n' < a.csv"},
		{"nothing, compressed", "a.gz", "\x1f\x8b\b\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00", "a.gz: no record in this file"},
		{"not UTF-8", "a.csv", "q,a\nx,y\ncafé caf\xe9,y\n", `a.csv:3: field "q" holds the byte 0xe9 behind 8 characters, which is not UTF-8; data files are UTF-8; encoding_errors = "replace" reads U+FFFD for it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := texts(write(t, c.file, c.content), "q", "a")
			require.EqualError(t, err, c.sentence)
		})
	}
	files := write(t, "a.csv", "q,a\nx,\"y\n"+strings.Repeat("z\n", 1<<20))
	files.MaxRecord = 1 << 20
	_, err := texts(files, "q", "a")
	require.EqualError(t, err, "a.csv:2: the row is longer than 1 MiB, the most that is read of one; is a quote not closed?")
}

// A column of numbers and other values in which a text comes later is not two things in
// silence: pandas reads texts in all of its rows.
func TestATextBelowNumbers(t *testing.T) {
	files := write(t, "a.csv", "q,a\nx,1\n"+strings.Repeat("x,2\n", 1<<14)+"x,three\n")
	read := func(kind sdk.ColumnType) (err error) {
		for record, broken := range files.Records() {
			require.NoError(t, broken)
			if _, err = record.Row("test", []sdk.Column{{Name: "a", Type: kind}}); err != nil {
				break
			}
		}
		return err
	}
	require.NoError(t, read(sdk.String))
	require.EqualError(t, read(sdk.JSON), `a.csv:16387: field "a" is a text here, and holds numbers or other values of JSON alone in the first 64 KiB of the file, so that nothing tells which of them are texts; write the file as JSON lines or Parquet, where that is told`)
	_, err := texts(write(t, "b.csv", "q,a\nx,\n"+strings.Repeat("x,\n", 1<<15)+"x,three\n"), "q")
	require.NoError(t, err)
}

// A cell is what the column asks for.
func TestCellsOfTables(t *testing.T) {
	for _, c := range []struct {
		cell string
		t    sdk.ColumnType
		want sdk.Cell
		err  string
	}{
		{"1.5", sdk.Float, sdk.Cell{Float: 1.5}, ""},
		{"1", sdk.Float, sdk.Cell{Float: 1}, ""},
		{"1.5", sdk.String, sdk.Cell{Str: "1.5"}, ""},
		{"x", sdk.Float, sdk.Cell{}, `field "q" is the text "x"; want a number`},
		{"7", sdk.Int, sdk.Cell{Int: 7}, ""},
		{"7.0", sdk.Int, sdk.Cell{Int: 7}, ""},
		{"7.5", sdk.Int, sdk.Cell{}, `field "q" is 7.5; want a whole number`},
		{"True", sdk.Bool, sdk.Cell{Int: 1}, ""},
		{"false", sdk.Bool, sdk.Cell{}, ""},
		{"1", sdk.Bool, sdk.Cell{Int: 1}, ""},
		{"2", sdk.Bool, sdk.Cell{}, `field "q" is 2; want true or false`},
		{`"[""a"",""b""]"`, sdk.StringList, sdk.Cell{Strs: []string{"a", "b"}}, ""},
		{"['a']", sdk.StringList, sdk.Cell{}, `field "q" is a list or dict as Python prints it, which is not JSON; write the column with json.dumps, or the file with to_json or to_parquet`},
		{`"[1, 2.5]"`, sdk.FloatList, sdk.Cell{Floats: []float64{1, 2.5}}, ""},
		{"spam", sdk.JSON, sdk.Cell{Str: `"spam"`}, ""},
		{"1", sdk.JSON, sdk.Cell{Str: "1"}, ""},
		{`"{""b"": 1, ""a"": null}"`, sdk.JSON, sdk.Cell{Str: `{"b": 1, "a": null}`}, ""},
		{`"a ""b"" <c> \ é"`, sdk.JSON, sdk.Cell{Str: `"a \"b\" <c> \\ é"`}, ""},
		{"[{'role': 1}]", sdk.JSON, sdk.Cell{}, `field "q" is a list or dict as Python prints it, which is not JSON; write the column with json.dumps, or the file with to_json or to_parquet`},
		{"[Verse 1]", sdk.JSON, sdk.Cell{Str: `"[Verse 1]"`}, ""},
	} {
		files := write(t, "a.csv", "q\n"+c.cell+"\n")
		got, err := cells(files, c.t, "q")
		if c.err != "" {
			require.EqualError(t, err, "a.csv:2: "+c.err, c.cell)
			continue
		}
		require.NoError(t, err, c.cell)
		c.want.Type = c.t
		require.Equal(t, [][]sdk.Cell{{c.want}}, got, c.cell)
	}
	for record, err := range write(t, "a.csv", "q,a\nNone,1\n").Records() {
		require.NoError(t, err)
		require.Equal(t, []string{"q"}, record.Nulls([]sdk.Column{{Name: "q"}, {Name: "a"}, {Name: "z"}}))
		_, err = record.Row("qa", []sdk.Column{{Name: "q", Type: sdk.String, Required: true}})
		require.EqualError(t, err, `a.csv:2: field "q" is "None", which counts as null in a table, as in pandas; qa needs it as a string`)
	}
}

// A column with one text holds texts, as in pandas.
func TestColumnsOfTexts(t *testing.T) {
	rows, err := cells(write(t, "a.csv", "q,n,j\n60,1,\"[1]\"\nsixty,2.5,{}\nTrue,,\n"), sdk.JSON, "q", "n", "j")
	require.NoError(t, err)
	j := func(text string) sdk.Cell { return sdk.Cell{Type: sdk.JSON, Str: text} }
	require.Equal(t, [][]sdk.Cell{{j(`"60"`), j("1"), j("[1]")}, {j(`"sixty"`), j("2.5"), j("{}")}, {j(`"True"`), {}, {}}}, rows)
}

func TestPlainText(t *testing.T) {
	got, err := texts(write(t, "a.txt", "\ufeffOnce, upon\r\n\r\n NA \n\"quoted\u2028\"\nthe end"), "text")
	require.NoError(t, err)
	require.Equal(t, []string{"Once, upon", "", " NA ", "\"quoted\u2028\"", "the end"}, got)
}

// packed is content as gzip, in several members, and as zstd, in several frames.
func packed(t *testing.T, content string) map[string]string { return packedFor(t, content) }

func packedFor(t testing.TB, content string) map[string]string {
	var zipped, standard bytes.Buffer
	half := len(content) / 2
	for _, part := range []string{content[:half], content[half:]} {
		g := gzip.NewWriter(&zipped)
		_, err := g.Write([]byte(part))
		require.NoError(t, err)
		require.NoError(t, g.Close())
		z, err := zstd.NewWriter(&standard)
		require.NoError(t, err)
		_, err = z.Write([]byte(part))
		require.NoError(t, err)
		require.NoError(t, z.Close())
	}
	return map[string]string{".gz": zipped.String(), ".zst": standard.String()}
}

func TestPackedFiles(t *testing.T) {
	long := strings.Repeat("long ", 30_000)
	for name, content := range map[string]string{
		"a.jsonl": "{\"q\":\"x\"}\n{\"q\":\"" + long + "\"}\n{\"q\":\"z\"}\n",
		"a.json":  "[{\"q\":\"x\"},{\"q\":\"" + long + "\"},\n{\"q\":\"z\"}]",
		"a.csv":   "q,a\nx,1\n" + long + ",2\nz,3\n",
	} {
		for ending, bytes := range packed(t, content) {
			files := write(t, name+ending, bytes)
			all, places := read(t, files, source.Place{})
			require.Len(t, all, 3)
			for i, place := range places {
				rest, _ := read(t, files, place)
				require.Equal(t, all[i:], append([]string{}, rest...))
			}
			for _, cut := range []int{len(bytes) / 4, len(bytes) - 1} {
				require.NoError(t, os.WriteFile(name+ending, []byte(bytes[:cut]), 0o666))
				_, err := questions(files)
				require.ErrorContains(t, err, name+ending)
				require.ErrorContains(t, err, "data ends in its middle; the file was cut short, so copy or write it again")
			}
			broken := []byte(bytes)
			broken[len(broken)-6] ^= 0xff
			require.NoError(t, os.WriteFile(name+ending, broken, 0o666))
			_, err := questions(files)
			require.ErrorContains(t, err, "data is damaged", ending)
		}
	}
}

// A few kilobytes that decompress to much more take no more memory than a record may.
func TestDecompressionBomb(t *testing.T) {
	for ending, bytes := range packed(t, `{"q":"`+strings.Repeat("a", 64<<20)) {
		files := write(t, "a.jsonl"+ending, bytes)
		files.MaxRecord = 1 << 20
		_, err := questions(files)
		require.EqualError(t, err, "a.jsonl"+ending+":1: the record is longer than 1 MiB, the most that is read of one; split it")
	}
}

func TestNotesOnFiles(t *testing.T) {
	zipped := packed(t, "{\"q\":\"x\"}\n")
	for _, c := range []struct{ file, content, kind, note string }{
		{"a.jsonl", "{}\n", "JSON lines", ""},
		{"a.ndjson.zst", zipped[".zst"], "JSON lines, zstd", ""},
		{"a.json", "{}\n", "JSON lines", "a.json holds JSON lines, not JSON array as its name says; it is read as what it holds"},
		{"a.csv", "[{\"a\":1}]", "JSON array", "a.csv holds JSON array, not CSV as its name says; it is read as what it holds"},
		{"a.jsonl", zipped[".gz"], "JSON lines, gzip", "a.jsonl is compressed with gzip, which its name does not say"},
		{"a.jsonl.gz", "{}", "JSON lines", "a.jsonl.gz is not compressed, though its name says so"},
		{"a.jsonl.gz", zipped[".zst"], "JSON lines, zstd", "a.jsonl.gz is compressed with zstd, which its name does not say"},
		{"unnamed", "{}", "JSON lines", ""},
		{"a.tsv", "a\tb\n1\t2", "CSV", ""},
		{"a.txt", "{braces}", "plain text, a record a line", ""},
		{"empty.json", "", "JSON array", ""},
	} {
		files, err := write(t, c.file, c.content).Identify()
		require.NoError(t, err)
		require.Equal(t, []string{c.kind, c.note}, []string{files[0].Kind, files[0].Note}, c.file)
	}
}

func TestForeignFiles(t *testing.T) {
	utf16 := func(text string, order string) string {
		out := ""
		for _, c := range text {
			out += map[string]string{"LE": string([]byte{byte(c), 0}), "BE": string([]byte{0, byte(c)})}[order]
		}
		return out
	}
	for _, c := range []struct{ name, file, content, sentence string }{
		{"zip", "a.jsonl", "PK\x03\x04\x14\x00", "a.jsonl: a zip archive (which .xlsx, .npz and .pt are too); unpack it and give the files in it, or save the sheet as .csv"},
		{"tar", "a.jsonl", strings.Repeat("\x01", 257) + "ustar\x0000", "a.jsonl: a tar archive; unpack it and give the files in it"},
		{"tar.gz", "a.jsonl.gz", packed(t, strings.Repeat("x", 257)+"ustar\x0000")[".gz"], "a.jsonl.gz: a tar archive; unpack it and give the files in it"},
		{"Git LFS", "a.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a.jsonl: a pointer of Git LFS, not the data; fetch the data with: git lfs pull"},
		{"HTML", "a.csv", "<!DOCTYPE html>\n<p>", "a.csv: a page of HTML, perhaps an error page of a download; get the file itself again"},
		{"UTF-16", "a.jsonl", "\xff\xfe" + utf16("{}\n", "LE"), "a.jsonl: text in UTF-16; data files are UTF-8; convert it: iconv -f UTF-16 -t UTF-8 a.jsonl > utf8.jsonl"},
		{"UTF-16 without a mark", "a.csv", utf16("a,b\n", "BE"), "a.csv: text in UTF-16BE; data files are UTF-8; convert it: iconv -f UTF-16BE -t UTF-8 a.csv > utf8.csv"},
		{"UTF-32", "a.json", "\xff\xfe\x00\x00{\x00\x00\x00", "a.json: text in UTF-32; data files are UTF-8; convert it: iconv -f UTF-32 -t UTF-8 a.json > utf8.json"},
		{"twice compressed", "a.json.gz", packed(t, packed(t, "[]")[".zst"])[".gz"], "a.json.gz: zstd data inside gzip data; decompress the file once"},
		{"NUL", "a.jsonl", "{\"q\":\"x\"}\x00", "a.jsonl:1:10: found '\\x00'; want the end of the line after the record"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := questions(write(t, c.file, c.content))
			require.EqualError(t, err, c.sentence)
		})
	}
}

func TestPatterns(t *testing.T) {
	files := write(t, "d/b/x-1.jsonl", `{"q":"1"}`)
	for name, content := range map[string]string{"d/x-0.jsonl": `{"q":"0"}`, "d/README.md": "no data", "d/y.jsonl": `{"q":"y"}`, "d/part-0": `{"q":"p"}`, "d/[z].jsonl": `{"q":"z"}`, "d/notes.txt": "no data"} {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
	}
	for pattern, want := range map[string][]string{
		"d/**/x-*.jsonl":  {"d/b/x-1.jsonl", "d/x-0.jsonl"},
		"d/{x,y}*":        {"d/x-0.jsonl", "d/y.jsonl"},
		"d/part-?":        {"d/part-0"},
		"d/[z].jsonl":     {"d/[z].jsonl"},
		"d/R* d/x-[0].js": nil,
		"d":               {"d/[z].jsonl", "d/b/x-1.jsonl", "d/x-0.jsonl", "d/y.jsonl"},
	} {
		files.Paths = []string{pattern}
		got, err := files.List()
		if want == nil {
			require.EqualError(t, err, pattern+": no file fits this pattern; data_paths names it")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
