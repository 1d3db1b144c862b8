package plugin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/host/jsonerror"
	"llmhost/host/plugin/output"
	"llmhost/sdk"
)

// Error is an error that a plugin replied with.
type Error struct {
	Plugin, Call  string
	Code, Message string
	Field         string // the parameter at fault, if any
}

// Error prefixes the plugin's name; several lines are indented.
func (e *Error) Error() string {
	return after("plugin "+e.Plugin+": "+e.Call, e.Message)
}

// after joins an owner and what is wrong with it, on one line or with several
// lines indented.
func after(owner, text string) string {
	if !strings.Contains(text, "\n") {
		return owner + ": " + text
	}
	return owner + ":\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// plain and line make text from a plugin safe to show on a terminal.
func plain(s string) string { return output.Plain(s) }
func line(s string) string  { return output.Line(s) }

// maxBrief bounds what is shown of an error that quotes what a plugin sent, in bytes.
const maxBrief = 300

// brief formats an error about bytes of a plugin, which may quote them at any
// length.
func brief(err error) string {
	text := err.Error()
	if len(text) > maxBrief {
		text = text[:maxBrief/2] + " … " + text[len(text)-maxBrief/2:]
	}
	return line(strings.ToValidUTF8(text, ""))
}

// payload splits a reply.
func (i Info) payload(call string, reply []byte) ([]byte, error) {
	if len(reply) == 0 || reply[0] > sdk.StatusError {
		return nil, fmt.Errorf("plugin %v: the reply to %s is not a frame; rebuild it with this sdk", i, call)
	}
	if reply[0] == sdk.StatusOK {
		return reply[1:], nil
	}
	var said struct{ Code, Message, Field string }
	if err := json.Unmarshal(reply[1:], &said); err != nil {
		return nil, fmt.Errorf("plugin %v: the error that %s replied with is not JSON: %s", i, call, brief(jsonerror.Explain(reply[1:], err)))
	}
	return nil, &Error{
		Plugin:  i.String(),
		Call:    call,
		Code:    plain(said.Code),
		Message: plain(said.Message),
		Field:   plain(said.Field),
	}
}

// manifest is the JSON form of a descriptor. Unknown keys are ignored: a newer
// minor version of the contract may add some.
type manifest struct {
	Plugin     int    `json:"llmhost_plugin"`
	ABI        int    `json:"abi"`
	SDK        string `json:"sdk"`
	Name       string
	Version    string
	Doc        string
	Components []componentEntry
	Tasks      []taskEntry
}

type componentEntry struct {
	Kind, Name, Doc string
	Params          []paramEntry
}

type paramEntry struct {
	Name, Type, Doc string
	Default         any
	Min, Max        *float64
	Choices         []string
	Values          []string
	Aliases         []string
}

type taskEntry struct {
	Name, Doc                      string
	Formatter, Head, Pooling, Loss string
	Defaults                       map[string]any
	Aliases                        []string
}

// maxDefault bounds the default of a string parameter, in bytes.
const maxDefault = 4096

// maxParts bounds the components, tasks and parameters of a plugin.
const maxParts = 256

// readManifest fills the plugin in from its descriptor.
func (p *Plugin) readManifest(data []byte) error {
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf(
			"plugin %v: its descriptor is not the JSON that the contract requires: %s",
			p.Info,
			brief(jsonerror.Explain(data, err)),
		)
	}
	if err := p.fill(m); err != nil {
		return fmt.Errorf("plugin %v: its descriptor %w", p.Info, err)
	}
	return nil
}

func (p *Plugin) fill(m manifest) error {
	switch {
	case m.Plugin != 1:
		return fmt.Errorf("has llmhost_plugin %d; want 1", m.Plugin)
	case m.ABI != sdk.ABI:
		return fmt.Errorf("speaks ABI %d, host speaks %d; rebuild it with this sdk", m.ABI, sdk.ABI)
	case len(m.Components) > maxParts || len(m.Tasks) > maxParts:
		return fmt.Errorf(
			"has %d components and %d tasks; at most %d of each are allowed",
			len(m.Components),
			len(m.Tasks),
			maxParts,
		)
	case !isName(m.Name):
		return fmt.Errorf("calls the plugin %q; want letters, digits, - and _", plain(m.Name))
	}
	p.Name, p.Version, p.Doc = m.Name, line(m.Version), line(m.Doc)
	p.ABI, p.SDK = m.ABI, line(m.SDK)
	for i, entry := range m.Components {
		c := &Component{
			Kind:   Kind(entry.Kind),
			Name:   entry.Name,
			Doc:    line(entry.Doc),
			Plugin: p,
			index:  uint32(i),
		}
		switch {
		case c.Kind != Loss && c.Kind != Pooling && c.Kind != Formatter:
			return fmt.Errorf("has a component of kind %q, which this llmhost does not know", plain(entry.Kind))
		case !isName(c.Name):
			return fmt.Errorf("calls a %s %q; want letters, digits, - and _", c.Kind, plain(c.Name))
		case p.component(c.Kind, c.Name) != nil:
			return fmt.Errorf("has two %s components called %s", c.Kind, c.Name)
		}
		if err := c.readParams(entry.Params); err != nil {
			return fmt.Errorf("is wrong about %s %s: %w", c.Kind, c.Name, err)
		}
		p.Components = append(p.Components, c)
	}
	return p.readTasks(m.Tasks)
}

func (c *Component) readParams(entries []paramEntry) error {
	if len(entries) > maxParts {
		return fmt.Errorf("%d parameters; at most %d are allowed", len(entries), maxParts)
	}
	for _, e := range entries {
		p := sdk.Param{
			Name:    e.Name,
			Type:    sdk.ParamType(e.Type),
			Min:     e.Min,
			Max:     e.Max,
			Choices: e.Choices,
			Values:  e.Values,
			Aliases: e.Aliases,
			Doc:     line(e.Doc),
		}
		var err error
		switch {
		case slices.ContainsFunc(p.Aliases, func(a string) bool { return !isName(a) }):
			return fmt.Errorf("parameter %s has the alias %q; want letters, digits, - and _", plain(p.Name), p.Aliases)
		case !isName(p.Name):
			return fmt.Errorf("parameter %q; want letters, digits, - and _", plain(p.Name))
		case c.param(p.Name) != nil:
			return fmt.Errorf("two parameters called %s", p.Name)
		case p.Type != sdk.FloatParam &&
			p.Type != sdk.IntParam &&
			p.Type != sdk.BoolParam &&
			p.Type != sdk.StringParam:
			return fmt.Errorf("parameter %s of type %q; want float, int, bool or string", p.Name, plain(e.Type))
		case p.Min != nil && math.IsNaN(*p.Min) || p.Max != nil && math.IsNaN(*p.Max):
			return fmt.Errorf("parameter %s with a bound that is not a number", p.Name)
		}
		if err = cmp.Or(checkTexts(p.Name, "choice", p.Choices), checkTexts(p.Name, "value", p.Values)); err != nil {
			return err
		}
		if p.Default, err = p.Accept(e.Default); err != nil {
			return fmt.Errorf("the default of parameter %s %s", p.Name, brief(err))
		}
		if text, is := p.Default.(string); is && len(text) > maxDefault {
			return fmt.Errorf(
				"the default of parameter %s is %d bytes; at most %d are allowed",
				p.Name,
				len(text),
				maxDefault,
			)
		}
		c.Params = append(c.Params, p)
	}
	return nil
}

// param finds a parameter by its name.
// Has reports whether the component has a parameter of that name.
func (c *Component) Has(name string) bool { return c.param(name) != nil }

func (c *Component) param(name string) *sdk.Param {
	for i := range c.Params {
		if c.Params[i].Name == name {
			return &c.Params[i]
		}
	}
	return nil
}

func (p *Plugin) readTasks(entries []taskEntry) error {
	for _, t := range entries {
		t.Doc = line(t.Doc)
		switch {
		case !isName(t.Name):
			return fmt.Errorf("calls a task %q; want letters, digits, - and _", plain(t.Name))
		case taskNamed(p.tasks, t.Name) != nil:
			return fmt.Errorf("has two tasks called %s", t.Name)
		case len(t.Aliases) > maxParts:
			return fmt.Errorf(
				"has task %s with %d aliases; at most %d are allowed",
				t.Name,
				len(t.Aliases),
				maxParts,
			)
		}
		for _, alias := range t.Aliases {
			if !isName(alias) {
				return fmt.Errorf(
					"has task %s with the alias %q; want letters, digits, - and _",
					t.Name,
					plain(alias),
				)
			}
		}
		parts := []struct {
			kind Kind
			name string
		}{{Formatter, t.Formatter}, {Pooling, t.Pooling}, {Loss, t.Loss}}
		for _, part := range parts {
			linked, isLinked := strings.CutPrefix(part.name, builtinPrefix)
			if part.name != "" &&
				!(isLinked && isName(linked)) &&
				p.component(part.kind, part.name) == nil {
				return fmt.Errorf(
					"has task %s with the %s %q, which the plugin does not have",
					t.Name,
					part.kind,
					plain(part.name),
				)
			}
		}
		if err := checkHeadName(t.Name, t.Head); err != nil {
			return fmt.Errorf("is wrong about %w", err)
		}
		if t.Loss == "" {
			return fmt.Errorf("has task %s without a loss", t.Name)
		}
		if err := checkDefaults(t.Defaults); err != nil {
			return fmt.Errorf("has task %s %w", t.Name, err)
		}
		p.tasks = append(p.tasks, t)
	}
	return nil
}

// checkDefaults checks what the plugin alone decides about a task's defaults:
// they are few, and printable.
func checkDefaults(defaults map[string]any) error {
	if len(defaults) > maxParts {
		return fmt.Errorf("with %d defaults; at most %d are allowed", len(defaults), maxParts)
	}
	for name, v := range defaults {
		if !isName(name) {
			return fmt.Errorf("with a default for %q; want letters, digits, - and _", plain(name))
		}
		switch v.(type) {
		case float64, bool, string:
		default:
			return fmt.Errorf("whose default %q is neither a number, a text, true nor false", name)
		}
	}
	return nil
}

func taskNamed(tasks []taskEntry, name string) *taskEntry {
	for i := range tasks {
		if tasks[i].Name == name {
			return &tasks[i]
		}
	}
	return nil
}

// isName accepts letters, digits, - and _, at most 64 of them.
func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') &&
			(r < 'A' || r > 'Z') &&
			(r < '0' || r > '9') &&
			r != '_' &&
			r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// checkTexts bounds a list of texts of a parameter, each of which must be fit to
// be printed.
func checkTexts(param, what string, texts []string) error {
	if len(texts) > maxParts {
		return fmt.Errorf("parameter %s with %d %ss; at most %d are allowed", param, len(texts), what, maxParts)
	}
	if slices.ContainsFunc(texts, func(s string) bool { return line(s) != s }) {
		return fmt.Errorf("parameter %s with a %s that cannot be printed", param, what)
	}
	return nil
}
