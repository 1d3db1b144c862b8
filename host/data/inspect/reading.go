package inspect

import (
	"fmt"
	"regexp"
	"strings"
)

var unreadable = &Check{
	Name:     "unreadable",
	Doc:      "a file or a record that cannot be read: broken JSON, a file that ends too early",
	Severity: Error,
	Fix:      "correct the record or take it out",
	Start: each(func(i *Item, find Find) {
		if i.Err != nil && !i.Encoding {
			text := without(i.Err.Error(), i.Position.String())
			text = strings.TrimPrefix(text, i.File+": ")
			find(Finding{Field: fieldIn(text), Text: text})
		}
	}),
}

var encoding = &Check{
	Name:     "encoding",
	Doc:      "bytes that are not UTF-8, and halves of surrogate pairs",
	Severity: Error,
	Fix:      `write the file as UTF-8, or encoding_errors = "replace" reads U+FFFD for what is no text`,
	Start: each(func(i *Item, find Find) {
		if i.Err != nil && i.Encoding {
			text, _, _ := strings.Cut(without(i.Err.Error(), i.Position.String()), "; ")
			find(Finding{Field: i.Damaged, Text: text})
		}
	}),
}

var refused = &Check{
	Name:     "refused",
	Doc:      "a record that the formatter refuses: a missing field, one of another type",
	Severity: Error,
	Fix:      "correct the record or take it out; formatter names another reader of records, and the formatter's parameters the fields",
	Start: each(func(i *Item, find Find) {
		if i.Refused != "" {
			text := without(i.Refused, i.Position.String())
			find(Finding{Field: fieldIn(text), Text: text})
		}
	}),
}

var dropped = &Check{
	Name:     "dropped",
	Doc:      "a record that the formatter leaves out, with its reason",
	Severity: Warning,
	Minor:    0.2, // what is dropped is counted in a run's first lines too; a fifth of the data is no accident
	Fix:      "nothing, if these records may be left out",
	Start: each(func(i *Item, find Find) {
		if i.Dropped != "" {
			find(Finding{Text: "is left out: " + i.Dropped})
		}
	}),
}

// without is an error's text without the place that it begins with.
func without(text, place string) string {
	rest, had := strings.CutPrefix(text, place)
	if !had {
		return text
	}
	rest = strings.TrimLeft(rest, ":")
	if column, after, found := strings.Cut(rest, ": "); found && strings.Trim(column, "0123456789") == "" {
		return "column " + column + ": " + after
	}
	return strings.TrimSpace(rest)
}

var fieldName = regexp.MustCompile(`field "((?:[^"\\]|\\.)+)"((?:\[\d+\])*)`)

// fieldIn is the field that an error names.
func fieldIn(text string) string {
	if m := fieldName.FindStringSubmatch(text); m != nil {
		return m[1] + m[2]
	}
	return ""
}

var mixedFields = &Check{
	Name:     "mixed-fields",
	Doc:      "a record that lacks fields which nearly all others have, or is of another form",
	Severity: Warning,
	Fix:      "give all records the same fields; those of another form belong into files of their own",
	Start:    perSet(func(Options) Pass { return (&fieldSets{sets: map[string]*fieldSet{}}).pass() }),
}

// fieldSets counts the sets of names that records have.
type fieldSets struct {
	sets    map[string]*fieldSet
	order   []*fieldSet
	records int
}

type fieldSet struct {
	names []string
	kind  string
	first Place
	count int
}

// mostSets bounds how many sets are told apart: data of more has no fixed fields.
const mostSets = 256

// rareSet is the share of records below which a set of fields stands out. Fields such
// as system or tools are absent from many records by right.
const rareSet = 0.05

func (s *fieldSets) pass() Pass {
	return Pass{Each: s.see, End: s.end}
}

func (s *fieldSets) see(i *Item, _ Find) {
	if i.Err != nil {
		return
	}
	s.records++
	var filled []string
	for _, f := range i.Record {
		if f.Value.Kind > 1 { // null is as good as absent
			filled = append(filled, f.Name)
		}
	}
	key := i.View.Kind + "\x00" + strings.Join(sorted(filled), "\x00")
	set := s.sets[key]
	if set == nil {
		if len(s.order) == mostSets {
			return
		}
		set = &fieldSet{names: filled, kind: i.View.Kind, first: i.Place}
		s.sets[key] = set
		s.order = append(s.order, set)
	}
	set.count++
}

func (s *fieldSets) end(find Find) {
	if len(s.order) < 2 || len(s.order) == mostSets {
		return
	}
	usual := s.order[0]
	for _, set := range s.order {
		if set.count > usual.count {
			usual = set
		}
	}
	for _, set := range s.order {
		if set != usual {
			s.compare(set, usual, find)
		}
	}
}

// compare finds what is wrong with a set beside the usual one.
func (s *fieldSets) compare(set, usual *fieldSet, find Find) {
	lacks := minus(usual.names, set.names)
	more := minus(set.names, usual.names)
	rare := float64(set.count) < rareSet*float64(s.records) || set.count == 1 && s.records > 2
	f := Finding{Field: strings.Join(more, ", ")}.at(set.first)
	count := ""
	if set.count > 1 {
		count = fmt.Sprintf(" (the first of %d such records)", set.count)
	}
	kind := func(s string) string {
		if s == "" {
			return "of no known form"
		}
		return "of the form " + s
	}
	switch {
	case bare(set.kind) != bare(usual.kind):
		f.Text = fmt.Sprintf("the record is %s, most are %s%s", kind(set.kind), kind(usual.kind), count)
		f.Severity, f.All = Error, true
	case len(lacks) > 0 && rare:
		f.Text = fmt.Sprintf("lacks %s, which %.1f%% of the records have%s", quoted(lacks), 100*float64(usual.count)/float64(s.records), count)
		if len(more) > 0 {
			f.Text += fmt.Sprintf("; it has %s instead", quoted(more))
		} else {
			f.Field = strings.Join(lacks, ", ")
		}
	default:
		return // fields that come on top, or are absent from many
	}
	find(f)
}

// bare is a form without its label, which may be null.
func bare(kind string) string { return strings.TrimSuffix(strings.TrimSuffix(kind, "s"), " + label") }
