package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"llmhost/sdk"
)

// Explain writes all there is to know about the plugin of a spec: what it is, its
// tasks, its components with their parameters, and the programs that they trace
// with default parameters, with their cost for a batch of the given or usual
// sizes. With a name in the spec it is only about that component or task.
func (c *Catalog) Explain(ctx context.Context, spec string, sizes map[string]int64) (string, error) {
	p, name, err := c.named(ctx, spec)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(p.heading() + p.Capabilities())
	found := name == ""
	for _, t := range p.tasks {
		if name == "" || t.Name == name {
			found = true
			fmt.Fprintf(&b, "\ntask %s: %s\n%s", t.Name, t.Doc, t.text())
		}
	}
	for _, component := range p.Components {
		if name != "" && component.Name != name {
			continue
		}
		found = true
		text, err := component.text(ctx, sizes)
		if err != nil {
			return "", err
		}
		b.WriteString("\n" + text)
	}
	if !found {
		return "", fmt.Errorf("plugin %v: has nothing called %q", p.Info, name)
	}
	return b.String(), nil
}

// named finds the plugin of a spec and the name that the spec picks in it.
func (c *Catalog) named(ctx context.Context, spec string) (*Plugin, string, error) {
	bare, isBuiltin := strings.CutPrefix(spec, builtinPrefix)
	path, name := splitSpec(bare)
	if c.isPath(path) && !isBuiltin {
		p, err := c.Open(ctx, path)
		return p, name, err
	}
	for _, p := range c.builtin {
		if p.Name == path {
			return p, name, nil
		}
	}
	for _, p := range c.builtin {
		for _, component := range p.Components {
			if component.Name == path {
				return p, path, nil
			}
		}
	}
	_, err := c.builtinTask(path)
	return nil, "", err
}

func (p *Plugin) heading() string {
	where, digest := "builtin", ""
	if p.Path != "" {
		where = fmt.Sprintf("%s, %s, %s bytes", p.Transport, p.Path, grouped(int64(p.Size)))
		digest = fmt.Sprintf("sha256    %s\n", p.Digest)
	}
	return fmt.Sprintf(
		"plugin %s %s (%s; sdk %s, ABI %d)\n%s\n%s",
		p.Name,
		p.Version,
		where,
		p.SDK,
		p.ABI,
		p.Doc,
		digest,
	)
}

func (t taskEntry) text() string {
	var b strings.Builder
	for _, part := range [][2]string{{"formatter", t.Formatter}, {"head", t.Head}, {"pooling", t.Pooling}, {"loss", t.Loss}} {
		if part[1] != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", part[0], part[1])
		}
	}
	if len(t.Aliases) > 0 {
		fmt.Fprintf(&b, "  %-9s %s\n", "aliases", strings.Join(t.Aliases, ", "))
	}
	if len(t.Defaults) > 0 {
		fmt.Fprintf(&b, "  defaults  %s\n", line(string(sdk.CanonicalConfig(t.Defaults))))
	}
	return b.String()
}

// text writes a component: its parameters, then its program and what that costs,
// or its columns.
func (c *Component) text(ctx context.Context, sizes map[string]int64) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", c.Kind, c.Name, c.Doc)
	if len(c.Params) > 0 {
		b.WriteString("parameters\n")
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, p := range c.Params {
			fmt.Fprintf(
				w,
				"  %s\t%s\tdefault %s\t%s\t%s\n",
				p.Name,
				p.Type,
				valueText(p.Default),
				rangeText(p),
				strings.Join(append([]string{p.Doc}, alsoCalled(p)...), " "),
			)
		}
		w.Flush()
	}
	if c.Kind == Formatter {
		err := c.writeColumns(ctx, &b)
		return b.String(), err
	}
	trace, err := c.Trace(ctx, nil)
	if err != nil {
		return "", err
	}
	cost, err := costText(trace.Program, sizes)
	if err != nil {
		return "", err
	}
	b.WriteString(trace.Text() + cost)
	writeUses(&b, trace.Columns)
	if trace.PoolsLastToken {
		b.WriteString("pools  the last token's state as it is\n")
	}
	writeAllow(&b, trace.Allow)
	return b.String(), nil
}

// ParamsText describes the parameters of the task's parts in lines of at most 100
// characters: one by one those of loss and pooling, and by name those that say how
// records are read.
func (t *Task) ParamsText() string {
	var b strings.Builder
	for _, part := range []*Component{t.Loss, t.Pooling} {
		if part == nil {
			continue
		}
		for _, p := range part.Params {
			lines := folded(briefly(p), 66)
			fmt.Fprintf(&b, "  %-31s %s\n", "--"+p.Name, strings.Join(lines, "\n"+strings.Repeat(" ", 34)))
		}
	}
	if t.Formatter == nil || len(t.Formatter.Params) == 0 {
		return b.String()
	}
	var names []string
	for _, p := range t.Formatter.Params {
		if t.Loss.param(p.Name) == nil {
			names = append(names, "--"+p.Name)
		}
	}
	for _, line := range folded("how records are read: "+strings.Join(names, ", "), 96) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}

// TaskNames are the names of all builtin tasks.
func (c *Catalog) TaskNames() (names []string) {
	for _, p := range c.builtin {
		for _, t := range p.tasks {
			names = append(names, t.Name)
		}
	}
	return names
}

func (c *Component) writeColumns(ctx context.Context, b *strings.Builder) error {
	records, err := c.Records(ctx, nil)
	if err != nil {
		return err
	}
	b.WriteString("columns\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, column := range records.Columns {
		need := "optional"
		if column.Required {
			need = "required"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", column.Name, column.Type, need, column.Role, line(column.Doc))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	all, examples := c.gives(ctx, records)
	writeGives(b, all, records.Gives != nil || len(examples) > 0)
	writeExample(b, records.Columns, examples)
	writeAllow(b, records.Allow)
	return nil
}

// writeUses writes what a loss declares about the columns that it reads.
func writeUses(b *strings.Builder, uses []sdk.ColumnUse) {
	for _, use := range uses {
		words := []string{roleText(use.Role)}
		if use.Min != nil && use.Max != nil {
			words = append(words, fmt.Sprintf("from %v to %v", *use.Min, *use.Max))
		}
		if len(use.Values) > 0 {
			words = append(words, "such as "+numbers(use.Values))
		}
		if use.Optional {
			words = append(words, "0 where the formatter gives none")
		}
		fmt.Fprintf(b, "reads  %s: %s\n", use.Input, strings.Join(words, ", "))
	}
}

// roleText names a role, as a listing does.
func roleText(role sdk.ColumnRole) string {
	if role == sdk.NumberRole {
		return "number"
	}
	return string(role)
}

func numbers(values []float64) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

// writeAllow writes which checks the component allows to fail.
func writeAllow(b *strings.Builder, allow map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(allow)) {
		fmt.Fprintf(b, "allows %s: %s\n", name, allow[name])
	}
}

func valueText(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(v)
}

// rangeText describes what a parameter may be: "0 …", "0 … 1", "mean |
// paper_sum".
// briefly is what a parameter does, with its choices, its default and its other names.
func briefly(p sdk.Param) string {
	text := line(p.Doc)
	if p.Choices != nil {
		text += ": " + strings.Join(p.Choices, ", ")
	}
	if p.Default != "" && p.Default != false && p.Default != 0.0 {
		text += fmt.Sprintf(" [%v]", p.Default)
	}
	return strings.Join(append([]string{text}, alsoCalled(p)...), " ")
}

// alsoCalled names the aliases of a parameter, where it has any.
func alsoCalled(p sdk.Param) []string {
	if p.Aliases == nil {
		return nil
	}
	return []string{"(also " + strings.Join(p.Aliases, ", ") + ")"}
}

func rangeText(p sdk.Param) string {
	switch {
	case p.Choices != nil:
		return strings.Join(p.Choices, " | ")
	case p.Min != nil && p.Max != nil:
		return fmt.Sprintf("%v … %v", *p.Min, *p.Max)
	case p.Min != nil:
		return fmt.Sprintf("%v …", *p.Min)
	case p.Max != nil:
		return fmt.Sprintf("… %v", *p.Max)
	}
	return "any"
}
