package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"llmhost/host/nearest"
)

// ParseFlag reads the text of a flag as kind (String, Int, Int64, Float64,
// Bool, Slice or Map) and returns it as TOML would have: a string, int64,
// float64, bool, []any or map[string]any. Text that is not of the kind comes
// back as a string, which the check for the type then names.
func ParseFlag(text string, kind reflect.Kind) any {
	switch kind {
	case reflect.Int, reflect.Int64:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case reflect.Float64:
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return x
		}
	case reflect.Bool:
		switch strings.ToLower(text) {
		case "true", "1":
			return true
		case "false", "0":
			return false
		}
	case reflect.Slice:
		if !strings.HasPrefix(text, "[") {
			return []any{text}
		}
		return parseTOML(text)
	case reflect.Map:
		return parseTOML(text)
	}
	return text
}

// parseTOML reads text as one TOML value, or returns it as it is.
func parseTOML(text string) any {
	var doc map[string]any
	if _, err := toml.Decode("v = "+text, &doc); err != nil || len(doc) != 1 {
		return text
	}
	return doc["v"]
}

func listOf(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

// assign checks v, a value as TOML gives it, and puts it into the field of s if
// it is right. It returns what is wrong, to follow the setting's name, or "".
func (row setting) assign(s *Settings, v any) string {
	switch list, isDatasets := v.([]Dataset); {
	case isDatasets:
		row.field(s).Set(reflect.ValueOf(list))
		return ""
	case row.kind == reflect.Struct:
		return wrongType(v, "a list of tables, each under [["+row.name+"]]")
	case row.kind == reflect.Slice && row.field(s).Type().Elem().Kind() == reflect.Float64:
		return row.assignNumbers(s, v)
	case row.kind == reflect.Slice:
		return row.assignList(s, v)
	}
	if row.isSwitch {
		v = asSwitch(v)
	}
	v = row.wordFor(v)
	problem := row.check(v)
	if problem != "" {
		return problem
	}
	field := row.field(s)
	if row.kind == reflect.Float64 {
		v, _ = number(v) // a whole number is accepted for a float
	}
	field.Set(reflect.ValueOf(v).Convert(field.Type()))
	return ""
}

// wordFor is the choice that true or false, in TOML or as Python writes them, means
// where they are words beside another.
func (row setting) wordFor(v any) any {
	if !slices.Contains(row.choices, "true") {
		return v
	}
	if text, ok := v.(string); ok {
		return strings.ToLower(text)
	}
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	return v
}

// check compares v with the type, the choices and the bounds of a plain setting.
func (row setting) check(v any) string {
	switch row.kind {
	case reflect.String:
		text, ok := v.(string)
		if !ok && row.isSwitch {
			return wrongType(v, "true, false or auto")
		}
		if !ok {
			return wrongType(v, "a string")
		}
		return row.checkChoice(text)
	case reflect.Int:
		n, ok := v.(int64)
		if !ok {
			return wrongType(v, "a whole number")
		}
		return row.limits.check(float64(n), strconv.FormatInt(n, 10))
	case reflect.Float64:
		x, ok := number(v)
		if !ok {
			return wrongType(v, "a number")
		}
		return row.limits.check(x, formatFloat(x))
	}
	if _, ok := v.(bool); !ok {
		return wrongType(v, "true or false")
	}
	return ""
}

func (row setting) assignList(s *Settings, v any) string {
	list, ok := v.([]any)
	if !ok {
		return wrongType(v, "a list of strings, as in [\"a\", \"b\"]")
	}
	var texts []string
	for i, e := range list {
		text, ok := e.(string)
		if n, whole := e.(int64); whole && row.limits.min != nil {
			text = strconv.FormatInt(n, 10)
			ok = true
		}
		if !ok {
			return fmt.Sprintf("has %s at place %d; want a list of strings", describe(e), i+1)
		}
		if problem := row.checkWhole(text); problem != "" {
			return fmt.Sprintf("has %s at place %d, which %s", text, i+1, problem)
		}
		if problem := row.checkChoice(text); problem != "" {
			return problem
		}
		texts = append(texts, text)
	}
	row.field(s).Set(reflect.ValueOf(texts))
	return ""
}

// assignNumbers is assignList of weights. A text may hold several, divided by commas.
func (row setting) assignNumbers(s *Settings, v any) string {
	if text, ok := v.(string); ok {
		v = []any{text}
	}
	list, ok := v.([]any)
	if !ok {
		return wrongType(v, "a list of numbers, as in [0.7, 0.3]")
	}
	if len(list) == 1 {
		if text, ok := list[0].(string); ok && strings.Contains(text, ",") {
			list = listOf(strings.Split(text, ","))
		}
	}
	var numbers []float64
	for i, e := range list {
		if text, isText := e.(string); isText {
			e = ParseFlag(strings.TrimSpace(text), reflect.Float64)
		}
		x, ok := number(e)
		if !ok {
			return fmt.Sprintf("has %s at place %d; want a list of numbers", describe(e), i+1)
		}
		if problem := weightProblem(x); problem != "" {
			return fmt.Sprintf("has a number at place %d that %s", i+1, problem)
		}
		numbers = append(numbers, x)
	}
	row.field(s).Set(reflect.ValueOf(numbers))
	return ""
}

// checkWhole checks an element of a list of whole numbers (a list whose setting
// has a minimum) against its bounds.
func (row setting) checkWhole(text string) string {
	if row.limits.min == nil {
		return ""
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "is not a whole number"
	}
	return row.limits.check(float64(n), text)
}

// assignEntry puts the entry key of a table setting into the field of s.
func (row setting) assignEntry(s *Settings, key string, v any, where string) string {
	switch {
	case row.name == "columns":
		return assignColumn(s, key, v)
	case row.keys == nil:
		return assignParam(s, key, v, where)
	}
	if !slices.Contains(row.keys, key) {
		return "is not known; want one of " + strings.Join(row.keys, ", ") + nearest.Hint(key, row.keys)
	}
	v, problem := scheduleKwarg(key, v)
	if problem != "" {
		return problem
	}
	if s.SchedulerKwargs == nil {
		s.SchedulerKwargs = map[string]any{}
	}
	s.SchedulerKwargs[key] = v
	return ""
}

// curveKeys are the entries of lr_scheduler_kwargs that are no numbers.
var curveKeys = []string{"warmup_type", "decay_type"}

// scheduleKwarg is the value of an entry of lr_scheduler_kwargs, a float64 or, of a
// curve, a string.
func scheduleKwarg(key string, v any) (value any, problem string) {
	if slices.Contains(curveKeys, key) {
		text, ok := v.(string)
		if !ok {
			return nil, wrongType(v, "a string")
		}
		return text, setting{choices: []string{"linear", "cosine", "1-sqrt"}}.checkChoice(text)
	}
	x, ok := number(v)
	if !ok {
		return nil, wrongType(v, "a number")
	}
	return x, limits{min: new(float64)}.check(x, formatFloat(x))
}

func assignColumn(s *Settings, key string, v any) string {
	if text, isFlag := v.(FlagText); isFlag {
		v = string(text)
	}
	field, ok := v.(string)
	if !ok {
		return wrongType(v, "the name of a field, a string")
	}
	if field == "" {
		return "is empty; want the name of a field of the data files"
	}
	if s.Columns == nil {
		s.Columns = map[string]string{}
	}
	s.Columns[key] = field
	return ""
}

func assignParam(s *Settings, key string, v any, where string) string {
	if !plainValue(v) {
		return wrongType(v, "a string, a number, true or false")
	}
	if s.Params == nil {
		s.Params = map[string]Param{}
	}
	s.Params[key] = Param{Value: v, Where: where}
	return ""
}

func number(v any) (float64, bool) {
	if n, ok := v.(int64); ok {
		return float64(n), true
	}
	x, ok := v.(float64)
	return x, ok
}

func (row setting) checkChoice(text string) string {
	if row.choices == nil || slices.Contains(row.choices, text) {
		return ""
	}
	if f, ok := foreigners()[row.name+"="+text]; ok {
		return fmt.Sprintf("is %q, and llmhost has no such setting: %s", text, f.Why)
	}
	want := "one of " + strings.Join(row.choices, ", ")
	if len(row.choices) == 1 {
		want = row.choices[0]
	}
	return fmt.Sprintf("is %q; want %s%s", text, want, nearest.Hint(text, row.choices))
}

func (l limits) check(x float64, text string) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "is " + text + "; want a finite number"
	case l.min != nil &&
		x < *l.min, l.max != nil &&
		x > *l.max, l.above != nil && x <= *l.above, l.below != nil && x >= *l.below:
		return "is " + text + "; want " + l.String()
	}
	return ""
}

// String writes the bounds as part of a sentence: "at least 0 and below 1".
func (l limits) String() string {
	var parts []string
	for _, b := range []struct {
		word  string
		bound *float64
	}{{"at least", l.min}, {"above", l.above}, {"at most", l.max}, {"below", l.below}} {
		if b.bound != nil {
			parts = append(parts, b.word+" "+formatFloat(*b.bound))
		}
	}
	return strings.Join(parts, " and ")
}

func wrongType(v any, want string) string {
	return "is " + describe(v) + "; want " + want
}

// describe names a value as TOML gives it.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", v)
	case int64, bool:
		return fmt.Sprint(v)
	case float64:
		return formatFloat(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "a list of tables"
	}
	return "a date or time"
}

func formatFloat(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
