package sdk

import (
	"errors"
	"math"
	"reflect"
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
	Values   []string // of a string without choices: some that it takes, for checks and readers
	Aliases  []string // names that other programs give it, which a user may write too
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
		switch strings.ToLower(text) { // True is what Python's flags say
		case "true", "1":
			v = true
		case "false", "0":
			v = false
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

// params reads the parameters from a component's struct tags. A component that
// is not a struct has none.
func (c component) params() ([]Param, error) {
	v := reflect.ValueOf(c.proto)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil, nil
	}
	var params []Param
	err := fieldParams(v, nil, &params)
	for i, p := range params {
		for _, other := range params[:i] {
			if err == nil && other.Name == p.Name {
				err = errors.New("two fields are the parameter " + p.Name)
			}
		}
	}
	if err != nil {
		return nil, errors.New(c.kind + " " + c.name + ": " + err.Error())
	}
	return params, nil
}

// fieldParams collects the parameters of a struct and of structs embedded in it.
func fieldParams(v reflect.Value, path []int, params *[]Param) error {
	for i := 0; i < v.NumField(); i++ {
		field := v.Type().Field(i)
		at := append(append([]int(nil), path...), i)
		tag, tagged := field.Tag.Lookup("llmhost")
		if field.Anonymous && field.Type.Kind() == reflect.Struct && !tagged {
			if err := fieldParams(v.Field(i), at, params); err != nil {
				return err
			}
			continue
		}
		if !tagged {
			continue
		}
		p, err := parseTag(tag, field, v.Field(i))
		if err != nil {
			return errors.New("field " + field.Name + ": " + err.Error())
		}
		p.field = at
		*params = append(*params, p)
	}
	return nil
}

// parseTag reads "name,default=1,min=0,doc=words, with commas".
func parseTag(tag string, field reflect.StructField, proto reflect.Value) (Param, error) {
	rest, doc, _ := strings.Cut(tag, ",doc=")
	parts := strings.Split(rest, ",")
	p := Param{Name: parts[0], Doc: doc}
	if !field.IsExported() {
		return p, errors.New("has an llmhost tag but is not exported")
	}
	if !isParamName(p.Name) {
		return p, errors.New("parameter name " + strconv.Quote(p.Name) + " is not lower-case letters, digits and _")
	}
	switch field.Type.Kind() {
	case reflect.Float64:
		p.Type, p.Default = FloatParam, proto.Float()
	case reflect.Int:
		p.Type, p.Default = IntParam, int(proto.Int())
	case reflect.Bool:
		p.Type, p.Default = BoolParam, proto.Bool()
	case reflect.String:
		p.Type, p.Default = StringParam, proto.String()
	default:
		return p, errors.New("is of type " + field.Type.String() + "; want float64, int, bool or string")
	}
	for _, part := range parts[1:] {
		if err := p.option(part); err != nil {
			return p, err
		}
	}
	return p, p.checkDefault(parts[1:])
}

// option reads one key=value of a tag. The default is checked once the bounds are
// known.
func (p *Param) option(part string) error {
	key, value, _ := strings.Cut(part, "=")
	switch key {
	case "default":
		return nil
	case "min", "max":
		bound, err := strconv.ParseFloat(value, 64)
		if err != nil || p.Type != FloatParam && p.Type != IntParam {
			return errors.New(key + "=" + value + " is no bound of a " + string(p.Type))
		}
		if key == "min" {
			p.Min = &bound
		} else {
			p.Max = &bound
		}
		return nil
	case "aliases":
		p.Aliases = strings.Split(value, "|")
		return nil
	case "choices", "values":
		if p.Type != StringParam {
			return errors.New(key + " are for a string field")
		}
		if key == "choices" {
			p.Choices = strings.Split(value, "|")
		} else {
			p.Values = strings.Split(value, "|")
		}
		return nil
	}
	return errors.New("tag has the unknown part " + strconv.Quote(part) + "; want default=, min=, max=, choices=, values=, aliases= or doc=")
}

func (p *Param) checkDefault(parts []string) error {
	var err error
	for _, part := range parts {
		if text, found := strings.CutPrefix(part, "default="); found {
			p.Default, err = p.ParseText(text)
		}
	}
	if err == nil {
		p.Default, err = p.Accept(p.Default)
	}
	if err != nil {
		return errors.New("its default " + err.Error())
	}
	return nil
}

// isParamName accepts the names that TOML allows as bare keys.
func isParamName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && c != '_' && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// fieldError is an error about one parameter.
type fieldError struct{ name, text string }

func (e fieldError) Error() string { return e.name + " " + e.text }

// configured returns a copy of the component's value with the parameters set.
// Parameters that values lacks stay at their defaults.
func (c component) configured(values map[string]any) (any, error) {
	params, err := c.params()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, p := range params {
		known[p.Name] = true
	}
	for name := range values {
		if !known[name] {
			return nil, fieldError{name, "is no parameter of " + c.kind + " " + c.name}
		}
	}
	part, settable := copyOf(c.proto)
	for _, p := range params {
		v, given := values[p.Name]
		if !given {
			v = p.Default
		}
		if v, err = p.Accept(v); err != nil {
			return nil, fieldError{p.Name, err.Error()}
		}
		settable.FieldByIndex(p.field).Set(reflect.ValueOf(v))
	}
	return validated(part())
}

// copyOf returns a function that gives a copy of proto, and the copy's struct,
// whose fields may be set first.
func copyOf(proto any) (part func() any, settable reflect.Value) {
	v := reflect.ValueOf(proto)
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		fresh.Elem().Set(v.Elem())
		return fresh.Interface, fresh.Elem()
	}
	fresh := reflect.New(v.Type()).Elem()
	fresh.Set(v)
	return func() any { return fresh.Interface() }, fresh
}

// validated runs the component's Validate, if it has one.
func validated(part any) (any, error) {
	if checker, ok := part.(interface{ Validate() error }); ok {
		if err := checker.Validate(); err != nil {
			return nil, err
		}
	}
	return part, nil
}
