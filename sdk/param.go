package sdk

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// ParamType is the type of a parameter.
type ParamType string

// The types of parameters, as a descriptor names them.
const (
	FloatParam  ParamType = "float"
	IntParam    ParamType = "int"
	BoolParam   ParamType = "bool"
	StringParam ParamType = "string"
)

// Param declares a parameter of a component.
type Param struct {
	Name     string
	Type     ParamType
	Default  any      // float64, int, bool or string, as Type says
	Min, Max *float64 // inclusive, nil where there is no bound
	Choices  []string // of a string; nil if any text will do
	Doc      string

	field []int // its field in the component's struct
}

// Accept returns v in the parameter's type, checked against range and choices.
// A whole number is accepted for a float, and a float without a fraction for an
// int. The error says what is wrong with the value, without the parameter's
// name.
func (p Param) Accept(v any) (any, error) {
	v, fits := p.convert(v)
	if !fits {
		return nil, errors.New("is " + describeValue(v) + "; want " + p.want())
	}
	if number, ok := asFloat(v); ok {
		if math.IsNaN(number) ||
			math.IsInf(number, 0) ||
			p.Min != nil && number < *p.Min ||
			p.Max != nil && number > *p.Max {
			return nil, errors.New("is " + describeValue(v) + "; want " + p.want())
		}
	}
	if text, ok := v.(string); ok && p.Choices != nil && !contains(p.Choices, text) {
		return nil, errors.New("is " + describeValue(v) + "; want one of " + strings.Join(p.Choices, ", "))
	}
	return v, nil
}

// ParseText parses the value from a flag's text.
func (p Param) ParseText(text string) (any, error) {
	var v any = text
	switch p.Type {
	case FloatParam:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			v = f
		}
	case IntParam:
		if n, err := strconv.Atoi(text); err == nil {
			v = n
		}
	case BoolParam:
		if text == "true" || text == "false" {
			v = text == "true"
		}
	}
	return p.Accept(v)
}

// convert brings v into the parameter's type.
func (p Param) convert(v any) (any, bool) {
	if n, ok := v.(int64); ok {
		v = int(n)
	}
	switch p.Type {
	case FloatParam:
		if f, ok := asFloat(v); ok {
			return f, true
		}
	case IntParam:
		if f, ok := asFloat(v); ok && f == math.Trunc(f) && math.Abs(f) <= 1<<53 {
			return int(f), true
		}
	case BoolParam:
		_, ok := v.(bool)
		return v, ok
	case StringParam:
		_, ok := v.(string)
		return v, ok
	}
	return v, false
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	}
	return 0, false
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// describeValue formats a value for an error message.
func describeValue(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case int:
		return strconv.Itoa(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return "neither a number, a text, true nor false"
}

// want says what the parameter takes: "a number of at least 0".
func (p Param) want() string {
	switch p.Type {
	case BoolParam:
		return "true or false"
	case StringParam:
		return "a text"
	}
	kind := "a number"
	if p.Type == IntParam {
		kind = "a whole number"
	}
	switch {
	case p.Min != nil && p.Max != nil:
		return kind + " from " + describeValue(*p.Min) + " to " + describeValue(*p.Max)
	case p.Min != nil:
		return kind + " of at least " + describeValue(*p.Min)
	case p.Max != nil:
		return kind + " of at most " + describeValue(*p.Max)
	}
	return kind
}
