package chat

import (
	"strings"

	"llmhost/sdk"
)

// growing is a conversation and how it goes on.
type growing struct {
	about    string // what of it may be written in another way then
	words    string // stands in what it is about
	messages []sdk.Message
	next     sdk.Message
}

func growths() []growing {
	ask := sdk.NewMessage("user", "ask")
	call := `[{"id": "call00001", "type": "function", "function": {"name": "toolname", "arguments": {"key": "value"}}}]`
	return []growing{
		{"the end of an answer", "words", []sdk.Message{ask, sdk.NewMessage("assistant", "words")}, ask},
		{"thoughts", "musing", []sdk.Message{ask, sdk.NewMessage("assistant", "words").With("reasoning_content", `"musing"`)}, ask},
		{"calls of tools", "toolname", []sdk.Message{ask, sdk.NewMessage("assistant", "").With("tool_calls", call)},
			sdk.NewMessage("tool", "output").With("name", `"toolname"`).With("tool_call_id", `"call00001"`)},
	}
}

// Changing lists what the template writes in another way, or leaves out, once a
// conversation goes on: its tokens are then not the beginning of those of the longer
// one. It is found by rendering short conversations; nothing is said of those that the
// template refuses.
func (t *Template) Changing() (what []string, err error) {
	type pair struct {
		short, long       Rendering
		shortErr, longErr error
	}
	all := growths()
	found := make([]pair, len(all))
	var asked jobs
	for i, g := range all {
		d := dialog{chat: &sdk.Chat{}}
		asked.add(d.conversation(g.messages, false), func(r Rendering, err error) { found[i].short, found[i].shortErr = r, err })
		longer := append(g.messages[:len(g.messages):len(g.messages)], g.next)
		asked.add(d.conversation(longer, true), func(r Rendering, err error) { found[i].long, found[i].longErr = r, err })
	}
	if err := t.run(asked); err != nil {
		return nil, err
	}
	for i, p := range found {
		written := p.shortErr == nil && p.longErr == nil && strings.Contains(p.short.Text, all[i].words)
		if written && !strings.HasPrefix(p.long.Text, p.short.Text) {
			what = append(what, all[i].about)
		}
	}
	return what, nil
}
