package formatter

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// asTexts gives candidates that are chats a prompt and an answer too, which have all
// that the messages have, so that the checks of texts hold for them as well.
func asTexts(results []sdk.Result) []sdk.Result {
	for i, r := range results {
		if !hasChats(r) {
			continue
		}
		results[i].Example.Candidates = slices.Clone(r.Example.Candidates)
		for k := range r.Example.Candidates {
			c := &results[i].Example.Candidates[k]
			c.Prompt = turns(c.Chat.Prompt) + beside(c.Chat)
			c.Answer = turns(c.Chat.Answer)
		}
	}
	return results
}

func hasChats(r sdk.Result) bool {
	return len(r.Example.Candidates) > 0 && r.Example.Candidates[0].Chat != nil
}

// learns are what is shown of a message's Learn.
var learns = [...]string{sdk.LearnDefault: "", sdk.LearnYes: ", learned", sdk.LearnNo: ", not learned"}

// turns shows each message that says anything: its content, then its role.
func turns(messages []sdk.Message) string {
	var b strings.Builder
	for _, m := range messages {
		body, role := "", ""
		fields, _ := sdk.JSONFields(m.JSON)
		for _, f := range fields {
			switch f.Key {
			case "role":
				role, _ = sdk.JSONText(f.Value)
			case "content":
				body += plain(f.Value)
			default:
				body += " " + f.Key + ": " + plain(f.Value)
			}
		}
		if body != "" {
			fmt.Fprintf(&b, "%s (%s%s)\n", body, role, learns[m.Learn])
		}
	}
	return b.String()
}

// beside shows what accompanies a chat.
func beside(c *sdk.Chat) (text string) {
	for _, part := range []struct{ name, json string }{{"tools", c.Tools}, {"documents", c.Documents}, {"args", c.Args}} {
		if part.json != "" {
			text += part.name + ": " + plain(part.json) + "\n"
		}
	}
	return text
}

// plain is a JSON value with its texts as they are.
func plain(value string) string {
	if text, is := sdk.JSONText(value); is {
		return text
	}
	var all []string
	if elements, err := sdk.JSONElements(value); err == nil {
		for _, e := range elements {
			all = append(all, plain(e))
		}
		return strings.Join(all, "\n")
	}
	if fields, err := sdk.JSONFields(value); err == nil {
		for _, f := range fields {
			all = append(all, f.Key+": "+plain(f.Value))
		}
		return strings.Join(all, "\n")
	}
	if value == "null" {
		return ""
	}
	return value
}

// control are the marks by which templates of models tell turns apart.
var control = regexp.MustCompile(`<\|[\w▁ ]+\|>|<｜[^｜<>]+｜>|\[/?INST\]|<</?SYS>>|</?s>|<(start|end)_of_turn>`)

// layout reports a control token in a message that no record has: the formatter lays
// the chat out, and then the template does so once more.
func (f *formatter) layout(results []sdk.Result) {
	for i, r := range f.good {
		if !hasChats(results[i]) {
			continue
		}
		given := f.show(r)
		for _, c := range results[i].Example.Candidates {
			mark := control.FindString(turns(c.Chat.Prompt) + turns(c.Chat.Answer))
			if mark == "" || strings.Contains(given, mark) {
				continue
			}
			f.Find(check.Finding{
				Text:  fmt.Sprintf("a message has %q, which its record does not have: %s", mark, candidateText(c)),
				Cause: "the model's chat template writes the control tokens, and what stands in a message stays text: give roles and contents alone, or a prompt and an answer that are laid out",
				Probe: given,
			})
			return
		}
	}
}
