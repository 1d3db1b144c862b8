package record

import (
	"strconv"
	"strings"
)

// Turn is one message of a chat.
type Turn struct {
	Field   string // where its content is: "messages[1].content"
	Role    string // system, user, assistant or tool; as it is written where it is none of the names known for these
	Known   bool   // the role is one of them
	Content string // its texts, one after the other
	Thinks  bool   // it has thoughts besides
	Calls   bool   // it calls tools, so that its content may be empty
}

// The roles of turns, as chat templates call them.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
	Tool      = "tool"
)

// roles are the names that data sets give the roles, in lower case.
var roles = map[string]string{
	"system": System, "developer": System,
	"user": User, "human": User, "prompter": User, "instruction": User,
	"assistant": Assistant, "gpt": Assistant, "model": Assistant, "bot": Assistant, "chatgpt": Assistant, "function_call": Assistant,
	"tool": Tool, "function": Tool, "observation": Tool, "ipython": Tool, "tool_response": Tool,
}

// RoleOf is the role that a data set's name means.
func RoleOf(name string) (role string, known bool) {
	role, known = roles[strings.ToLower(strings.TrimSpace(name))]
	if !known {
		return name, false
	}
	return role, true
}

// turnKeys are the members that turns have: role and content.
var turnKeys = [][2]string{{"role", "content"}, {"from", "value"}, {"role", "value"}, {"from", "content"}, {"role", "text"}, {"speaker", "text"}}

// keysOf are the members of a turn that say who speaks and what.
func keysOf(turn Value) (keys [2]string, found bool) {
	for _, keys := range turnKeys {
		if turn.Kind == Object && turn.Get(keys[0]).Kind == String && turn.Get(keys[1]).Kind != 0 {
			return keys, true
		}
	}
	if turn.Kind == Object && turn.Has("role") && turn.Has("tool_calls") {
		return turnKeys[0], true
	}
	return keys, false
}

// isTurns tells whether v is a list of turns, or one turn.
func isTurns(v Value) bool {
	if v.Kind == List && len(v.Items) > 0 {
		v = v.Items[0]
	}
	_, found := keysOf(v)
	return found
}

// Turns are those of v, which is at a field. Items that are no turns are left out.
func Turns(v Value, field string) (turns []Turn) {
	if v.Kind == Object {
		if keys, is := keysOf(v); is {
			return []Turn{turnOf(v, keys, field)}
		}
	}
	for i, item := range v.Items {
		if keys, is := keysOf(item); is {
			turns = append(turns, turnOf(item, keys, field+"["+strconv.Itoa(i)+"]"))
		}
	}
	return turns
}

func turnOf(v Value, keys [2]string, field string) Turn {
	t := Turn{
		Field:   field + "." + keys[1],
		Content: contentText(v.Get(keys[1])),
		Calls:   v.Has("tool_calls") || v.Has("function_call") || strings.EqualFold(v.Get(keys[0]).Text, "function_call"),
	}
	t.Thinks = v.Has("reasoning_content") || v.Has("thinking") || strings.Contains(t.Content, "</think>")
	t.Role, t.Known = RoleOf(v.Get(keys[0]).Text)
	return t
}

// contentText is the text of a content: a text, or a list of parts.
func contentText(v Value) string {
	if v.Kind == String {
		return v.Text
	}
	var texts []string
	for _, part := range v.Items {
		switch {
		case part.Kind == String:
			texts = append(texts, part.Text)
		case part.Has("text"):
			texts = append(texts, part.Get("text").Text)
		}
	}
	return strings.Join(texts, "")
}
