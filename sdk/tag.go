package sdk

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

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
	case "choices":
		if p.Type != StringParam {
			return errors.New("choices are for a string field")
		}
		p.Choices = strings.Split(value, "|")
		return nil
	}
	return errors.New("tag has the unknown part " + strconv.Quote(part) + "; want default=, min=, max=, choices= or doc=")
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
