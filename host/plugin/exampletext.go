package plugin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"llmhost/sdk"
)

// What is shown of an example: so many lines, and so much of a text, in bytes.
const (
	exampleLines = 12
	exampleText  = 120
)

// writeExample shows what the first examples of a formatter's fields become: the
// prompt, which candidates mostly share, and each answer; of a chat a line for each
// message. Nothing is shown where the author gave no examples.
func writeExample(b *strings.Builder, columns []sdk.Column, examples []sdk.Example) {
	declared := slices.ContainsFunc(columns, func(c sdk.Column) bool { return len(c.Examples) > 0 })
	if !declared || len(examples) == 0 {
		return
	}
	var lines []string
	before := "\x00" // no prompt
	for _, c := range examples[0].Candidates {
		prompt, answer := sidesOf(c)
		if given := strings.Join(prompt, "\n"); given != before {
			lines = append(lines, prompt...)
			before = given
		}
		if columns := columnsText(c.Columns); columns != "" && len(answer) > 0 {
			answer[len(answer)-1] += "\t" + columns
		}
		lines = append(lines, answer...)
	}
	if len(lines) > exampleLines {
		lines = append(lines[:exampleLines], fmt.Sprintf("and %d lines more", len(lines)-exampleLines))
	}
	b.WriteString("makes of their first examples\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(w, "  %s\n", l)
	}
	w.Flush()
}

// sidesOf are the lines of what a candidate is given and of what it answers.
func sidesOf(c sdk.Candidate) (prompt, answer []string) {
	if c.Chat == nil {
		if c.Prompt != "" {
			prompt = append(prompt, "prompt\t"+shortQuoted(c.Prompt))
		}
		return prompt, append(answer, "answer\t"+shortQuoted(c.Answer))
	}
	for _, m := range c.Chat.Prompt {
		prompt = append(prompt, "given\t"+messageText(m))
	}
	for _, part := range []struct{ name, json string }{{"tools", c.Chat.Tools}, {"documents", c.Chat.Documents}, {"args", c.Chat.Args}} {
		if part.json != "" {
			prompt = append(prompt, part.name+"\t\t"+beginning(part.json))
		}
	}
	for _, m := range c.Chat.Answer {
		answer = append(answer, "answer\t"+messageText(m))
	}
	return prompt, answer
}

// messageText shows a message: its role, its content, and whatever else it has.
func messageText(m sdk.Message) string {
	fields, _ := sdk.JSONFields(m.JSON)
	role, rest := "", []string{}
	for _, f := range fields {
		text, is := sdk.JSONText(f.Value)
		switch {
		case f.Key == "role":
			role = text
		case f.Key == "content" && is:
			rest = append([]string{shortQuoted(text)}, rest...)
		default:
			rest = append(rest, line(f.Key)+": "+beginning(f.Value))
		}
	}
	learn := map[sdk.Learn]string{sdk.LearnYes: " (learned)", sdk.LearnNo: " (not learned)"}[m.Learn]
	return line(role) + learn + "\t" + strings.Join(rest, ", ")
}

func columnsText(columns map[string]float64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		all = append(all, line(name)+" "+strconv.FormatFloat(columns[name], 'g', 6, 64))
	}
	return strings.Join(all, ", ")
}

// beginning is a text's beginning on one line.
func beginning(text string) string {
	if len(text) > exampleText {
		text = strings.ToValidUTF8(text[:exampleText], "") + "…"
	}
	return line(text)
}

// shortQuoted is a text's beginning in quotes.
func shortQuoted(text string) string {
	if len(text) > exampleText {
		return strconv.Quote(strings.ToValidUTF8(text[:exampleText], "")) + "…"
	}
	return strconv.Quote(text)
}
