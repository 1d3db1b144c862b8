package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// TOML renders every setting, so that Load reads the text back to the same
// settings (parameters to the same values; a FlagText to the value that it
// looks like).
func (s Settings) TOML() string {
	var out strings.Builder
	group := ""
	for _, row := range table() {
		if row.kind == reflect.Map || row.kind == reflect.Struct {
			continue // tables come last: what follows one would belong to it
		}
		if row.group != group {
			if group = row.group; out.Len() > 0 {
				out.WriteByte('\n')
			}
			fmt.Fprintf(&out, "# %s\n", group)
		}
		fmt.Fprintf(&out, "%s = %s\n", row.name, tomlValue(row.field(&s).Interface()))
	}
	params := map[string]any{}
	for name, p := range s.Params {
		params[name] = p.Value
	}
	columns := map[string]any{}
	for name, field := range s.Columns {
		columns[name] = field
	}
	writeTable(&out, "columns", columns)
	writeTable(&out, "lr_scheduler_kwargs", s.SchedulerKwargs)
	writeTable(&out, "params", params)
	for _, d := range s.Datasets {
		out.WriteString(d.TOML())
	}
	return out.String()
}

func writeTable(out *strings.Builder, name string, entries map[string]any) {
	if len(entries) == 0 {
		return
	}
	fmt.Fprintf(out, "\n[%s]\n", name)
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		fmt.Fprintf(out, "%s = %s\n", tomlKey(k), tomlValue(entries[k]))
	}
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func tomlKey(name string) string {
	if bareKey.MatchString(name) {
		return name
	}
	return tomlString(name)
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case string:
		return tomlString(v)
	case Switch:
		return tomlGuess(string(v))
	case FlagText:
		return tomlGuess(string(v))
	case float64:
		return tomlFloat(v)
	case []float64:
		numbers := make([]string, len(v))
		for i, x := range v {
			numbers[i] = tomlFloat(x)
		}
		return "[" + strings.Join(numbers, ", ") + "]"
	case []string:
		quoted := make([]string, len(v))
		for i, text := range v {
			quoted[i] = tomlString(text)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprint(v) // int, int64, bool
}

// tomlGuess writes text as the number or bool that it looks like.
func tomlGuess(text string) string {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return tomlFloat(x)
	}
	if text == "true" || text == "false" {
		return text
	}
	return tomlString(text)
}

// tomlFloat writes the shortest text that reads back to x and to a float, not
// to an integer.
func tomlFloat(x float64) string {
	text := strings.ToLower(formatFloat(x)) // NaN, +Inf
	if strings.ContainsAny(text, ".enf") {
		return text
	}
	return text + ".0"
}

func tomlString(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
