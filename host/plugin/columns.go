package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/host/jsonerror"
	"llmhost/sdk"
)

// columnTypes maps names in a reply to column types.
var columnTypes = map[string]sdk.ColumnType{"string": sdk.String, "float": sdk.Float, "bool": sdk.Bool, "int": sdk.Int,
	"string_list": sdk.StringList, "float_list": sdk.FloatList, "json": sdk.JSON}

// Records is what a formatter, with its parameters set, declares about the
// records that it reads and the examples that it makes.
type Records struct {
	Columns []sdk.Column      // that it reads
	Gives   []sdk.Output      // columns and labels of the examples; nil if not declared
	Forms   []sdk.Form        // the kinds of records that it takes
	Markup  sdk.Markup        // what it writes around the turns of chats
	Allow   map[string]string // checks that it fails on purpose, with the reasons
}

// Records asks a fresh plugin what the formatter reads and gives with settled
// parameters.
func (c *Component) Records(ctx context.Context, values map[string]any) (Records, error) {
	running, err := c.Plugin.transport.start(ctx)
	if err != nil {
		return Records{}, err
	}
	defer running.Close(ctx)
	reply, err := running.Configure(ctx, c.index, sdk.CanonicalConfig(c.own(values)))
	if err != nil {
		return Records{}, err
	}
	_, records, err := c.configured(reply)
	return records, err
}

// configured reads the reply to configuring a formatter: its handle and what it
// declares about its records.
func (c *Component) configured(reply []byte) (handle uint32, records Records, err error) {
	data, err := c.Plugin.payload("configuring formatter "+c.Name, reply)
	if err != nil {
		return 0, records, err
	}
	var said struct {
		Instance uint32
		Columns  []columnEntry
		Gives    []outputEntry
		Forms    []formEntry
		Markup   sdk.Markup // the keys are the fields' names
		Allow    map[string]string
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return 0, records, fmt.Errorf(
			"plugin %v: the reply to configure is not the JSON that the contract requires: %s",
			c.Plugin.Info,
			brief(jsonerror.Explain(data, err)),
		)
	}
	if records.Columns, err = readColumns(said.Columns); err != nil {
		return 0, records, fmt.Errorf("%v: %w", c, err)
	}
	if records.Gives, err = readOutputs(said.Gives); err != nil {
		return 0, records, fmt.Errorf("%v: %w", c, err)
	}
	if records.Forms, err = readForms(said.Forms, records.Columns); err != nil {
		return 0, records, fmt.Errorf("%v: %w", c, err)
	}
	if records.Markup, err = checkMarkup(said.Markup); err != nil {
		return 0, records, fmt.Errorf("%v: %w", c, err)
	}
	if records.Allow, err = readAllow(said.Allow); err != nil {
		return 0, records, fmt.Errorf("%v: %w", c, err)
	}
	return said.Instance, records, nil
}

// columnEntry is the JSON form of a column that a formatter reads.
type columnEntry struct {
	Name, Type, Doc string
	Required        bool
	Role            string
	Examples        []string
}

func readColumns(entries []columnEntry) ([]sdk.Column, error) {
	if n := len(entries); n == 0 || n > math.MaxUint8 {
		return nil, fmt.Errorf("it reads %d columns; want 1 to %d", n, math.MaxUint8)
	}
	var columns []sdk.Column
	for _, e := range entries {
		column, err := e.column()
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(columns, func(have sdk.Column) bool { return have.Name == column.Name }) {
			return nil, fmt.Errorf("it has two columns called %s", column.Name)
		}
		columns = append(columns, column)
	}
	return columns, nil
}

func (e columnEntry) column() (sdk.Column, error) {
	kind, known := columnTypes[e.Type]
	column := sdk.Column{
		Name:     e.Name,
		Type:     kind,
		Required: e.Required,
		Doc:      line(e.Doc),
		Role:     sdk.ColumnRole(e.Role),
		Examples: e.Examples,
	}
	switch {
	case !known:
		return column, fmt.Errorf(
			"its column %q is of type %q, which this llmhost does not know",
			plain(e.Name),
			plain(e.Type),
		)
	case e.Name == "" || plain(e.Name) != e.Name:
		return column, fmt.Errorf("it calls a column %q; want a name that can be printed", plain(e.Name))
	case !column.Role.Known():
		return column, unknownRole(fmt.Sprintf("its column %q", e.Name), e.Role)
	case len(e.Examples) > maxParts:
		return column, fmt.Errorf(
			"its column %q has %d examples; at most %d are allowed",
			e.Name,
			len(e.Examples),
			maxParts,
		)
	}
	for _, text := range e.Examples {
		if !json.Valid([]byte(text)) {
			return column, fmt.Errorf(
				"its column %q has the example %s, which is not JSON; put a string in quotes",
				e.Name,
				brief(fmt.Errorf("%q", text)),
			)
		}
	}
	return column, nil
}

// outputEntry is the JSON form of something that a formatter gives.
type outputEntry struct {
	Kind, Name, Role string
	Padding          float64
}

func readOutputs(entries []outputEntry) ([]sdk.Output, error) {
	if len(entries) > maxParts {
		return nil, fmt.Errorf("it gives %d columns and labels; at most %d are allowed", len(entries), maxParts)
	}
	if entries == nil {
		return nil, nil
	}
	outputs := []sdk.Output{}
	for _, e := range entries {
		output := sdk.Output{
			Kind:    sdk.OutputKind(e.Kind),
			Name:    e.Name,
			Role:    sdk.ColumnRole(e.Role),
			Padding: e.Padding,
		}
		switch {
		case output.Kind != sdk.CandidateColumn &&
			output.Kind != sdk.ExampleColumn &&
			output.Kind != sdk.ClassLabel:
			return nil, fmt.Errorf(
				"it gives %q of kind %q; want column, example_column or label",
				plain(e.Name),
				plain(e.Kind),
			)
		case e.Name == "" || plain(e.Name) != e.Name:
			return nil, fmt.Errorf(
				"it gives a %s called %q; want a name that can be printed",
				e.Kind,
				plain(e.Name),
			)
		case !output.Role.Known():
			return nil, unknownRole("what it gives as "+output.Input(), e.Role)
		case slices.ContainsFunc(outputs, func(have sdk.Output) bool { return have.Input() == output.Input() }):
			return nil, fmt.Errorf("it gives %s twice", output.Input())
		}
		outputs = append(outputs, output)
	}
	return outputs, nil
}

// checkMarkup refuses markup that is empty or too much.
func checkMarkup(m sdk.Markup) (sdk.Markup, error) {
	if n := len(m.Special) + len(m.Texts); n > maxParts {
		return m, fmt.Errorf("its markup has %d texts; at most %d are allowed", n, maxParts)
	}
	if slices.Contains(m.Special, "") || slices.Contains(m.Texts, "") {
		return m, fmt.Errorf("its markup has an empty text; want what it writes around turns")
	}
	return m, nil
}

// readAllow checks the names of checks and makes the reasons safe to show.
func readAllow(said map[string]string) (map[string]string, error) {
	if len(said) == 0 {
		return nil, nil
	}
	if len(said) > maxParts {
		return nil, fmt.Errorf("it allows %d checks; at most %d are allowed", len(said), maxParts)
	}
	allow := map[string]string{}
	for name, why := range said {
		why = strings.TrimSpace(line(why))
		switch {
		case !isName(name):
			return nil, fmt.Errorf("it allows a check called %q; want letters, digits, - and _", plain(name))
		case why == "":
			return nil, fmt.Errorf("it allows the check %s without a reason; say why the check does not apply", name)
		}
		allow[name] = why
	}
	return allow, nil
}

// unknownRole is the error of a column whose role this host does not know.
func unknownRole(subject, role string) error {
	return fmt.Errorf("%s has the role %q; want score, weight, reward or mask", subject, plain(role))
}
