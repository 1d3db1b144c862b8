package sdk_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// moody does something else with each row, so that what is left of one shows in the next.
type moody struct{ kept *[]string }

func (moody) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String}, {Name: "list", Type: sdk.StringList}, {Name: "n", Type: sdk.Float}}
}

func (m moody) Format(r *sdk.Row, o *sdk.Out) error {
	*m.kept = append(*m.kept, r.Str(0))
	switch r.Str(0) {
	case "drop":
		o.Candidate("x", "x").Set("score", 9)
		o.Set("weight", 9)
		return o.Drop("told to")
	case "bad":
		return errors.New("told to")
	case "panic":
		o.Candidate("x", "x")
		panic("told to")
	case "cut":
		o.Candidate("x", "gr\xc3")
		return nil
	case "labelled":
		o.Label("topic", r.Str(0))
		o.Candidate(r.Str(0), "!")
		return nil
	case "plain":
		o.Candidate(r.Str(0), "!")
		return nil
	}
	first := o.Candidate(r.Str(0), "")
	for i, s := range r.Strs(1) {
		o.Candidate(r.Str(0), s).Set("score", float64(i))
	}
	first.Set("score", r.Float(2))
	o.Set("weight", 1)
	return nil
}

func moodyRows(n int) []sdk.Row {
	texts := []string{"a", "drop", "plain", "bad", "b", "panic", "plain", "cut", "c", "labelled"}
	lists := [][]string{{"x", "y", "z"}, {}, {"x"}, nil}
	var rows []sdk.Row
	for i := range n {
		cells := []sdk.Cell{{Type: sdk.String, Str: texts[i%len(texts)]}, {}, {Type: sdk.Float, Float: float64(i)}}
		if list := lists[i%len(lists)]; list != nil {
			cells[1] = sdk.Cell{Type: sdk.StringList, Strs: list}
		}
		rows = append(rows, sdk.NewRow(cells))
	}
	return rows
}

// TestRowsDoNotMix: a server uses its memory again for every row and batch,
// and what comes out is what each row gives alone.
func TestRowsDoNotMix(t *testing.T) {
	var kept []string
	s := sdk.NewServer(sdk.Plugin{Name: "f", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("moody", "", moody{&kept})}})
	ask(t, s.Configure(0, []byte("{}")))
	var request, reply []byte
	for size := 1; size < 60; size++ {
		rows := moodyRows(size)
		var err error
		request, err = sdk.AppendRows(request[:0], 3, rows)
		require.NoError(t, err)
		reply = s.AppendFormat(reply[:0], 1, request)
		got, err := sdk.DecodeResults(ask(t, reply), size)
		require.NoError(t, err)
		want := sdk.FormatRows(moody{&[]string{}}, rows)
		require.Equal(t, want, got)
		clear(request) // texts that a formatter keeps are its own
	}
	require.Equal(t, "a drop plain bad b panic plain cut c labelled a drop plain", strings.Join(kept[len(kept)-59:len(kept)-46], " "))
}

func TestOneBadRowIsOneBadRow(t *testing.T) {
	results := sdk.FormatRows(moody{&[]string{}}, moodyRows(9))
	require.Len(t, results[0].Example.Candidates, 4)
	require.Equal(t, "told to", results[1].Dropped)
	require.Equal(t, map[string]float64(nil), results[2].Example.Columns)
	require.Equal(t, "told to", results[3].Err)
	require.Regexp(t, `^sdk/reply_test\.go:\d+: panicked: told to$`, results[5].Err)
	require.Equal(t, "the answer of candidate 0 is not UTF-8; a text was cut inside a character", results[7].Err)
}

// TestFormatAllocatesLittle: what a formatter itself does not allocate comes
// from memory that serves every row.
func TestFormatAllocatesLittle(t *testing.T) {
	kept := make([]string, 0, 1<<20)
	s := sdk.NewServer(sdk.Plugin{Name: "f", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("moody", "", moody{&kept})}})
	ask(t, s.Configure(0, []byte("{}")))
	rows := make([]sdk.Row, 500)
	for i := range rows {
		rows[i] = moodyRows(1)[0]
	}
	request, err := sdk.EncodeRows(3, rows)
	require.NoError(t, err)
	var reply []byte
	allocations := testing.AllocsPerRun(20, func() { reply = s.AppendFormat(reply[:0], 1, request) })
	require.Less(t, allocations, 10.0)
}

// Names of columns come from plugins, and stand in errors and reports.
func TestNamesOfColumnsInAReply(t *testing.T) {
	reply := func(names, columns string) string {
		return "\x01\x00\x00\x00" + names + "\x00" + columns + "\x01\x01\x01p\x01a\x00"
	}
	one := "\x00\x00\x00\x00\x00\x00\xf0\x3f"
	_, err := sdk.DecodeResults([]byte(reply("\x01\x01s", "\x01\x00"+one)), 1)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"escape code": reply("\x01\x02\x1bc", "\x00"),
		"too long":    reply("\x01\x80\x02"+strings.Repeat("n", 256), "\x00"),
		"one twice":   reply("\x01\x01s", "\x02\x00"+one+"\x00"+one),
		"named twice": reply("\x02\x01s\x01s", "\x02\x00"+one+"\x01"+one),
	} {
		_, err := sdk.DecodeResults([]byte(text), 1)
		require.ErrorContains(t, err, "column", name)
	}
}
