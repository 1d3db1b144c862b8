package config

import (
	"reflect"
	"strconv"
	"strings"
)

// Switch is the value of a setting that is true, false, or left to what its help
// names.
type Switch string

// The values of a Switch.
const (
	Auto Switch = "auto"
	On   Switch = "true"
	Off  Switch = "false"
)

// Or is s, or other where s is Auto.
func (s Switch) Or(other Switch) Switch {
	if s == Auto {
		return other
	}
	return s
}

var switchChoices = []string{string(Auto), string(On), string(Off)}

func isSwitch(t reflect.Type) bool { return t == reflect.TypeFor[Switch]() }

// asSwitch turns a value that is written as a bool is into the text of a Switch.
func asSwitch(v any) any {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case string:
		if b, is := ParseFlag(v, reflect.Bool).(bool); is {
			return strconv.FormatBool(b)
		}
		return strings.ToLower(v)
	}
	return v
}
