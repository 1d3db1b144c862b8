package sdk

import (
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// Formatter turns one record of a data file into one example. It sees only text
// and numbers, never token ids: the host reads the columns that Columns
// declares, and tokenises what Format hands to Out.
//
// Columns may depend on the formatter's parameters; it is called once a run.
// Format is called once a record, in file order, and must depend on nothing but
// the row and the parameters. An error from Format marks a bad row: the host
// prefixes file and line. A record that is well formed but useless is left out
// with Out.Drop instead.
//
// A formatter may have the methods Gives() []Output, which lists the columns and
// labels that Format gives, Forms() []Form, which lists the kinds of records that
// it reads, Markup() Markup, which lists what it writes around the turns of a chat,
// and Allow() map[string]string, which works like Objective.Allow. All are called once
// a run, like Columns.
type Formatter interface {
	Columns() []Column
	Format(r *Row, o *Out) error
}

// ColumnType says what the host must find in a record's field. The numbers are
// part of the wire format and never change meaning.
type ColumnType uint8

// The column types. A field that is null counts as absent.
const (
	String     ColumnType = iota + 1 // a text
	Float                            // a finite number
	Bool                             // true or false
	Int                              // a whole number that fits 64 bits
	StringList                       // a list of texts
	FloatList                        // a list of finite numbers
	JSON                             // any value, passed on as its JSON text; NaN and Infinity are none
)

var columnTypeNames = [...]string{String: "a string", Float: "a number", Bool: "true or false",
	Int: "a whole number", StringList: "a list of strings", FloatList: "a list of numbers", JSON: "a JSON value"}

// String names the type as error messages do: "a list of strings".
func (t ColumnType) String() string {
	if t < String || t > JSON {
		return "column type " + strconv.Itoa(int(t))
	}
	return columnTypeNames[t]
}

// Column declares one field that a formatter reads. A record without a
// Required field never reaches Format.
type Column struct {
	Name     string
	Type     ColumnType
	Required bool
	Doc      string

	// Role is what the number, or each number of the list, means.
	Role ColumnRole

	// Examples are values of the field as they stand in a record, each as JSON:
	// `"Name a colour."`, `[1, 0.5]`; `null` is a field that is absent. The first
	// examples of all columns make one record, the second ones another; a column
	// without examples is filled in by its type. Checks make records of them.
	Examples []string
}

// Cell is one field of one record. Type says which of the other fields
// holds the value; a zero Type means that the record has no such field.
type Cell struct {
	Type   ColumnType
	Str    string    // String, and JSON as raw text
	Float  float64   // Float
	Int    int64     // Int; Bool as 0 or 1
	Strs   []string  // StringList
	Floats []float64 // FloatList
}

// Row is one record as its formatter sees it: a cell for each column, by the
// column's index in Columns. Reading an absent cell gives the zero value. So
// does reading one as another type, which also makes the row a bad one,
// whatever Format returns.
type Row struct {
	cells []Cell
	err   error
}

// NewRow returns a row of cells, one for each declared column, in order.
func NewRow(cells []Cell) Row { return Row{cells: cells} }

// Has reports whether the record has column i.
func (r *Row) Has(i int) bool {
	return i >= 0 && i < len(r.cells) && r.cells[i].Type != 0
}

// Str returns column i, a String.
func (r *Row) Str(i int) string { return r.cell(i, String).Str }

// Float returns column i, a Float.
func (r *Row) Float(i int) float64 { return r.cell(i, Float).Float }

// Bool returns column i, a Bool.
func (r *Row) Bool(i int) bool { return r.cell(i, Bool).Int != 0 }

// Int returns column i, an Int.
func (r *Row) Int(i int) int64 { return r.cell(i, Int).Int }

// Strs returns column i, a StringList. The slice is valid until Format returns,
// its strings stay valid.
func (r *Row) Strs(i int) []string { return r.cell(i, StringList).Strs }

// Floats returns column i, a FloatList. The slice is valid until Format
// returns.
func (r *Row) Floats(i int) []float64 { return r.cell(i, FloatList).Floats }

// JSON returns column i, a JSON column, as its raw text.
func (r *Row) JSON(i int) string { return r.cell(i, JSON).Str }

// noCell is returned for an absent cell.
var noCell Cell

func (r *Row) cell(i int, want ColumnType) *Cell {
	if !r.Has(i) {
		return &noCell
	}
	c := &r.cells[i]
	if c.Type != want {
		if r.err == nil {
			r.err = errors.New("column " + strconv.Itoa(i) + " is declared as " + c.Type.String() + ", but Format reads it as " + want.String())
		}
		return &noCell
	}
	return c
}

// Example is what one record becomes: one or more candidates, each with its own
// prompt, columns of one number for the whole example, and the names of its
// classes by classification head. A head may be missing.
type Example struct {
	Candidates []Candidate
	Columns    map[string]float64
	Labels     map[string]string
}

// Candidate is a prompt and one answer to it. The model reads Prompt and
// Answer as one text and learns from the answer; an encoder such as BERT reads
// them as a pair of texts. A candidate that is a chat has Chat, and no texts; all
// candidates of an example are chats, or none is. Columns hold one number for the
// candidate; all candidates of an example have the same columns.
//
// Chats of one example may share the memory of their prompts, so their messages
// must not be changed.
type Candidate struct {
	Prompt, Answer string
	Chat           *Chat
	Columns        map[string]float64
}

// Set gives the candidate's column name the value v, which must be finite.
func (c *Candidate) Set(name string, v float64) {
	if c.Columns == nil {
		c.Columns = map[string]float64{}
	}
	c.Columns[name] = v
}

// Out takes what Format makes of one row.
type Out struct {
	candidates []*Candidate // the row's; the spare capacity holds those of earlier rows
	columns    map[string]float64
	labels     map[string]string
}

// Candidate adds a candidate to the example and returns it, so that its
// columns can be set.
func (o *Out) Candidate(prompt, answer string) *Candidate {
	n := len(o.candidates)
	if n == cap(o.candidates) {
		o.candidates = append(o.candidates, &Candidate{})
	} else if o.candidates = o.candidates[:n+1]; o.candidates[n] == nil {
		o.candidates[n] = &Candidate{}
	}
	c := o.candidates[n]
	c.Prompt, c.Answer, c.Chat = prompt, answer, nil
	return c
}

// reset readies the memory of one row for the next.
func (o *Out) reset() {
	for _, c := range o.candidates {
		clear(c.Columns)
	}
	clear(o.columns)
	clear(o.labels)
	o.candidates = o.candidates[:0]
}

// Set gives the example's column name the value v, which must be finite.
func (o *Out) Set(name string, v float64) {
	if o.columns == nil {
		o.columns = map[string]float64{}
	}
	o.columns[name] = v
}

// Label says which class the example has under a classification head, by its name
// in the data: the host numbers the names found in the training data. Names that
// are one number in JSON, such as "0" and "0.0", are one class.
func (o *Out) Label(head, value string) {
	if o.labels == nil {
		o.labels = map[string]string{}
	}
	o.labels[head] = value
}

// Drop returns the error that leaves the row out of the data. The host counts
// drops by reason and reports them, so a reason must not quote the row.
func (o *Out) Drop(reason string) error { return &Dropped{Reason: reason} }

// Dropped is the error that Out.Drop returns.
type Dropped struct{ Reason string }

// Error returns the reason.
func (d *Dropped) Error() string { return "dropped: " + d.Reason }

// FormatRow runs f over one row. The error is a *Dropped if f dropped the row;
// any other error, a panic of f included, makes it a bad row.
func FormatRow(f Formatter, r *Row) (Example, error) {
	var out Out
	if err := out.format(f, r); err != nil {
		return Example{}, err
	}
	e := Example{
		Columns:    out.columns,
		Labels:     out.labels,
		Candidates: make([]Candidate, len(out.candidates)),
	}
	for i, c := range out.candidates {
		e.Candidates[i] = *c
	}
	return e, e.checkTexts()
}

// format collects what f makes of a row and checks all but its strings.
func (o *Out) format(f Formatter, r *Row) error {
	err := o.call(f, r)
	if r.err != nil {
		return r.err
	}
	if err != nil {
		return err
	}
	if len(o.candidates) == 0 {
		return errNoCandidate
	}
	for i, c := range o.candidates {
		if err := c.check(i, o.candidates[0]); err != nil {
			return err
		}
	}
	return checkFinite(o.columns)
}

func (o *Out) call(f Formatter, r *Row) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = errors.New(authorLine() + ": panicked: " + panicText(reason))
		}
	}()
	return f.Format(r, o)
}

var errNoCandidate = errors.New("the formatter made no candidate; want at least one, or Out.Drop with a reason")

// check requires at least one candidate, the same columns on each, and finite numbers.
func (e Example) check() error {
	if len(e.Candidates) == 0 {
		return errNoCandidate
	}
	for i := range e.Candidates {
		if err := e.Candidates[i].check(i, &e.Candidates[0]); err != nil {
			return err
		}
	}
	return checkFinite(e.Columns)
}

// check checks the kind and the columns of candidate i of an example.
func (c *Candidate) check(i int, first *Candidate) error {
	if err := c.checkKind(i, first); err != nil {
		return err
	}
	if name, bad := notFinite(c.Columns); bad {
		return errors.New("column " + strconv.Quote(name) + " of candidate " + strconv.Itoa(i) + " is not finite")
	}
	if c == first {
		return nil
	}
	if name, bad := differ(first.Columns, c.Columns); bad {
		return errors.New("column " + strconv.Quote(name) + " is set on one of candidates 0 and " + strconv.Itoa(i) + " only; want it on every candidate")
	}
	return nil
}

// checkFinite checks the columns of an example.
func checkFinite(columns map[string]float64) error {
	if name, bad := notFinite(columns); bad {
		return errors.New("example column " + strconv.Quote(name) + " is not finite")
	}
	return nil
}

// checkTexts requires all strings to be UTF-8, and those of chats to be what they
// should.
func (e Example) checkTexts() error {
	for head, value := range e.Labels {
		if !utf8.ValidString(value) {
			return errors.New("the label of head " + strconv.Quote(head) + " is not UTF-8; a text was cut inside a character")
		}
	}
	for i := range e.Candidates {
		c := &e.Candidates[i]
		part := ""
		switch {
		case c.Chat != nil:
			if err := c.Chat.checkTexts(i, e.chatBefore(i)); err != nil {
				return err
			}
			continue
		case !utf8.ValidString(c.Prompt):
			part = "prompt"
		case !utf8.ValidString(c.Answer):
			part = "answer"
		default:
			continue
		}
		return errors.New("the " + part + " of candidate " + strconv.Itoa(i) + " is not UTF-8; a text was cut inside a character")
	}
	return nil
}

// chatBefore returns the chat of the candidate before candidate i, or nil.
func (e Example) chatBefore(i int) *Chat {
	if i == 0 {
		return nil
	}
	return e.Candidates[i-1].Chat
}

// notFinite returns the first name, in order, whose value is NaN or infinite.
func notFinite(columns map[string]float64) (name string, bad bool) {
	if len(columns) == 0 {
		return "", false
	}
	for n, v := range columns {
		if (math.IsNaN(v) || math.IsInf(v, 0)) && (!bad || n < name) {
			name, bad = n, true
		}
	}
	return name, bad
}

// differ returns the first name, in order, that only one of a and b has.
func differ(a, b map[string]float64) (name string, bad bool) {
	if len(a) == 0 && len(b) == 0 {
		return "", false
	}
	only := func(from, in map[string]float64) {
		for n := range from {
			if _, both := in[n]; !both && (!bad || n < name) {
				name, bad = n, true
			}
		}
	}
	only(a, b)
	only(b, a)
	return name, bad
}
