package sdk

import (
	"sort"
	"strconv"
)

// What a component declares besides its program or its columns goes into the
// reply to trace or configure under separate keys, which are left out when
// empty.

// allowed is the result of a pooling's or formatter's Allow method; nil without
// one.
func allowed(part any) map[string]string {
	if p, has := part.(interface{ Allow() map[string]string }); has {
		return p.Allow()
	}
	return nil
}

// appendAllow appends the allowed checks, in order of name.
func appendAllow(b []byte, allow map[string]string) []byte {
	if len(allow) == 0 {
		return b
	}
	names := make([]string, 0, len(allow))
	for name := range allow {
		names = append(names, name)
	}
	sort.Strings(names)
	b = append(appendKey(b, "allow"), '{')
	for _, name := range names {
		b = appendField(b, name, allow[name])
	}
	return append(b, '}')
}

// appendUses appends what a loss declares about its columns.
func appendUses(b []byte, uses []ColumnUse) []byte {
	if len(uses) == 0 {
		return b
	}
	b = append(appendKey(b, "columns"), '[')
	first := true
	for _, use := range uses {
		b = appendUse(separate(b, &first), use)
	}
	return append(b, ']')
}

func appendUse(b []byte, use ColumnUse) []byte {
	b = appendField(append(b, '{'), "input", use.Input)
	b = appendRole(b, use.Role)
	if len(use.Values) > 0 {
		b = appendNumbers(appendKey(b, "values"), use.Values)
	}
	b = appendBound(b, "min", use.Min)
	b = appendBound(b, "max", use.Max)
	if use.Optional {
		b = strconv.AppendBool(appendKey(b, "optional"), true)
	}
	return append(b, '}')
}

func appendRole(b []byte, role ColumnRole) []byte {
	if role == NumberRole {
		return b
	}
	return appendField(b, "role", string(role))
}

func appendNumbers(b []byte, numbers []float64) []byte {
	b = append(b, '[')
	first := true
	for _, n := range numbers {
		b = appendFloat64(separate(b, &first), n)
	}
	return append(b, ']')
}

// appendBound appends the bound of a range; nil is none.
func appendBound(b []byte, key string, bound *float64) []byte {
	if bound == nil {
		return b
	}
	return appendFloat64(appendKey(b, key), *bound)
}

// columnTypeKeys are the names of column types in a reply.
var columnTypeKeys = [...]string{
	String:     "string",
	Float:      "float",
	Bool:       "bool",
	Int:        "int",
	StringList: "string_list",
	FloatList:  "float_list",
	JSON:       "json",
}

// appendFormatter appends what a formatter reads, gives and allows to a reply to
// configure.
func appendFormatter(b []byte, f Formatter) []byte {
	b = appendColumns(b, f.Columns())
	if giver, has := f.(interface{ Gives() []Output }); has {
		b = appendOutputs(b, giver.Gives())
	}
	b = appendForms(b, f)
	b = appendMarkup(b, f)
	return appendAllow(b, allowed(f))
}

func appendColumns(b []byte, columns []Column) []byte {
	b = append(appendKey(b, "columns"), '[')
	first := true
	for _, c := range columns {
		b = appendColumn(separate(b, &first), c)
	}
	return append(b, ']')
}

func appendColumn(b []byte, c Column) []byte {
	if c.Type < String || c.Type > JSON {
		panic("column " + c.Name + " has no type")
	}
	b = appendField(append(b, '{'), "name", c.Name)
	b = appendField(b, "type", columnTypeKeys[c.Type])
	b = strconv.AppendBool(appendKey(b, "required"), c.Required)
	b = appendField(b, "doc", c.Doc)
	b = appendRole(b, c.Role)
	if len(c.Examples) > 0 {
		b = appendList(appendKey(b, "examples"), c.Examples)
	}
	return append(b, '}')
}

// appendOutputs writes the list even if it is empty, which means that nothing is
// given.
func appendOutputs(b []byte, outputs []Output) []byte {
	b = append(appendKey(b, "gives"), '[')
	first := true
	for _, o := range outputs {
		b = appendOutput(separate(b, &first), o)
	}
	return append(b, ']')
}

func appendOutput(b []byte, o Output) []byte {
	if o.Kind == "" {
		o.Kind = CandidateColumn
	}
	b = appendField(append(b, '{'), "kind", string(o.Kind))
	b = appendField(b, "name", o.Name)
	b = appendRole(b, o.Role)
	if o.Padding != 0 {
		b = appendFloat64(appendKey(b, "padding"), o.Padding)
	}
	return append(b, '}')
}
