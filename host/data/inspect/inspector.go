package inspect

import (
	"fmt"
	"slices"
)

// Options are the caller's choices.
type Options struct {
	Near      float64  // share of common word pairs from which records are near duplicates; 0 does not look for them
	MaxLength int      // of a sequence, in tokens
	Left      bool     // longer ones are cut on the left
	Learns    bool     // the loss learns tokens, so that a record without one is useless
	Kept      int      // how many findings of a check are kept; the others are counted
	Allow     []string // names of checks whose findings do not fail
	Skip      []string // names of checks that do not look
	Tokens    bool     // records come with their tokens
	Reads     []string // the fields that the formatter reads; nil without one, which is all
	Changing  []string // what the chat template writes in another way once a chat goes on
	Special   Special
}

// Special are the ids of tokens with a role, -1 where there is none, and what a run puts around texts.
type Special struct {
	BOS, EOS, Unknown int64
	Begins, Ends      bool // a run puts BOS before texts, EOS after them
}

// Inspector looks at records, one after the other.
type Inspector struct {
	options Options
	checks  []*Check
	passes  []Pass
	groups  map[string]*Group
	report  Report
	records int
	lengths lengths
	kinds   map[string]map[string]int // of files: how many records have a form
}

// New makes an inspector. The names in Allow and Skip must be those of checks.
func New(o Options) (*Inspector, error) {
	if err := Known(append(slices.Clone(o.Allow), o.Skip...)...); err != nil {
		return nil, err
	}
	in := &Inspector{options: o, groups: map[string]*Group{}, lengths: lengths{special: o.Special, learns: o.Learns}, kinds: map[string]map[string]int{}}
	var unseen []string
	for _, c := range All() {
		switch {
		case slices.Contains(o.Skip, c.Name) || c == nearDuplicates && o.Near == 0:
		case c.Needs == Tokens && !o.Tokens:
			unseen = append(unseen, c.Name)
		default:
			in.checks = append(in.checks, c)
			in.passes = append(in.passes, c.Start(o))
		}
	}
	if unseen != nil {
		in.report.Unseen = []Unseen{{unseen, "they look at tokens; give model_name_or_path or tokenizer_name_or_path"}}
	}
	return in, nil
}

// File begins a file: the records that follow are its own.
func (in *Inspector) File(f FileReport) {
	in.report.Files = append(in.report.Files, f)
	in.kinds[f.Path] = map[string]int{}
}

// Add looks at a record.
func (in *Inspector) Add(i *Item) {
	in.records++
	file := &in.report.Files[len(in.report.Files)-1]
	file.Records++
	if i.Err != nil {
		file.Bad++
	} else {
		in.kinds[file.Path][i.View.Kind]++
	}
	in.lengths.add(i)
	for n, pass := range in.passes {
		if pass.Each != nil {
			pass.Each(i, in.finder(in.checks[n], i.Place))
		}
	}
}

// Note adds a sentence about the report itself.
func (in *Inspector) Note(format string, args ...any) {
	in.report.Notes = append(in.report.Notes, fmt.Sprintf(format, args...))
}

// Report ends the inspection.
func (in *Inspector) Report() *Report {
	for n, pass := range in.passes {
		if pass.End != nil {
			pass.End(in.finder(in.checks[n], Place{}))
		}
	}
	for i := range in.report.Files {
		f := &in.report.Files[i]
		if f.Format == "" {
			f.Format = most(in.kinds[f.Path])
		}
	}
	in.report.Lengths = in.lengths.report(in.options)
	for _, c := range in.checks {
		if g := in.groups[c.Name]; g != nil {
			g.settle(c, in.records)
			g.Allowed = slices.Contains(in.options.Allow, c.Name)
			in.report.Groups = append(in.report.Groups, *g)
		}
	}
	slices.SortStableFunc(in.report.Groups, func(a, b Group) int { return b.Severity.rank() - a.Severity.rank() })
	return &in.report
}

// most is the commonest of some names.
func most(counts map[string]int) (name string) {
	for n, count := range counts {
		if count > counts[name] || count == counts[name] && n < name {
			name = n
		}
	}
	return name
}

// finder takes the findings of a check at a record.
func (in *Inspector) finder(c *Check, at Place) Find {
	return func(f Finding) {
		g := in.groups[c.Name]
		if g == nil {
			g = &Group{Check: c.Name, Doc: c.Doc}
			in.groups[c.Name] = g
		}
		g.Count++
		if f.File == "" && at.File != "" {
			f.put(at)
		}
		if p := (Place{Number: f.Record, Eval: f.Eval}); f.File != "" {
			p.File = f.File
			if g.last != p {
				g.Records++
				g.last = p
			}
		}
		if f.Severity == "" {
			f.Severity = c.Severity
		}
		if f.Fix == "" {
			f.Fix = c.Fix
		}
		f.Check = c.Name
		if len(g.Findings) < in.options.Kept {
			g.Findings = append(g.Findings, f)
		} else if f.Severity.rank() > g.Severity.rank() {
			g.Severity = f.Severity
		}
	}
}

// put sets the place of a finding.
func (f *Finding) put(at Place) {
	f.File = at.File
	f.Row = max(at.Line, at.Position.Row)
	f.Record = at.Number
	f.Eval = at.Eval
	f.where = at.Position.String()
	if f.Row == 0 { // it is about the file
		f.where = at.File
	}
}

// at is a finding at another place than the record that is looked at.
func (f Finding) at(p Place) Finding {
	f.put(p)
	return f
}
