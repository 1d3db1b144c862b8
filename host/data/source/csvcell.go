package source

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// nullTexts are the cells that count as null: those of pandas and, through it, of
// Hugging Face's datasets, quoted or not.
var nullTexts = map[string]bool{
	"": true, "#N/A": true, "#N/A N/A": true, "#NA": true, "-1.#IND": true, "-1.#QNAN": true, "-NaN": true, "-nan": true,
	"1.#IND": true, "1.#QNAN": true, "<NA>": true, "N/A": true, "NA": true, "NULL": true, "NaN": true, "None": true,
	"n/a": true, "nan": true, "null": true,
}

// nullText says why a cell is null.
func nullText(cell string) string {
	if cell == "" {
		return "empty"
	}
	return strconv.Quote(cell) + ", which counts as null in a table, as in pandas"
}

// cell turns a cell's text into what a column asks for: a number from "1.5", a list
// from its JSON.
func (r textRow) cell(at int, t sdk.ColumnType) (sdk.Cell, error) {
	text, err := r.text(at)
	if err != nil {
		return sdk.Cell{}, err
	}
	name := strconv.Quote(r.names.names[at])
	if t == sdk.JSON && r.names.isText != nil && r.names.isText[at] && !looksLikePython(text) {
		return sdk.Cell{Type: t, Str: quoteJSON(text)}, nil
	}
	v := valueOf(text)
	if t == sdk.JSON && (text == "True" || text == "TRUE" || text == "False" || text == "FALSE") {
		v = boolOf(v, text)
	}
	switch {
	case t == sdk.String:
		return sdk.Cell{Type: t, Str: text}, nil
	case t == sdk.JSON && (r.plain || v.kind == 0 || v.kind == kindNotFinite || !json.Valid(v.raw)):
		switch {
		case looksLikePython(text):
			return sdk.Cell{}, notJSON(name)
		case r.names.isValue != nil && r.names.isValue[at]:
			return sdk.Cell{}, fmt.Errorf("%s is a text here, and holds numbers or other values of JSON alone in the first 64 KiB of the file, so that nothing tells which of them are texts; write the file as JSON lines or Parquet, where that is told", name)
		}
		return sdk.Cell{Type: t, Str: quoteJSON(text)}, nil
	case t == sdk.Int && v.kind == kindNumber:
		v = wholeNumber(v)
	case t == sdk.Bool:
		v = boolOf(v, text)
	case (t == sdk.StringList || t == sdk.FloatList) && looksLikePython(text) && v.kind == 0:
		return sdk.Cell{}, notJSON(name)
	}
	if v.kind == 0 {
		v = value{kind: kindString, raw: []byte(quoteJSON(text))}
	}
	return cell(v, t, name)
}

// valueOf is the JSON value that a text spells; its kind is 0 where it spells none.
func valueOf(text string) value {
	p := parser{text: []byte(text)}
	v, err := p.value(0)
	if err != nil || !p.atEnd() {
		return value{}
	}
	return v
}

// wholeNumber writes 3.0 as 3: pandas writes whole numbers so in a column with nulls.
func wholeNumber(v value) value {
	f, fits := v.number()
	if fits && f == math.Trunc(f) && math.Abs(f) < 1<<53 && strings.ContainsAny(string(v.raw), ".eE") {
		v.raw = strconv.AppendInt(nil, int64(f), 10)
	}
	return v
}

// boolOf reads the spellings of Python and the numbers 0 and 1.
func boolOf(v value, text string) value {
	switch strings.ToLower(text) {
	case "true", "1", "1.0":
		return value{kind: kindBool, raw: []byte("true")}
	case "false", "0", "0.0":
		return value{kind: kindBool, raw: []byte("false")}
	}
	return v
}

// looksLikePython says whether a text begins like a list or a dict with texts in single
// quotes, as Python prints them.
func looksLikePython(text string) bool {
	list := strings.TrimLeft(text, "[ ")
	return len(list) < len(text) && strings.HasPrefix(list, "'") || strings.HasPrefix(list, "{'")
}

func notJSON(name string) error {
	return fmt.Errorf("%s is a list or dict as Python prints it, which is not JSON; write the column with json.dumps, or the file with to_json or to_parquet", name)
}

// quoteJSON writes a text as JSON, the characters of HTML as they are.
func quoteJSON(text string) string {
	return string(appendQuoted(nil, text))
}

// appendQuoted appends a text as JSON.
func appendQuoted(to []byte, text string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c == '\n':
			to = append(to, '\\', 'n')
		case c == '\r':
			to = append(to, '\\', 'r')
		case c == '\t':
			to = append(to, '\\', 't')
		case c < 0x20:
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			to = append(to, c)
		}
	}
	return append(to, '"')
}

// IsNullText says whether a cell with such a text counts as null.
func IsNullText(text string) bool { return nullTexts[text] }
