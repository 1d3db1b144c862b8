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

// choose settles which formatter reads the records. The setting's comes first, then
// the task's own, where it reads any of the first file's first records, or does not
// say what it reads; then the one builtin formatter that reads them and gives what
// the loss reads.
func (t *Task) choose(ctx context.Context, s config.Settings, o Options) error {
	t.names = s.Columns
	kept := s.Formatter == "" && o.Formatter != ""
	t.Format = Format{Formatter: t.Task.Formatter.Spec(), Detected: kept}
	var files *Files
	if o.Files != nil {
		files = o.Files()
	}
	if files == nil {
		return nil
	}
	own := t.reader(ctx, t.Task.Formatter, s)
	if own.err == nil && own.forms == nil {
		t.describe(own, files)
		return nil
	}
	own.fit(files.Records[0], t.names)
	if own.fits > 0 || own.err != nil || s.Formatter != "" || kept || t.setsOwn(s) {
		t.describe(own, files)
		return t.checkOthers(own, files)
	}
	found, err := t.detect(ctx, s, own, files)
	if err != nil {
		return err
	}
	t.Task.Formatter = found.component
	t.Format = Format{Formatter: found.component.Spec(), Detected: true}
	t.describe(found, files)
	return t.checkOthers(found, files)
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

	fits int      // records of the first file that have one of its forms
	form sdk.Form // of the first of those
}

// reader asks a formatter. Parameters of the run that it does not have are left out.
func (t *Task) reader(ctx context.Context, c *plugin.Component, s config.Settings) *reader {
	r := &reader{component: c}
	given := map[string]plugin.Given{}
	for name, p := range s.Params {
		if c.Has(name) {
			given[name] = asGiven(p)
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

// detect finds the builtin formatter for the first file's records.
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
				fed = append(fed, r)
			}
		}
	}
	best := nearestOf(fed, files.Template)
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

// nearestOf are the readers of the most records, and of those the ones with the
// most fields. Where chats and texts are left the model decides: chats if it has a
// chat template.
func nearestOf(all []*reader, template func() bool) []*reader {
	most, fields := 0, 0
	for _, r := range all {
		most = max(most, r.fits)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(r *reader) bool { return r.fits == 0 || r.fits < most })
	for _, r := range all {
		fields = max(fields, len(r.form.Fields))
	}
	all = slices.DeleteFunc(all, func(r *reader) bool { return len(r.form.Fields) < fields })
	chats := slices.ContainsFunc(all, func(r *reader) bool { return r.form.Chat })
	texts := slices.ContainsFunc(all, func(r *reader) bool { return !r.form.Chat })
	if !chats || !texts {
		return all
	}
	chat := template != nil && template()
	return slices.DeleteFunc(all, func(r *reader) bool { return r.form.Chat != chat })
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
		if !has || use.Role != sdk.NumberRole && role != use.Role {
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
	_, err := first.Row(own.component.Name, t.names.columns(own.columns))
	said := fmt.Sprintf("%s: the record has the fields %s, and formatter %s finds %s",
		first.Position(), fieldList(first), own.component.Name, closest(first, own, t.names))
	if err != nil {
		said = err.Error()
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
		return fmt.Errorf("%s: the file has records of another kind than %s: its fields are %s, and formatter %s, which reads %s there, finds %s; train on files of one kind, or convert one of them",
			first.Position(), files.Records[0][0].Position().File, fieldList(first), r.component.Name, r.form.Name, closest(first, r, t.names))
	}
	return nil
}
