package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// place is where a value was given: in the file, or in the flags, which come after.
type place struct {
	text      string // "run.toml:3:1" or "flag --seed"; "" = nowhere
	line, col int    // of the file
	flag      int    // of the flags, from 1
}

func (p place) before(q place) int {
	return cmp.Or(cmp.Compare(p.flag, q.flag), cmp.Compare(p.line, q.line), cmp.Compare(p.col, q.col))
}

// Error is one thing wrong with the settings.
type Error struct {
	Where string // "run.toml:3:1", "flag --seed" or ""
	Text  string // what, wanted, found, fix
	at    place
}

// Error is the place, if there is one, and the text.
func (e *Error) Error() string {
	if e.Where == "" {
		return e.Text
	}
	return e.Where + ": " + e.Text
}

// problems gathers everything that is wrong, to report it at once.
type problems []*Error

func (p *problems) add(at place, format string, args ...any) {
	*p = append(*p, &Error{
		Where: at.text,
		Text:  fmt.Sprintf(format, args...),
		at:    at,
	})
}

// err joins the problems, one a line, in the order of the file and then of the
// flags; it is nil where there are none.
func (p problems) err() error {
	slices.SortStableFunc(p, func(a, b *Error) int { return a.at.before(b.at) })
	list := make([]error, len(p))
	for i, e := range p {
		list[i] = e
	}
	return errors.Join(list...)
}
