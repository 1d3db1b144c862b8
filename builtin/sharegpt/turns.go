package sharegpt

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/builtin/chat"
	"llmhost/sdk"
)

// Tags are the names of keys and roles in ShareGPT's turns, those of LLaMA-Factory's
// dataset_info.json with the roles that other programs write beside its own.
type Tags struct {
	RoleTag        string `llmhost:"role_tag,default=from,doc=key of a turn that says who speaks"`
	ContentTag     string `llmhost:"content_tag,default=value,doc=key of a turn that holds what is said"`
	UserTag        string `llmhost:"user_tag,doc=who a turn of the user is from; several are separated by |"`
	AssistantTag   string `llmhost:"assistant_tag,doc=who a turn of the assistant is from"`
	ObservationTag string `llmhost:"observation_tag,doc=who the answer of a tool is from"`
	FunctionTag    string `llmhost:"function_tag,doc=who a call of a tool is from, whose content is JSON with name and arguments"`
	SystemTag      string `llmhost:"system_tag,doc=who the system message is from"`
}

// standard are the tags by default.
func standard() Tags {
	return Tags{
		RoleTag:        "from",
		ContentTag:     "value",
		UserTag:        "human|user",
		AssistantTag:   "gpt|assistant|chatgpt|bot|model",
		ObservationTag: "observation|tool|function_response",
		FunctionTag:    "function_call",
		SystemTag:      "system",
	}
}

// Validate checks that every tag is there.
func (t Tags) Validate() error {
	for _, tag := range []struct{ name, value string }{
		{"role_tag", t.RoleTag}, {"content_tag", t.ContentTag}, {"user_tag", t.UserTag}, {"assistant_tag", t.AssistantTag},
		{"observation_tag", t.ObservationTag}, {"function_tag", t.FunctionTag}, {"system_tag", t.SystemTag},
	} {
		if tag.value == "" {
			return errors.New(tag.name + " is empty; want the name that the records use")
		}
	}
	return nil
}

// kind is what a turn is, whatever it is called.
type kind int

const (
	unknown kind = iota
	user
	assistant
	observation
	function
	system
)

// kindOf is the kind of a turn that is from someone.
func (t Tags) kindOf(from string) kind {
	for _, tag := range []struct {
		names string
		kind  kind
	}{{t.UserTag, user}, {t.AssistantTag, assistant}, {t.ObservationTag, observation}, {t.FunctionTag, function}, {t.SystemTag, system}} {
		for _, name := range strings.Split(tag.names, "|") {
			if name == from {
				return tag.kind
			}
		}
	}
	return unknown
}

// turn is a turn of a record with the message that it becomes.
type turn struct {
	kind    kind
	message sdk.Message
}

// read reads the turns of a field.
func (t Tags) read(name, value string) ([]turn, error) {
	value = chat.Unquoted(value)
	elements, err := sdk.JSONElements(value)
	if err != nil {
		return nil, errors.New("field " + strconv.Quote(name) + " is " + err.Error())
	}
	turns := make([]turn, 0, len(elements))
	for i, element := range elements {
		one, err := t.turn(name+"["+strconv.Itoa(i)+"]", element)
		if err != nil {
			return nil, err
		}
		turns = append(turns, one)
	}
	return turns, nil
}

// turn reads one turn; where names it in errors.
func (t Tags) turn(where, element string) (turn, error) {
	pairs, err := sdk.JSONFields(element)
	if err != nil {
		return turn{}, errors.New(where + " is no object; want a turn with " + strconv.Quote(t.RoleTag) + " and " + strconv.Quote(t.ContentTag))
	}
	var from, content string
	var isFrom, isContent bool
	learn := ""
	for _, f := range pairs {
		switch f.Key {
		case t.RoleTag:
			from, isFrom = sdk.JSONText(f.Value)
		case t.ContentTag:
			content, isContent = sdk.JSONText(f.Value)
		case "train", "weight":
			learn += ", " + strconv.Quote(f.Key) + ": " + f.Value
		}
	}
	if !isFrom || !isContent {
		missing := t.RoleTag
		if isFrom {
			missing = t.ContentTag
		}
		return turn{}, errors.New(where + " has no text under the key " + strconv.Quote(missing))
	}
	k := t.kindOf(from)
	if k == unknown {
		return turn{}, errors.New(where + " is from " + strconv.Quote(from) + "; want " + t.UserTag + ", " + t.AssistantTag + ", " + t.ObservationTag + ", " + t.FunctionTag + " or " + t.SystemTag + "; user_tag and the other tags say what it is called")
	}
	message, err := messageOf(where, k, content, learn)
	return turn{k, message}, err
}

// messageOf is the message of a turn. learn are its keys about that, as JSON.
func messageOf(where string, k kind, content, learn string) (sdk.Message, error) {
	role := map[kind]string{user: "user", assistant: "assistant", observation: "tool", system: "system"}[k]
	body := `{"role": ` + strconv.Quote(role) + `, "content": ` + sdk.JSONQuote(content)
	if k == function {
		calls, err := callsOf(content)
		if err != nil {
			return sdk.Message{}, errors.New(where + ": " + err.Error())
		}
		body = `{"role": "assistant", "tool_calls": ` + calls
	}
	m, err := sdk.ParseMessage(body + learn + "}")
	if err != nil {
		return m, errors.New(where + err.Error())
	}
	return m, nil
}

// callsOf are the tool calls that a turn holds as JSON: one, or a list of them.
func callsOf(content string) (string, error) {
	content = strings.TrimSpace(content)
	calls := []string{content}
	if strings.HasPrefix(content, "[") {
		var err error
		if calls, err = sdk.JSONElements(content); err != nil {
			return "", errors.New("the function calls are " + err.Error())
		}
	}
	for i, call := range calls {
		one, err := chat.Call(call)
		if err != nil {
			return "", err
		}
		calls[i] = one
	}
	return "[" + strings.Join(calls, ", ") + "]", nil
}

// ordered says what is wrong with the order of turns after the system message:
// those of a user or a tool and those of the assistant alternate, and the first
// is a user's or a tool's. asked tells whether the last turn is to be answered.
func ordered(turns []turn, asked bool) (reason string) {
	for i, t := range turns {
		given := t.kind == user || t.kind == observation
		said := t.kind == assistant || t.kind == function
		if i%2 == 0 && !given || i%2 == 1 && !said {
			return "turns that do not alternate between user and assistant"
		}
	}
	switch odd := len(turns)%2 == 1; {
	case len(turns) == 0:
		return "a conversation without turns"
	case asked && !odd:
		return "a conversation that does not end with the user, before a chosen and a rejected answer"
	case !asked && odd:
		return "a conversation without an answer at its end"
	}
	return ""
}
