package llama2chat_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/llama2chat"
	"llmhost/sdk"
)

func format(messages string) (sdk.Example, error) {
	r := sdk.NewRow([]sdk.Cell{{Type: sdk.JSON, Str: messages}})
	return sdk.FormatRow(llama2chat.Formatter{}, &r)
}

func Example() {
	e, err := format(`[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]`)
	fmt.Printf("%q %q %v\n", e.Candidates[0].Prompt, e.Candidates[0].Answer, err)
	// Output:
	// "[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nhi [/INST]" " hello " <nil>
}

func TestFormat(t *testing.T) {
	user, assistant := `{"role": "user", "content": " a "}`, `{"role": "assistant", "content": "b "}`
	for _, x := range []struct{ name, messages, prompt, answer, err string }{
		{"one turn", "[" + user + "," + assistant + "]", "[INST] a [/INST]", " b ", ""},
		{"two turns", "[" + user + "," + assistant + "," + user + "," + assistant + "]", "[INST] a [/INST] b </s><s>[INST] a [/INST]", " b ", ""},
		{"a system", `[{"role": "system", "content": " be kind "},` + user + "," + assistant + "]", "[INST] <<SYS>>\n be kind \n<</SYS>>\n\n a [/INST]", " b ", ""},
		{"no answer", "[" + user + "]", "", "", "dropped: a dialog without an answer at its end"},
		{"no turn", "[]", "", "", "dropped: a dialog without an answer at its end"},
		{"an empty answer", "[" + user + `,{"role": "assistant", "content": " "}]`, "", "", "dropped: an empty answer"},
		{"an answer first", "[" + assistant + "]", "", "", `field "messages" has the role "assistant" in turn 1; want user`},
		{"two questions", "[" + user + "," + user + "]", "", "", `field "messages" has the role "user" in turn 2; want assistant`},
		{"a late system", "[" + user + `,{"role": "system", "content": "x"}]`, "", "", `field "messages" has the role "system" in turn 2; want assistant`},
		{"no list", `"hi"`, "", "", `field "messages": want a list of turns, such as {"role": "user", "content": "hi"}`},
		{"no texts", `[{"role": "user", "content": 3}]`, "", "", `field "messages": want a list of turns, such as {"role": "user", "content": "hi"}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			e, err := format(x.messages)
			if x.err != "" {
				require.EqualError(t, err, x.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, sdk.Candidate{Prompt: x.prompt, Answer: x.answer}, e.Candidates[0])
		})
	}
}
