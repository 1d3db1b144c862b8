// Package task has the checks of tasks: whether the parts that a task names exist
// and fit each other, and whether what it sets can be set. All lists them in the
// order of a report.
package task

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/nearest"
	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/formatter"
	"llmhost/sdk"
	"llmhost/sdk/program"
)

// Settings returns an error if a task of that name cannot have these defaults for
// settings of a run.
type Settings func(owner string, defaults map[string]any) error

// All are the checks of a task, in the order of a report. settings knows the
// settings of a run.
func All(settings Settings) []*check.Check {
	return []*check.Check{
		{
			Name: "parts",
			Doc:  "its formatter, pooling and loss exist, and it has those that a run needs",
			Run:  parts,
		},
		{
			Name: "defaults",
			Doc:  "every default is for a parameter of its parts or a setting of a run, which takes it",
			Run:  func(t *check.Trial) error { return defaults(t, settings) },
		},
		{
			Name: "head",
			Doc:  "its loss reads the head that it names, and a pooling if and only if a head needs one",
			Run:  on((*task).head),
		},
		{
			Name: "data",
			Doc:  "its formatter gives every column and class that its loss reads, of that kind",
			Run:  on((*task).data),
		},
	}
}

// task is a task with its loss as traced under the task's defaults.
type task struct {
	*check.Trial
	*plugin.Task
	params  map[string]any
	program *program.Program
}

// on turns a method into a check. What cannot be put together or traced is the
// finding of another check.
func on(ask func(t *task) error) func(*check.Trial) error {
	return func(t *check.Trial) error {
		whole, err := t.Assembled()
		if err != nil {
			return &check.Skip{Reason: "its parts are not all there"}
		}
		params, err := whole.Params(nil)
		if err != nil {
			return &check.Skip{Reason: "its defaults are refused"}
		}
		trace, err := whole.Loss.Trace(t.Context(), params)
		if err != nil {
			return fmt.Errorf("its loss cannot be traced under its defaults: %w", err)
		}
		return ask(&task{t, whole, params, trace.Program})
	}
}

// parts puts the task together.
func parts(t *check.Trial) error {
	whole, err := t.Assembled()
	switch {
	case err != nil:
		t.Find(check.Finding{Text: err.Error(), Cause: "a part is a component of this plugin, or builtin:NAME, as llmhost plugins list shows them"})
	case whole.Formatter == nil:
		t.Find(check.Finding{Text: "has no formatter; a run needs one to read its data", Cause: "name one in Formatter, such as builtin:promptanswer"})
	default:
		t.Note = partNames(whole)
	}
	return nil
}

func partNames(t *plugin.Task) string {
	var names []string
	for _, c := range t.Components() {
		names = append(names, fmt.Sprintf("%s %s", c.Kind, c.Name))
	}
	return strings.Join(names, ", ")
}

// defaults settles parameters and settings.
func defaults(t *check.Trial, settings Settings) error {
	whole, err := t.Assembled()
	if err != nil {
		return &check.Skip{Reason: "its parts are not all there"}
	}
	const cause = "a key of Defaults is a parameter of the task's loss, pooling or formatter, or a setting of a run"
	if _, err := whole.Params(nil); err != nil {
		t.Find(check.Finding{Text: err.Error(), Cause: cause})
	}
	if err := settings("task "+whole.Name, whole.Settings()); err != nil {
		t.Find(check.Finding{Text: err.Error() + nearestParam(whole), Cause: cause})
	}
	t.Note = fmt.Sprintf("%d defaults", len(whole.Defaults))
	return nil
}

// nearestParam suggests a parameter for a default that is for none.
func nearestParam(t *plugin.Task) string {
	for _, name := range slices.Sorted(maps.Keys(t.Settings())) {
		if hint := nearest.Hint(name, t.ParamNames()); hint != "" {
			return hint
		}
	}
	return ""
}

// head compares the task's head and pooling with what its loss reads.
func (t *task) head() error {
	if err := t.CheckHead(t.program); err != nil {
		t.Find(check.Finding{Text: err.Error(), Cause: "Head of the task is the one that gives what the loss reads"})
	}
	needs := t.program.Needs()
	pools := needs.Score || len(needs.Classes) > 0
	switch {
	case t.Pooling != nil && !pools && !t.everPools():
		t.Find(check.Finding{
			Text:  fmt.Sprintf("has pooling %s, and its loss reads neither rewards nor class logits, whatever the parameters", t.Pooling.Name),
			Cause: "remove the pooling, or read what the head over it gives",
		})
	case t.Pooling == nil && pools:
		t.Find(check.Finding{
			Text:  "has no pooling, and its loss reads a head that needs one vector a sequence",
			Cause: "name one in Pooling, such as builtin:eos",
		})
	}
	t.Note = "the loss reads " + strings.Join(inputNames(t.program), ", ")
	return nil
}

// everPools reports whether the loss reads a head that pools under another value of
// one of its parameters.
func (t *task) everPools() bool {
	for _, v := range t.VariantsOf(t.Loss) {
		if trace, err := t.Loss.Trace(t.Context(), v.Params); err == nil {
			if n := trace.Needs(); n.Score || len(n.Classes) > 0 {
				return true
			}
		}
	}
	return false
}

func inputNames(p *program.Program) (names []string) {
	for _, input := range p.Inputs {
		names = append(names, input.Name)
	}
	return names
}

// data compares what the loss reads of the data with what the formatter gives.
func (t *task) data() error {
	wanted := t.wanted()
	if len(wanted) == 0 || t.Formatter == nil {
		t.Note = "the loss reads no column"
		return nil
	}
	given, err := t.given()
	if err != nil {
		return err
	}
	for _, name := range wanted {
		if !slices.Contains(given, name) {
			t.Find(check.Finding{
				Text:  fmt.Sprintf("its loss reads %s, which formatter %s does not give%s (it gives %s)", name, t.Formatter.Name, otherKind(name, given), strings.Join(given, ", ")),
				Cause: "column.NAME is one number a candidate (Candidate.Set), example_column.NAME one an example (Out.Set), label.NAME a class (Out.Label); name a formatter that gives it",
			})
		}
	}
	t.Note = "the loss reads " + strings.Join(wanted, ", ")
	return nil
}

// wanted are the inputs of the loss that come from data.
func (t *task) wanted() (names []string) {
	for _, name := range inputNames(t.program) {
		kind, _, _ := strings.Cut(name, ".")
		switch sdk.OutputKind(kind) {
		case sdk.CandidateColumn, sdk.ExampleColumn, sdk.ClassLabel:
			names = append(names, name)
		}
	}
	return names
}

// given are the inputs that the formatter gives: those that it declares, or else
// those of its examples.
func (t *task) given() (names []string, err error) {
	gives, examples, err := formatter.Examples(t.Trial, t.Formatter, t.params)
	if err != nil {
		return nil, err
	}
	for _, output := range gives {
		names = append(names, output.Input())
	}
	if gives != nil {
		return names, nil
	}
	if len(examples) == 0 {
		return nil, &check.Skip{Reason: fmt.Sprintf("formatter %s does not say what it gives, and makes no example of a generated record", t.Formatter.Name)}
	}
	seen := map[string]bool{}
	for _, e := range examples {
		for name := range e.Columns {
			seen[sdk.Output{Name: name, Kind: sdk.ExampleColumn}.Input()] = true
		}
		for name := range e.Labels {
			seen[sdk.Output{Name: name, Kind: sdk.ClassLabel}.Input()] = true
		}
		for name := range e.Candidates[0].Columns {
			seen[sdk.Output{Name: name}.Input()] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// otherKind says that the formatter gives something of that name, but of another
// kind, or suggests the nearest name.
func otherKind(name string, given []string) string {
	_, own, _ := strings.Cut(name, ".")
	for _, other := range given {
		if _, has, _ := strings.Cut(other, "."); has == own {
			return ", but " + other
		}
	}
	return nearest.Hint(name, given)
}
