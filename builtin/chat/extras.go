package chat

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// ExtraColumns declares what may accompany a conversation: tools, documents and
// further variables of the chat template.
func ExtraColumns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     "tools",
			Type:     sdk.JSON,
			Doc:      "tools that the model may call: a list, or a text that holds one",
			Examples: []string{"null", `[{"type": "function", "function": {"name": "add", "parameters": {}}}]`},
		},
		{
			Name:     "documents",
			Type:     sdk.JSON,
			Doc:      "documents that the template shows: a list",
			Examples: []string{"null", "null"},
		},
		{
			Name:     "chat_template_kwargs",
			Type:     sdk.JSON,
			Doc:      "further variables of the template: an object",
			Examples: []string{`{"enable_thinking": true}`, `{"enable_thinking": false}`},
		},
	}
}

// Extras reads those columns, the first of which is column first.
func Extras(r *sdk.Row, first int) (c sdk.Chat, err error) {
	for i, part := range []struct {
		name, open string
		into       *string
	}{{"tools", "[", &c.Tools}, {"documents", "[", &c.Documents}, {"chat_template_kwargs", "{", &c.Args}} {
		if !r.Has(first + i) {
			continue
		}
		value := Unquoted(r.JSON(first + i))
		switch {
		case value == "" || value == "null" || strings.Trim(value, "[]{} \n\t\r") == "":
		case strings.HasPrefix(value, part.open):
			*part.into = value
		default:
			return c, errors.New("field " + strconv.Quote(part.name) + " is " + shown(value) + "; want " + map[string]string{"[": "a list", "{": "an object"}[part.open])
		}
	}
	return c, nil
}

// NoExtras refuses what accompanies a conversation beside texts, which no template
// lays out.
func NoExtras(r *sdk.Row, first int, text string) error {
	whole, err := Extras(r, first)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"tools": whole.Tools, "documents": whole.Documents, "chat_template_kwargs": whole.Args} {
		if value != "" {
			return errors.New("field " + strconv.Quote(name) + " is of use to a chat template alone, and " + strconv.Quote(text) + " is a text; want messages, or the record without it")
		}
	}
	return nil
}

// Envelopes returns tools each in the envelope {"type": "function", "function": …}
// that templates know; one that has it stays as it is.
func Envelopes(tools string) (string, error) {
	if tools == "" {
		return "", nil
	}
	elements, err := sdk.JSONElements(tools)
	if err != nil {
		return "", errors.New(`field "tools" is ` + err.Error())
	}
	for i, tool := range elements {
		pairs, err := sdk.JSONFields(tool)
		if err != nil {
			return "", errors.New("tools[" + strconv.Itoa(i) + "] is " + shown(tool) + "; want an object")
		}
		bare := true
		for _, f := range pairs {
			bare = bare && f.Key != "function" && f.Key != "type"
		}
		if bare {
			elements[i] = `{"type": "function", "function": ` + tool + "}"
		}
	}
	return "[" + strings.Join(elements, ", ") + "]", nil
}
