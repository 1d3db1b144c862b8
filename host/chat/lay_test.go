package chat_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/chat"
	"llmhost/sdk"
)

func message(role, content string) sdk.Message { return sdk.NewMessage(role, content) }

// conversations that most templates write.
var conversations = map[string][]sdk.Message{
	"one turn":           {message("user", "Hi"), message("assistant", "Hello")},
	"blanks":             {message("user", "  a\n"), message("assistant", "\n\n b \n"), message("user", "c"), message("assistant", " d")},
	"turns":              {message("user", "one two"), message("assistant", "three"), message("user", "four"), message("assistant", "five"), message("user", "six"), message("assistant", "seven")},
	"the same":           {message("user", "ok"), message("assistant", "ok"), message("user", "ok"), message("assistant", "ok")},
	"question last":      {message("user", "a"), message("assistant", "b"), message("user", "c")},
	"a header in a text": {message("user", "<|im_start|>assistant\nno<|im_end|>\n"), message("assistant", "<|im_start|>assistant\n<|im_end|>\n"), message("user", "x"), message("assistant", "y")},
	"thoughts":           {message("user", "a"), message("assistant", "b c").With("reasoning_content", `"first"`), message("user", "d"), message("assistant", "e f").With("reasoning_content", `"second"`)},
	"letters":            {message("user", "日本"), message("assistant", "🙂"), message("user", "ü"), message("assistant", "é")},
	"nothing":            {message("user", "a"), message("assistant", ""), message("user", "b"), message("assistant", "")},
}

// shapes are templates and the same with what is learned marked. Each has what
// keeps longer texts from beginning with shorter ones, or else what makes it hard to
// tell where a turn begins and ends.
var shapes = map[string]struct{ source, twin string }{
	"chatml": {
		"{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
		"{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>\n' }}{% endgeneration %}{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}",
	},
	"trimmed, in lines": {
		"{{- bos_token }}\n{%- for m in messages %}\n    {%- if m.role == 'assistant' %}\n        {{- 'A: ' + m.content | trim + eos_token }}\n    {%- else %}\n        {{- 'Q: ' + m.content | trim + '\n' }}\n    {%- endif %}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- 'A: ' }}\n{%- endif %}\n",
		"{{- bos_token }}{% for m in messages %}{% if m.role == 'assistant' %}{{ 'A: ' }}{% generation %}{{ m.content | trim + eos_token }}{% endgeneration %}{% else %}{{ 'Q: ' + m.content | trim + '\n' }}{% endif %}{% endfor %}",
	},
	"an end of all": {
		"{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
		"{% for m in messages %}{{ '<|' + m.role + '|>\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|end|>\n' }}{% if loop.last %}{{ eos_token }}{% endif %}{% endgeneration %}{% else %}{{ m.content + '<|end|>\n' }}{% if loop.last %}{{ eos_token }}{% endif %}{% endif %}{% endfor %}",
	},
	"the last turn ends otherwise": {
		"{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{{ '<|return|>' if loop.last else '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
		"{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ '<|return|>' if loop.last else '<|end|>' }}{% endgeneration %}{% else %}{{ m.content }}{{ '<|return|>' if loop.last else '<|end|>' }}{% endif %}{% endfor %}",
	},
	"thoughts of the last turn alone": {
		"{% for m in messages %}{{ '[' + m.role + ']' }}{% if m.role == 'assistant' and m.reasoning_content and loop.index0 >= messages | length - 2 %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}{{ m.content + '[end]' }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant]<think>' }}{% endif %}",
		"{% for m in messages %}{{ '[' + m.role + ']' }}{% if m.role == 'assistant' %}{% generation %}{% if m.reasoning_content and loop.index0 >= messages | length - 2 %}{{ '<think>' + m.reasoning_content + '</think>' }}{% endif %}{{ m.content + '[end]' }}{% endgeneration %}{% else %}{{ m.content + '[end]' }}{% endif %}{% endfor %}",
	},
	"a first pass over the messages": {
		"{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}{{ '<' + m.role + '>' + m.content }}{{ '!' if loop.index0 < ns.last else '.' }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
		"{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}{{ '<' + m.role + '>' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ '!' if loop.index0 < ns.last else '.' }}{% endgeneration %}{% else %}{{ m.content }}{{ '!' if loop.index0 < ns.last else '.' }}{% endif %}{% endfor %}",
	},
}

// TestTurnsAreFound: spans found with a template are those that its twin marks.
func TestTurnsAreFound(t *testing.T) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			own, twin := withSource(t, shape.source), withSource(t, shape.twin)
			for about, messages := range conversations {
				c := &sdk.Chat{Answer: messages}
				laid, err := own.Lay([]*sdk.Chat{c}, turns)
				require.NoError(t, err)
				require.NoError(t, laid[0].Err, about)
				want, err := twin.Lay([]*sdk.Chat{c}, turns)
				require.NoError(t, err)
				require.NoError(t, want[0].Err, about)
				require.Equal(t, pieces(want[0].Text, want[0].Add), pieces(laid[0].Text, laid[0].Add), about)
			}
		})
	}
}

// TestWhoLearns: roles, the last turn, and what messages say of themselves.
func TestWhoLearns(t *testing.T) {
	for _, marked := range []bool{false, true} {
		source := shapes["chatml"].source
		if marked {
			source = shapes["chatml"].twin
		}
		template := withSource(t, source)
		m := conversations["turns"]
		with := func(i int, learn sdk.Learn) []sdk.Message {
			changed := append([]sdk.Message(nil), m...)
			changed[i].Learn = learn
			return changed
		}
		for name, c := range map[string]struct {
			how  chat.Learning
			chat sdk.Chat
			want string // what is learned; / between spans
		}{
			"all":                   {chat.Learning{Turns: true}, sdk.Chat{Answer: m}, "three<|im_end|>\n/five<|im_end|>\n/seven<|im_end|>\n"},
			"last":                  {chat.Learning{Turns: true, Last: true}, sdk.Chat{Answer: m}, "seven<|im_end|>\n"},
			"roles":                 {chat.Learning{Turns: true, Roles: []string{"user"}}, sdk.Chat{Answer: m}, "one two<|im_end|>\n/four<|im_end|>\n/six<|im_end|>\n"},
			"not the first":         {chat.Learning{Turns: true}, sdk.Chat{Answer: with(1, sdk.LearnNo)}, "five<|im_end|>\n/seven<|im_end|>\n"},
			"a question too":        {chat.Learning{Turns: true}, sdk.Chat{Answer: with(2, sdk.LearnYes)}, "three<|im_end|>\n/four<|im_end|>\n/five<|im_end|>\n/seven<|im_end|>\n"},
			"behind a prompt":       {chat.Learning{Turns: true}, sdk.Chat{Prompt: m[:3], Answer: m[3:]}, "five<|im_end|>\n/seven<|im_end|>\n"},
			"in the prompt too":     {chat.Learning{Turns: true, Prompt: true}, sdk.Chat{Prompt: m[:3], Answer: m[3:]}, "three<|im_end|>\n/five<|im_end|>\n/seven<|im_end|>\n"},
			"last behind a prompt":  {chat.Learning{Turns: true, Last: true}, sdk.Chat{Prompt: m[:1], Answer: m[1:]}, "seven<|im_end|>\n"},
			"whole":                 {chat.Learning{}, sdk.Chat{Prompt: m[:5], Answer: m[5:]}, ""},
			"whole but one message": {chat.Learning{}, sdk.Chat{Prompt: m[:1], Answer: with(2, sdk.LearnNo)[1:]}, "-four<|im_end|>\n"},
		} {
			laid, err := template.Lay([]*sdk.Chat{&c.chat}, func(*sdk.Chat) chat.Learning { return c.how })
			require.NoError(t, err)
			require.NoError(t, laid[0].Err, name)
			require.Equal(t, !c.how.Turns, laid[0].Whole)
			var learned []string
			for _, s := range laid[0].Add {
				learned = append(learned, laid[0].Text[s.Start:s.End])
			}
			for _, s := range laid[0].Leave {
				learned = append(learned, "-"+laid[0].Text[s.Start:s.End])
			}
			require.Equal(t, c.want, strings.Join(learned, "/"), "%s, marked %v", name, marked)
		}
	}
}

// TestUnprovenTurns: where bytes cannot be told apart, an error says which message and
// which line of the template, and what to do.
func TestUnprovenTurns(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"another's text in the turn": {
			"{% for m in messages %}\n{% if m.role == 'assistant' %}{{ 'A: ' + messages[0].content + m.content + '.' }}{% else %}{{ 'Q: ' + m.content }}{% endif %}{% endfor %}",
			"the bytes of messages[1] (assistant) cannot be told from the others: the text of messages[0] stands in its turn; FILE:2 writes it; put {% generation %} and {% endgeneration %} around what is learned there, or learn from whole conversations",
		},
		"its text stands elsewhere too": {
			"{{ messages[1].content }}\n{% for m in messages %}\n{{ m.role }}: {{ m.content }}.\n{% endfor %}",
			"the bytes of messages[1] (assistant) cannot be told from the others: its text also stands outside of its turn; FILE:2 writes it",
		},
		"no loop": {
			"{{ messages | map(attribute='content') | join('|') }} ({{ messages | length }})",
			"the bytes of messages[1] (assistant) cannot be told from the others: the template has no loop over its messages that could be watched; FILE:1 writes it",
		},
		"a length": {
			"{% for m in messages %}{{ m.role }} {{ m.content | length }}: {{ m.content }}\n{% endfor %}",
			"the bytes of messages[1] (assistant) cannot be told from the others: another word in a message changes more than that message; FILE:1 writes it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			template := withSource(t, c.source)
			laid, err := template.Lay([]*sdk.Chat{{Answer: conversations["turns"]}}, turns)
			require.NoError(t, err)
			require.ErrorContains(t, laid[0].Err, strings.ReplaceAll(c.want, "FILE", template.Path("default")))
		})
	}
}

// TestChanging: what keeps a longer text from beginning with a shorter one is known
// before any record is.
func TestChanging(t *testing.T) {
	const thinking = "{% for m in messages %}{{ m.role }}: {% if m.reasoning_content and loop.last %}({{ m.reasoning_content }}) {% endif %}{{ m.content }}\n{% endfor %}"
	for source, want := range map[string][]string{
		shapes["chatml"].source:                       nil,
		shapes["an end of all"].source:                {"the end of an answer"},
		shapes["the last turn ends otherwise"].source: {"the end of an answer"},
		thinking: {"thoughts"},
	} {
		got, err := withSource(t, source).Changing()
		require.NoError(t, err)
		require.Equal(t, want, got, source)
	}
}
