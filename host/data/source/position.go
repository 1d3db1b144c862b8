package source

import "strconv"

// Position is where a record is: a file as the run names it, and the
// line, from 1, on which the record begins.
type Position struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String returns "file:line".
func (p Position) String() string { return p.File + ":" + strconv.Itoa(p.Line) }
