package chat

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// cleaned are the fields of a message as templates see them, and whether they
// differ from what the record has.
func cleaned(where string, pairs []sdk.Field) (kept []sdk.Field, changed bool, err error) {
	says := "" // the key that says whether the message is learned
	for _, f := range pairs {
		value := strings.TrimSpace(f.Value)
		now := sdk.Field{Key: f.Key, Value: f.Value}
		switch {
		case value == "null" && f.Key != "content":
			changed = true
			continue
		case f.Key == "content":
			now.Value, err = contentOf(where, value)
		case f.Key == "tool_calls":
			now.Value, err = callsOf(where, value)
		case f.Key == "function_call":
			now.Key = "tool_calls"
			now.Value, err = Call(value)
			now.Value = "[" + now.Value + "]"
		case f.Key == "role" && value == `"function"`:
			now.Value = `"tool"`
		case saysLearned(f.Key, value):
			if says != "" {
				return nil, false, errors.New(where + " says with " + strconv.Quote(says) + " and with " + strconv.Quote(f.Key) + " whether it is learned; keep one of them")
			}
			says, now.Key = f.Key, "train"
		}
		if err != nil {
			return nil, false, err
		}
		changed = changed || now.Key != f.Key || now.Value != f.Value
		kept = append(kept, now)
	}
	return kept, changed, nil
}

// saysLearned tells whether a key says that a message is learned or not: train or
// weight, or a name that another program gives it: loss (ms-swift), loss_mask (verl),
// training (axolotl's examples) or trainable. Any other value of those is the template's.
func saysLearned(key, value string) bool {
	switch key {
	case "train", "weight", "loss", "loss_mask", "training", "trainable":
		return value == "true" || value == "false" || value == "1" || value == "0"
	}
	return false
}

// contentOf is what a message says: a text as it is, text parts as one text. An
// object, which some templates print, stays one.
func contentOf(where, value string) (string, error) {
	switch {
	case value == "" || value[0] == '"' || value[0] == '{' || value == "null":
		return value, nil
	case value[0] != '[':
		return "", errors.New(where + " has the content " + shown(value) + "; want a text or a list of parts")
	}
	parts, err := sdk.JSONElements(value)
	if err != nil {
		return "", errors.New(where + ": its content is " + err.Error())
	}
	var whole strings.Builder
	for i, part := range parts {
		text, err := partText(part)
		if err != nil {
			return "", errors.New("part " + strconv.Itoa(i) + " of " + where + " " + err.Error())
		}
		whole.WriteString(text)
	}
	return sdk.JSONQuote(whole.String()), nil
}

// partText is the text of a part: {"type": "text", "text": "hi"}, also under the
// keys content, value or refusal, or the text alone. Its error follows a name.
func partText(part string) (string, error) {
	if text, is := sdk.JSONText(part); is {
		return text, nil
	}
	pairs, err := sdk.JSONFields(part)
	if err != nil {
		return "", errors.New("is " + shown(part) + "; want a text part")
	}
	for _, f := range pairs {
		if kind, is := sdk.JSONText(f.Value); f.Key == "type" && is && kind != "text" && kind != "refusal" {
			return "", errors.New("is of type " + strconv.Quote(kind) + "; llmhost trains on text alone")
		}
		if (f.Key == "train" || f.Key == "weight") && strings.TrimSpace(f.Value) != "null" {
			return "", errors.New("has the key " + f.Key + ", which only whole messages may have; make it a message of its own")
		}
	}
	for _, f := range pairs {
		switch f.Key {
		case "text", "content", "value", "refusal":
			if text, is := sdk.JSONText(f.Value); is {
				return text, nil
			}
		}
	}
	return "", errors.New("is " + shown(part) + "; want a text under the key text")
}

// callsOf are tool calls whose arguments are objects.
func callsOf(where, value string) (string, error) {
	if !strings.Contains(value, `"arguments"`) && !strings.Contains(value, "null") {
		return value, nil
	}
	calls, err := sdk.JSONElements(value)
	if err != nil {
		return "", errors.New(where + ": its tool_calls are " + err.Error())
	}
	changed := false
	for i, call := range calls {
		pairs, err := sdk.JSONFields(call)
		if err != nil {
			return "", errors.New(where + ": tool_calls[" + strconv.Itoa(i) + "] is " + shown(call) + "; want an object")
		}
		var kept []sdk.Field
		for _, f := range pairs {
			now := f
			switch {
			case strings.TrimSpace(f.Value) == "null":
				changed = true
				continue
			case f.Key == "function":
				now.Value = withArguments(f.Value)
			case f.Key == "arguments": // a call without its envelope
				now.Value = argumentsOf(f.Value)
			}
			changed = changed || now != f
			kept = append(kept, now)
		}
		calls[i] = objectOf(kept)
	}
	if !changed {
		return value, nil
	}
	return "[" + strings.Join(calls, ", ") + "]", nil
}

// withArguments is a function of a tool call with its arguments as an object.
func withArguments(function string) string {
	pairs, err := sdk.JSONFields(function)
	if err != nil {
		return function
	}
	changed := false
	for i, f := range pairs {
		if f.Key == "arguments" {
			pairs[i].Value = argumentsOf(f.Value)
			changed = pairs[i].Value != f.Value
		}
	}
	if !changed {
		return function
	}
	return objectOf(pairs)
}

// argumentsOf is the object that a text holds as JSON, or the value as it is.
func argumentsOf(value string) string {
	if text, is := sdk.JSONText(value); is {
		if inner := strings.TrimSpace(text); strings.HasPrefix(inner, "{") {
			if _, err := sdk.JSONFields(inner); err == nil {
				return inner
			}
		}
	}
	return value
}

// Call is the tool call of a function with a name and arguments, in the envelope
// that templates know.
func Call(function string) (string, error) {
	function = Unquoted(function)
	pairs, err := sdk.JSONFields(function)
	if err != nil {
		return "", errors.New("the function call " + shown(function) + " is no JSON object with name and arguments")
	}
	for _, f := range pairs {
		if f.Key == "function" { // it has the envelope
			return function, nil
		}
	}
	return `{"type": "function", "function": ` + withArguments(function) + "}", nil
}
