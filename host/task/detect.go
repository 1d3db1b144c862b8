package task

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/config"
	"llmhost/host/data/source"
	"llmhost/host/plugin"
	"llmhost/sdk"
)

// Files are the first records of a run's files, by which its formatter is chosen.
type Files struct {
	Records  [][]source.Record // the first few of each file, one file at least
	Template func() bool       // whether the model has a chat template
}

// choose settles which formatter reads the records of the set. The setting's comes
// first, then the task's own, where it reads any of the first file's first records, or
// does not say what it reads; then the one builtin formatter that reads them and gives
// what the loss reads. One that reads all fields of the own formatter's form and more
// has precedence over it: the own one would leave out part of what the records say. A
// run that resumes keeps found, the formatter that it had found.
func (t *Task) choose(ctx context.Context, files *Files, keeps bool, found string) error {
	s := t.settings
	t.names = s.Columns
	t.Format = Format{Formatter: t.Task.Formatter.Spec(), Detected: s.Formatter == "" && found != ""}
	if files == nil {
		return nil
	}
	own := t.reader(ctx, t.Task.Formatter, s)
	if own.err == nil && own.forms == nil {
		t.describe(own, files)
		return nil
	}
	own.fit(files.Records[0], t.names)
	if own.err != nil || s.Formatter != "" || keeps || t.setsOwn(s) {
		t.describe(own, files)
		return t.checkOthers(own, files)
	}
	chosen, err := t.detect(ctx, s, own, files)
	if err != nil {
		return err
	}
	if chosen != own {
		t.Task.Formatter = chosen.component
		t.Format = Format{Formatter: chosen.component.Spec(), Detected: true}
	}
	t.describe(chosen, files)
	return t.checkOthers(chosen, files)
}

// setsOwn tells whether the user set a parameter that the formatter alone has, and
// so means this formatter.
func (t *Task) setsOwn(s config.Settings) bool {
	for _, p := range t.Task.Formatter.Params {
		if _, set := s.Params[p.Name]; set && !t.Loss.Has(p.Name) {
			return true
		}
	}
	return false
}

// reader is a formatter with what it reads and gives under the run's parameters.
type reader struct {
	component *plugin.Component
	columns   []sdk.Column
	gives     []sdk.Output
	forms     []sdk.Form
	err       error // what is wrong with its parameters

	fits   int      // records of the first file that have one of its forms
	form   sdk.Form // of the first of those
	unused int      // columns that it gives and the loss does not read
}

// reader asks a formatter. Parameters of the run that it does not have are left out.
func (t *Task) reader(ctx context.Context, c *plugin.Component, s config.Settings) *reader {
	r := &reader{component: c}
	given := map[string]plugin.Given{}
	for name, p := range s.Params {
		if meant := c.Meant(name); meant != "" {
			given[meant] = asGiven(p)
		}
	}
	values, err := c.Settle(given)
	if err != nil {
		r.err = err
		return r
	}
	records, err := c.Records(ctx, values)
	r.columns, r.gives, r.forms, r.err = records.Columns, records.Gives, records.Forms, err
	return r
}

// fit counts the records that have one of the forms.
func (r *reader) fit(records []source.Record, names naming) {
	for _, record := range records {
		form, found := formOf(record, r.forms, names)
		if found && r.fits == 0 {
			r.form = form
		}
		if found {
			r.fits++
		}
	}
}

// describe says in t.Format what the records are, and which fields nobody reads.
func (t *Task) describe(r *reader, files *Files) {
	t.Format.Form = r.form.Name
	t.Format.Chat = r.form.Chat
	var all []source.Record
	for _, records := range files.Records {
		all = append(all, records...)
	}
	if r.err == nil {
		t.Format.Unread = unread(all, t.names.columns(r.columns))
	}
}

// detect finds the builtin formatter for the first file's records; own if that is it.
func (t *Task) detect(ctx context.Context, s config.Settings, own *reader, files *Files) (*reader, error) {
	values, err := t.lossValues(s)
	if err != nil {
		return own, nil // settling all parameters says what is wrong
	}
	loss, err := t.Loss.Trace(ctx, values)
	if err != nil {
		return nil, err
	}
	var fed []*reader
	for _, p := range t.catalog.Builtin() {
		for _, c := range p.Components {
			if c.Kind != plugin.Formatter || c == own.component {
				continue
			}
			r := t.reader(ctx, c, s)
			if r.err == nil && len(r.forms) > 0 && feeds(r.gives, loss) {
				r.fit(files.Records[0], t.names)
				r.unused = unusedOf(r.gives, loss)
				fed = append(fed, r)
			}
		}
	}
	if own.fits > 0 {
		fed = slices.DeleteFunc(fed, func(r *reader) bool { return r.fits < own.fits || !isMore(r.form, own.form) })
	}
	best := nearestOf(fed, files.Template)
	if own.fits > 0 && len(best) != 1 {
		return own, nil
	}
	first := files.Records[0][0]
	switch len(best) {
	case 0:
		return nil, t.noneReads(first, own, fed)
	case 1:
		return best[0], nil
	}
	var names []string
	for _, r := range best {
		names = append(names, fmt.Sprintf("%s (%s)", r.component.Name, r.form.Name))
	}
	return nil, fmt.Errorf("%s: the record has the fields %s, which several formatters read: %s; set formatter to one of them",
		first.Position(), fieldList(first), strings.Join(names, ", "))
}

// isMore tells whether a form has all the fields of another, and more.
func isMore(form, of sdk.Form) bool {
	for _, f := range of.Fields {
		if !slices.ContainsFunc(form.Fields, func(have sdk.FormField) bool { return have.Name == f.Name }) {
			return false
		}
	}
	return len(form.Fields) > len(of.Fields)
}

// lossValues are the parameters of the loss alone.
func (t *Task) lossValues(s config.Settings) (map[string]any, error) {
	given := map[string]plugin.Given{}
	for name, v := range t.Defaults {
		if t.Loss.Has(name) {
			given[name] = plugin.Given{Value: v}
		}
	}
	for name, p := range s.Params {
		if t.Loss.Has(name) {
			given[name] = asGiven(p)
		}
	}
	return t.Loss.Settle(given)
}

// nearestOf are the readers of the most records, of those the ones with the most
// fields, and of those the ones that give the least beside what the loss reads. Where
// chats and texts are left the model decides: chats if it has a chat template.
func nearestOf(all []*reader, template func() bool) []*reader {
	all = slices.DeleteFunc(slices.Clone(all), func(r *reader) bool { return r.fits == 0 })
	for _, of := range []func(r *reader) int{
		func(r *reader) int { return r.fits },
		func(r *reader) int { return len(r.form.Fields) },
	} {
		all = mostOf(all, of)
	}
	chats := slices.ContainsFunc(all, func(r *reader) bool { return r.form.Chat })
	texts := slices.ContainsFunc(all, func(r *reader) bool { return !r.form.Chat })
	fewest := func(all []*reader) []*reader { return mostOf(all, func(r *reader) int { return -r.unused }) }
	if !chats || !texts {
		return fewest(all)
	}
	chat := template != nil && template()
	return fewest(slices.DeleteFunc(all, func(r *reader) bool { return r.form.Chat != chat }))
}

// mostOf are the readers with the largest number.
func mostOf(all []*reader, of func(r *reader) int) []*reader {
	if len(all) == 0 {
		return nil
	}
	most := of(slices.MaxFunc(all, func(a, b *reader) int { return of(a) - of(b) }))
	return slices.DeleteFunc(all, func(r *reader) bool { return of(r) < most })
}

// unusedOf counts the columns that a formatter gives and a loss does not read.
func unusedOf(gives []sdk.Output, loss *plugin.Trace) (n int) {
	reads := loss.InputNames()
	for _, output := range gives {
		if !slices.Contains(reads, output.Input()) {
			n++
		}
	}
	return n
}

// feeds tells whether a formatter gives what a loss reads, and nothing that says
// which answers are good without the loss reading it.
func feeds(gives []sdk.Output, loss *plugin.Trace) bool {
	given := map[string]sdk.ColumnRole{}
	for _, output := range gives {
		given[output.Input()] = output.Role
	}
	for _, use := range loss.Columns {
		role, has := given[use.Input]
		if !has && !use.Optional || has && use.Role != sdk.NumberRole && role != use.Role {
			return false
		}
	}
	reads := loss.InputNames()
	for _, name := range reads {
		if _, has := given[name]; !has && strings.HasPrefix(name, string(sdk.ClassLabel)+".") {
			return false
		}
	}
	return !slices.ContainsFunc(gives, func(output sdk.Output) bool {
		tells := output.Role == sdk.ScoreRole || output.Role == sdk.RewardRole || output.Role == sdk.MaskRole || output.Kind == sdk.ClassLabel
		return tells && !slices.Contains(reads, output.Input())
	})
}

// noneReads is the error of a record that no formatter of the task reads.
func (t *Task) noneReads(first source.Record, own *reader, others []*reader) error {
	if _, err := first.Fields(); err != nil {
		return err // no formatter reads it, whatever its fields
	}
	_, err := first.Row(own.component.Name, t.names.columns(own.columns))
	said := fmt.Sprintf("%s: the record has the fields %s, and formatter %s finds %s",
		first.Position(), fieldList(first), own.component.Name, closest(first, own, t.names))
	if err != nil {
		said = err.Error()
	}
	if err != nil && slices.ContainsFunc(own.forms, func(form sdk.Form) bool { return hasAll(first, form, t.names) }) {
		return err // the fields are the own formatter's, and one holds something else
	}
	var lacks []string
	for _, r := range others {
		lacks = append(lacks, r.component.Name+" finds "+closest(first, r, t.names))
	}
	if len(lacks) == 0 {
		return fmt.Errorf("%s", said)
	}
	return fmt.Errorf("%s; no other builtin formatter that gives what task %s reads takes it: %s; give the fields' names in [columns], or set formatter",
		said, t.Name, strings.Join(lacks, "; "))
}

// hasAll tells whether a record has the fields of a form, whatever they hold.
func hasAll(r source.Record, form sdk.Form, names naming) bool {
	have, err := r.Fields()
	return err == nil && !slices.ContainsFunc(form.Fields, func(f sdk.FormField) bool { return !slices.Contains(have, names.field(f.Name)) })
}

// closest is what a record lacks of the form that it is nearest to.
func closest(record source.Record, r *reader, names naming) string {
	best, most := "", -1
	for _, form := range r.forms {
		has := 0
		for _, f := range form.Fields {
			if lacking(record, sdk.Form{Fields: []sdk.FormField{f}}, names) == "" {
				has++
			}
		}
		if has > most {
			best, most = lacking(record, form, names), has
		}
	}
	return best
}

// fieldList quotes the fields of a record.
func fieldList(r source.Record) string {
	fields, err := r.Fields()
	if err != nil {
		return "none that can be read"
	}
	for i, name := range fields {
		fields[i] = strconv.Quote(name)
	}
	return strings.Join(fields, ", ")
}

// otherKind is the error of files of one set whose records are of several kinds.
type otherKind struct{ text string }

// Error says which files they are.
func (e *otherKind) Error() string { return e.text }

// checkOthers wants the other files to have records of the formatter too.
func (t *Task) checkOthers(r *reader, files *Files) error {
	if r.err != nil || r.fits == 0 {
		return nil
	}
	for _, records := range files.Records[1:] {
		other := *r
		other.fits = 0
		other.fit(records, t.names)
		if other.fits > 0 || len(records) == 0 {
			continue
		}
		first := records[0]
		return &otherKind{fmt.Sprintf("%s: the file has records of another kind than %s: its fields are %s, and formatter %s, which reads %s there, finds %s; give the files of each kind an entry of their own, as in %s, or convert one of them",
			first.Position(), files.Records[0][0].Position().File, fieldList(first), r.component.Name, r.form.Name, closest(first, r, t.names), asEntries(files.Records[0][0], first))}
	}
	return nil
}

// asEntries writes files as data sets.
func asEntries(records ...source.Record) string {
	var entries []string
	for _, r := range records {
		entries = append(entries, fmt.Sprintf("{path = %q}", r.Position().File))
	}
	return "datasets = [" + strings.Join(entries, ", ") + "]"
}
