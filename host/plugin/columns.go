package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"llmhost/sdk"
)

// columnTypes are the types of columns by their names in a reply.
var columnTypes = map[string]sdk.ColumnType{"string": sdk.String, "float": sdk.Float, "bool": sdk.Bool, "int": sdk.Int,
	"string_list": sdk.StringList, "float_list": sdk.FloatList, "json": sdk.JSON}

// Columns asks a fresh instance for the columns that the formatter reads with
// settled parameters.
func (c *Component) Columns(ctx context.Context, values map[string]any) ([]sdk.Column, error) {
	running, err := c.Plugin.transport.start(ctx)
	if err != nil {
		return nil, err
	}
	defer running.Close(ctx)
	reply, err := running.Configure(ctx, c.index, sdk.CanonicalConfig(c.own(values)))
	if err != nil {
		return nil, err
	}
	_, columns, err := c.configured(reply)
	return columns, err
}

// configured reads the reply to configuring a formatter: the number of the
// instance and the columns that it reads.
func (c *Component) configured(reply []byte) (instance uint32, columns []sdk.Column, err error) {
	data, err := c.Plugin.payload("configuring formatter "+c.Name, reply)
	if err != nil {
		return 0, nil, err
	}
	var said struct {
		Instance uint32
		Columns  []struct {
			Name, Type, Doc string
			Required        bool
		}
	}
	if err := json.Unmarshal(data, &said); err != nil {
		return 0, nil, fmt.Errorf("plugin %v: the reply to configure is not the JSON that the contract asks for: %s", c.Plugin.Info, brief(err))
	}
	if n := len(said.Columns); n == 0 || n > math.MaxUint8 {
		return 0, nil, fmt.Errorf("%v: it reads %d columns; want 1 to %d", c, n, math.MaxUint8)
	}
	for _, column := range said.Columns {
		kind, known := columnTypes[column.Type]
		switch {
		case !known:
			return 0, nil, fmt.Errorf("%v: its column %q is of type %q, which this llmhost does not know", c, plain(column.Name), plain(column.Type))
		case column.Name == "" || plain(column.Name) != column.Name:
			return 0, nil, fmt.Errorf("%v: it calls a column %q; want a name that can be printed", c, plain(column.Name))
		case slices.ContainsFunc(columns, func(have sdk.Column) bool { return have.Name == column.Name }):
			return 0, nil, fmt.Errorf("%v: it has two columns called %s", c, column.Name)
		}
		columns = append(columns, sdk.Column{Name: column.Name, Type: kind, Required: column.Required, Doc: line(column.Doc)})
	}
	return said.Instance, columns, nil
}
