package plugin

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/nearest"
	"llmhost/sdk"
)

// Given is a parameter as the user wrote it.
type Given struct {
	Value any    // string, int64, int, float64 or bool; of a flag its text
	Text  bool   // Value is the text of a flag, to be read as the parameter's type
	Where string // "run.toml:12:1" or "flag --margin", for errors; may be ""
}

// ParamsError lists everything that is wrong with the parameters of a run.
type ParamsError struct{ Problems []string }

// Error lists the problems, one a line.
func (e *ParamsError) Error() string { return strings.Join(e.Problems, "\n") }

// Params settles every parameter of the task's parts: those given, else the
// task's defaults, else the parts' own. Values are float64, int, bool or string.
// The error, a *ParamsError, lists every problem.
func (t *Task) Params(given map[string]Given) (map[string]any, error) {
	parts := t.Components()
	merged := map[string]Given{}
	for name, v := range t.Defaults {
		if declared(parts, name) != nil { // others are settings of the host
			merged[name] = Given{Value: v, Where: "task " + t.Name}
		}
	}
	for name, g := range given {
		merged[name] = g
	}
	return settle("task "+t.Name, parts, merged)
}

// Settings are the task's defaults that are not parameters of its parts.
func (t *Task) Settings() map[string]any {
	settings := map[string]any{}
	for name, v := range t.Defaults {
		if declared(t.Components(), name) == nil {
			settings[name] = v
		}
	}
	return settings
}

// Settle settles the component's own parameters, as Task.Params does.
func (c *Component) Settle(given map[string]Given) (map[string]any, error) {
	return settle(fmt.Sprintf("%s %s", c.Kind, c.Name), []*Component{c}, given)
}

// Declares reports whether a part of the task has a parameter of that name.
func (t *Task) Declares(name string) bool { return declared(t.Components(), name) != nil }

// Meant is the parameter of the task's parts that has name as an alias, "" where
// none has.
func (t *Task) Meant(name string) string {
	for _, c := range t.Components() {
		if meant := c.Meant(name); meant != "" && meant != name {
			return meant
		}
	}
	return ""
}

// Meant is the component's parameter that name means, its own name or an alias; ""
// where it has none.
func (c *Component) Meant(name string) string {
	for _, p := range c.Params {
		if p.Name == name || slices.Contains(p.Aliases, name) {
			return p.Name
		}
	}
	return ""
}

// Aliasing lists the parameters of builtin losses and formatters that have name
// as an alias, each with its component: "dpo_beta of loss dpo".
func (c *Catalog) Aliasing(name string) (found []string) {
	for _, p := range c.builtin {
		for _, component := range p.Components {
			for _, param := range component.Params {
				if slices.Contains(param.Aliases, name) {
					found = append(found, fmt.Sprintf("%s of %s %s", param.Name, component.Kind, component.Name))
				}
			}
		}
	}
	return found
}

// ParamNames are the names of the parameters of the task's parts.
func (t *Task) ParamNames() (names []string) {
	for _, c := range t.Components() {
		for _, p := range c.Params {
			if !slices.Contains(names, p.Name) { // two parts may share one
				names = append(names, p.Name)
			}
		}
	}
	return names
}

// Declaring is the first builtin component that has a parameter of that name;
// nil where none has.
func (c *Catalog) Declaring(name string) *Component {
	for _, p := range c.builtin {
		for _, component := range p.Components {
			if component.param(name) != nil {
				return component
			}
		}
	}
	return nil
}

// TasksDeclaring are the builtin tasks with a part that has a parameter of that name.
func (c *Catalog) TasksDeclaring(name string) (names []string) {
	for _, p := range c.builtin {
		tasks, err := c.Tasks(p)
		if err != nil {
			continue // whoever opens such a task is told what is wrong
		}
		for _, task := range tasks {
			if task.Declares(name) {
				names = append(names, task.Name)
			}
		}
	}
	return names
}

// IsDefault reports whether what is given for a parameter of the component is
// its default, or, of a text, nothing, so that who gave it asks for nothing.
func (c *Component) IsDefault(name string, g Given) bool {
	p := c.param(name)
	if p == nil {
		return false
	}
	v, err := accept(*p, g)
	return err == nil && (v == p.Default || v == "")
}

func declared(parts []*Component, name string) *sdk.Param {
	for _, c := range parts {
		if p := c.param(name); p != nil {
			return p
		}
	}
	return nil
}

func settle(owner string, parts []*Component, given map[string]Given) (map[string]any, error) {
	values := map[string]any{}
	var problems, known []string
	for _, c := range parts {
		for _, p := range c.Params {
			if !slices.Contains(known, p.Name) { // two parts may share one
				known = append(known, p.Name)
			}
			g, found := given[p.Name]
			if !found {
				values[p.Name] = p.Default
				continue
			}
			v, err := accept(p, g)
			if err != nil {
				problems = append(problems, at(g.Where)+p.Name+" "+err.Error())
			}
			values[p.Name] = v
		}
	}
	for name, g := range given {
		if !slices.Contains(known, name) {
			problems = append(problems, at(g.Where)+unknownParam(owner, name, known))
		}
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return nil, &ParamsError{slices.Compact(problems)}
	}
	return values, nil
}

func at(where string) string {
	if where == "" {
		return ""
	}
	return where + ": "
}

func unknownParam(owner, name string, known []string) string {
	if len(known) == 0 {
		return fmt.Sprintf("%s has no parameters, so none called %s", owner, name)
	}
	if hint := nearest.Hint(name, known); hint != "" {
		return fmt.Sprintf("%s has no parameter %s%s", owner, name, hint)
	}
	return fmt.Sprintf("%s has no parameter %s; it has %s", owner, name, strings.Join(known, ", "))
}

// accept checks one value; the error for a misspelt choice suggests the nearest
// one.
func accept(p sdk.Param, g Given) (any, error) {
	var v any
	var err error
	if text, ok := g.Value.(string); ok && g.Text {
		v, err = p.ParseText(text)
	} else {
		v, err = p.Accept(g.Value)
	}
	if text, ok := g.Value.(string); ok && err != nil {
		err = fmt.Errorf("%w%s", err, nearest.Hint(text, p.Choices))
	}
	return v, err
}

// own selects the component's values from settled ones.
func (c *Component) own(values map[string]any) map[string]any {
	mine := map[string]any{}
	for _, p := range c.Params {
		mine[p.Name] = p.Default
		if v, found := values[p.Name]; found {
			mine[p.Name] = v
		}
	}
	return mine
}
