package builtin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/sdk"
)

// Every column that a builtin loss reads has a role, and what the formatter of
// its task gives is what Format makes of the examples of its columns.
func TestTasksDeclareTheirColumns(t *testing.T) {
	ctx := context.Background()
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	defer catalog.Close(ctx)
	uses := 0
	for _, p := range catalog.Builtin() {
		tasks, err := catalog.Tasks(p)
		require.NoError(t, err)
		for _, task := range tasks {
			trace, err := task.Loss.Trace(ctx, nil)
			require.NoError(t, err)
			given := map[string]bool{}
			for _, output := range formatterOf(t, task.Formatter.Name).Gives() {
				given[output.Input()] = true
			}
			uses += len(trace.Columns)
			for _, use := range trace.Columns {
				require.True(t, use.Role != sdk.NumberRole || use.Optional, "%s of task %s", use.Input, task.Name)
				require.True(t, given[use.Input], "%s of task %s", use.Input, task.Name)
			}
		}
	}
	require.NotZero(t, uses, "no loss reads a column")
}

// declaring is a formatter that says what it gives.
type declaring interface {
	sdk.Formatter
	Gives() []sdk.Output
}

// formatterOf is the builtin formatter of that name at its defaults.
func formatterOf(t *testing.T, name string) declaring {
	t.Helper()
	for _, p := range builtin.All() {
		for _, spec := range p.Formatters {
			if spec.Name() == name {
				f, err := spec.New(nil)
				require.NoError(t, err)
				return f.(declaring)
			}
		}
	}
	t.Fatalf("no formatter is called %s", name)
	return nil
}

// The examples of a formatter's columns make records that it takes, whose
// columns and labels are those that it says it gives.
func TestExamplesMakeWhatIsGiven(t *testing.T) {
	formatters := 0
	for _, p := range builtin.All() {
		formatters += len(p.Formatters)
		for _, spec := range p.Formatters {
			f := formatterOf(t, spec.Name())
			records := exampleRows(t, f)
			require.NotEmpty(t, records, spec.Name())
			want := map[string]bool{}
			for _, output := range f.Gives() {
				want[output.Input()] = true
			}
			for i := range records {
				e, err := sdk.FormatRow(f, &records[i])
				require.NoError(t, err, "%s, example %d", spec.Name(), i)
				require.Equal(t, want, inputsOf(e), "%s, example %d", spec.Name(), i)
			}
		}
	}
	require.NotZero(t, formatters, "no formatter is linked in")
}

func exampleRows(t *testing.T, f sdk.Formatter) (rows []sdk.Row) {
	t.Helper()
	columns := f.Columns()
	most := 0
	for _, c := range columns {
		most = max(most, len(c.Examples))
	}
	for i := range most {
		cells := make([]sdk.Cell, len(columns))
		for at, c := range columns {
			if i < len(c.Examples) {
				cells[at] = cellOf(t, c, c.Examples[i])
			}
		}
		rows = append(rows, sdk.NewRow(cells))
	}
	return rows
}

func cellOf(t *testing.T, c sdk.Column, example string) sdk.Cell {
	t.Helper()
	if example == "null" {
		return sdk.Cell{}
	}
	cell := sdk.Cell{Type: c.Type, Str: example}
	var into any
	switch c.Type {
	case sdk.String:
		into = &cell.Str
	case sdk.Float:
		into = &cell.Float
	case sdk.StringList:
		into = &cell.Strs
	case sdk.FloatList:
		into = &cell.Floats
	case sdk.Bool:
		cell.Int = map[string]int64{"true": 1}[example]
		return cell
	case sdk.JSON:
		return cell
	}
	require.NoError(t, json.Unmarshal([]byte(example), into), "%s: %s", c.Name, example)
	return cell
}

// inputsOf are the columns and labels of an example, as losses call them.
func inputsOf(e sdk.Example) map[string]bool {
	inputs := map[string]bool{}
	for name := range e.Candidates[0].Columns {
		inputs[sdk.Output{Name: name}.Input()] = true
	}
	for name := range e.Columns {
		inputs[sdk.Output{Name: name, Kind: sdk.ExampleColumn}.Input()] = true
	}
	for head := range e.Labels {
		inputs[sdk.Output{Name: head, Kind: sdk.ClassLabel}.Input()] = true
	}
	return inputs
}
