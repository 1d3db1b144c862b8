package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Help describes every setting, by group: name, type, range and default on the
// first line, what it does below.
func Help() string {
	var out strings.Builder
	group := ""
	for _, row := range table() {
		if row.group != group {
			if group = row.group; out.Len() > 0 {
				out.WriteByte('\n')
			}
			fmt.Fprintf(&out, "%s\n", strings.ToUpper(group[:1])+group[1:])
		}
		fmt.Fprintf(&out, "  --%s\n", strings.Join(wrap(row.name+" ("+row.facts()+")", 76), "\n      "))
		fmt.Fprintf(&out, "      %s\n", strings.Join(wrap(row.help, 74), "\n      "))
	}
	return out.String()
}

// facts are the type, the range, the default and the old spellings.
func (row setting) facts() string {
	facts := []string{row.typeName()}
	if bounds := row.limits.String(); bounds != "" {
		facts = append(facts, bounds)
	}
	if row.fallback != "" {
		facts = append(facts, "default "+row.fallback)
	}
	if len(row.aliases) > 0 {
		facts = append(facts, "once "+strings.Join(row.aliases, ", "))
	}
	return strings.Join(facts, "; ")
}

func (row setting) typeName() string {
	switch row.kind {
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		if row.choices != nil {
			return "list of " + strings.Join(row.choices, ", ")
		}
		return "list"
	case reflect.Map:
		return "table, as --" + row.name + ".NAME value"
	}
	if row.choices != nil {
		return strings.Join(row.choices, " | ")
	}
	return "text"
}

// wrap breaks text at blanks into lines of at most width bytes, except for
// longer words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
