package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Group is a set of settings that belong together; a verb reads some of them.
type Group string

// The groups, in the order of the table.
const (
	GroupTask         Group = "task"
	GroupModel        Group = "model"
	GroupAdapters     Group = "adapters"
	GroupData         Group = "data"
	GroupTokens       Group = "tokens"
	GroupRun          Group = "run"
	GroupPluginLimits Group = "limits of plugins"
	GroupOptimisation Group = "optimisation"
	GroupEvaluation   Group = "evaluation"
	GroupLogging      Group = "logging and saving"
	GroupParameters   Group = "parameters of the plugin"
)

// Help describes the settings of some groups: name, type, range and default on
// one line, what it does below.
func Help(groups ...Group) string {
	var out strings.Builder
	last := ""
	for _, row := range table() {
		if !slices.Contains(groups, Group(row.group)) {
			continue
		}
		if row.group != last {
			writeHeading(&out, row.group)
			last = row.group
		}
		fmt.Fprintf(&out, "  --%s\n", strings.Join(wrap(row.name+" ("+row.facts()+")", 76), "\n      "))
		fmt.Fprintf(&out, "      %s\n", strings.Join(wrap(row.help, 74), "\n      "))
	}
	return out.String()
}

func writeHeading(out *strings.Builder, group string) {
	if out.Len() > 0 {
		out.WriteByte('\n')
	}
	fmt.Fprintf(out, "%s\n", strings.ToUpper(group[:1])+group[1:])
}

// facts are the type, the range and the default.
func (row setting) facts() string {
	facts := []string{row.typeName()}
	if bounds := row.limits.String(); bounds != "" {
		facts = append(facts, bounds)
	}
	if row.fallback != "" {
		facts = append(facts, "default "+row.fallback)
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
