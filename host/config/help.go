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
	GroupChats        Group = "chats"
	GroupRun          Group = "run"
	GroupPluginLimits Group = "limits of plugins"
	GroupOptimisation Group = "optimisation"
	GroupEvaluation   Group = "evaluation"
	GroupLogging      Group = "logging and saving"
	GroupParameters   Group = "parameters of the plugin"
)

// Brief describes the settings of some names, in lines of at most 100 characters.
func Brief(names ...string) string {
	var out strings.Builder
	rows := table()
	for _, name := range names {
		row, _ := find(rows, name)
		lines := wrap(row.brief(), 66)
		fmt.Fprintf(&out, "  %-31s %s\n", "--"+row.name, strings.Join(lines, "\n"+strings.Repeat(" ", 34)))
	}
	return out.String()
}

// brief is what a setting does, with its choices, where they are few, and its
// default, where it is not off.
func (row setting) brief() string {
	words, _, _ := strings.Cut(row.help, ";")
	if n := len(row.choices); n > 5 {
		words += ": " + strings.Join(row.choices[:3], ", ") + " …"
	} else if n > 0 {
		words += ": " + strings.Join(row.choices, ", ")
	}
	if row.fallback != "" && row.fallback != "false" && row.fallback != "0" && row.fallback != "-1" {
		words += " [" + row.fallback + "]"
	}
	return words
}

// HelpOn describes the group whose name begins with the word topic, or the one
// setting that topic names, here or in another program.
func HelpOn(topic string, groups ...Group) (string, error) {
	topic = strings.ReplaceAll(strings.TrimLeft(topic, "-"), "-", "_")
	var names []string
	for _, g := range groups {
		first := strings.Fields(string(g))[0]
		if strings.EqualFold(topic, first) {
			return Help(g), nil
		}
		names = append(names, first)
	}
	if row, ok := find(table(), topic); ok {
		var out strings.Builder
		row.describe(&out)
		return out.String(), nil
	}
	if answer, _, known := answerTo(topic, nil); known {
		return answer + "\n", nil
	}
	return "", fmt.Errorf("there is no setting and no group %q; want all, a setting's name, or one of %s%s",
		topic, strings.Join(names, ", "), meant(topic))
}

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
		row.describe(&out)
	}
	return out.String()
}

// describe writes name, type, range and default on one line, and what the setting
// does below.
func (row setting) describe(out *strings.Builder) {
	fmt.Fprintf(out, "  --%s\n", strings.Join(wrap(row.name+" ("+row.facts()+")", 76), "\n      "))
	fmt.Fprintf(out, "      %s\n", strings.Join(wrap(row.help, 74), "\n      "))
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
		return "list, as --" + row.name + " A B"
	case reflect.Struct:
		return "list of tables, as [[" + row.name + "]]"
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
