package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data/record"
)

// parse reads a record.
func parse(t *testing.T, text string) record.Record {
	t.Helper()
	v, err := record.Parse(text)
	require.NoError(t, err)
	return v.Members
}

// converted is a record in a form, an object a line.
func converted(t *testing.T, form, text string) (lines []string, err error) {
	t.Helper()
	f, err := record.FormOf(form)
	require.NoError(t, err)
	records, err := f.Convert(parse(t, text))
	for _, r := range records {
		lines = append(lines, r.Value().JSON())
	}
	return lines, err
}

// The same dialog, and the same pair, in several forms.
const (
	dialog   = `{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Bye"}, {"role": "assistant", "content": "See you"}]}`
	sharegpt = `{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}, {"from": "human", "value": "Bye"}, {"from": "gpt", "value": "See you"}], "system": "Be kind."}`
	alpaca   = `{"instruction": "Bye", "input": "", "output": "See you", "system": "Be kind.", "history": [["Hi", "Hello"]]}`

	pair      = `{"prompt": [{"role": "user", "content": "Hi"}], "chosen": [{"role": "assistant", "content": "Hello"}], "rejected": [{"role": "assistant", "content": "Go"}]}`
	gptPair   = `{"conversations": [{"from": "human", "value": "Hi"}], "chosen": {"from": "gpt", "value": "Hello"}, "rejected": {"from": "gpt", "value": "Go"}}`
	hhPair    = `{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: Go"}`
	implicit  = `{"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Go"}]}`
	openAI    = `{"input": {"messages": [{"role": "user", "content": "Hi"}]}, "preferred_output": [{"role": "assistant", "content": "Hello"}], "non_preferred_output": [{"role": "assistant", "content": "Go"}]}`
	textsPair = `{"texts": ["\n\nHuman: Hi\n\nAssistant: <sep>Hello", "\n\nHuman: Hi\n\nAssistant: <sep>Go"], "scores": [1, 0]}`
)

func TestForms(t *testing.T) {
	for _, c := range []struct{ name, form, from, want string }{
		{"messages to sharegpt", "sharegpt", dialog, sharegpt},
		{"sharegpt to messages", "messages", sharegpt, dialog},
		{"messages to alpaca", "alpaca", dialog, alpaca},
		{"alpaca to messages", "messages", alpaca, dialog},
		{"sharegpt to alpaca", "alpaca", sharegpt, alpaca},
		{"pair to LLaMA-Factory's", "sharegpt-ranking", pair, gptPair},
		{"LLaMA-Factory's pair to TRL's", "preference", gptPair, pair},
		{"pair to HH", "hh", pair, hhPair},
		{"HH to pair", "preference", hhPair, pair},
		{"pair to texts with scores", "texts-scores", pair, textsPair},
		{"pair to an implicit prompt", "preference-implicit", pair, implicit},
		{"and back", "preference", implicit, pair},
		{"conversations beside a prompt and messages", "preference-openai", `{"prompt": "Hi", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], ` + implicit[1:], openAI},
		{"pair to OpenAI's", "preference-openai", pair, openAI},
		{"OpenAI's to pair", "preference", openAI, pair},
		{"tools of OpenAI's", "preference", `{"input": {"messages": [{"role": "user", "content": "a"}], "tools": [1]}, "preferred_output": [{"role": "assistant", "content": "b"}], "non_preferred_output": [{"role": "assistant", "content": "c"}]}`,
			`{"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}], "tools": [1]}`},
		{"texts that begin with their prompt", "preference-implicit", `{"prompt": "Hi", "chosen": " a", "rejected": " b"}`, `{"chosen": "Hi a", "rejected": "Hi b"}`},
		{"texts to one", "text", `{"prompt": "Hi", "completion": " there", "id": 1}`, `{"text": "Hi there", "id": 1}`},
		{"texts to texts", "preference", `{"prompt": "Hi", "chosen": " a", "rejected": " b"}`, `{"prompt": "Hi", "chosen": " a", "rejected": " b"}`},
		{"texts to turns", "messages", `{"prompt": "Hi there ", "completion": " Hello"}`, `{"messages": [{"role": "user", "content": "Hi there"}, {"role": "assistant", "content": "Hello"}]}`},
		{"a prompt that is a dialog", "messages", `{"prompt": "Human: Hi\n\nAssistant: ", "answer": "Hello"}`, `{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}`},
		{"names of fields", "prompt-answer", `{"question": "Hi", "response": " Hello", "id": 7}`, `{"prompt": "Hi", "answer": " Hello", "id": 7}`},
		{"input", "prompt-completion", `{"instruction": "Add", "input": "1, 2", "output": "3"}`, `{"prompt": [{"role": "user", "content": "Add\n1, 2"}], "completion": [{"role": "assistant", "content": "3"}]}`},
		{"numbers and order stay", "messages", `{"id": 12345678901234567890, "x": 1.0, "e": 1e2, "messages": [{"role": "user", "content": "a", "weight": 1.50}, {"role": "assistant", "content": "b"}], "z": null}`,
			`{"messages": [{"role": "user", "content": "a", "weight": 1.50}, {"role": "assistant", "content": "b"}], "id": 12345678901234567890, "x": 1.0, "e": 1e2, "z": null}`},
		{"a call of a tool", "messages", `{"conversations": [{"from": "human", "value": "?"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": 2}}"}, {"from": "observation", "value": "4"}, {"from": "gpt", "value": "4."}], "tools": "[]"}`,
			`{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"b": 1, "a": 2}}}]}, {"role": "tool", "content": "4"}, {"role": "assistant", "content": "4."}], "tools": "[]"}`},
		{"and back", "sharegpt", `{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"b": 1, "a": 2}}}]}]}`,
			`{"conversations": [{"from": "human", "value": "?"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": 2}}"}]}`},
		{"labelled", "sharegpt-kto", `{"prompt": "a", "completion": "b", "label": false}`, `{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "kto_tag": false}`},
		{"labelled back", "kto", `{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "kto_tag": false}`, `{"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}], "label": false}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := converted(t, c.form, c.from)
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, got)
		})
	}
}

// A chat becomes the text that its template makes of all its turns.
func TestChatsAreLaidOut(t *testing.T) {
	f, err := record.FormOf("text")
	require.NoError(t, err)
	f = f.LaidOut(func(messages []string, tools string) (string, error) {
		return strings.Join(messages, "|") + tools, nil
	})
	records, err := f.Convert(parse(t, `{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "tools": [{"x": 1}], "id": 7}`))
	require.NoError(t, err)
	require.Equal(t, record.Of(`{"role": "user", "content": "a"}|{"role": "assistant", "content": "b"}[{"x": 1}]`), records[0].Get("text"))
	require.Equal(t, []string{"text", "id"}, records[0].Names())
}

func TestAPairBecomesTwoRecords(t *testing.T) {
	got, err := converted(t, "kto", `{"prompt": "p", "chosen": "a", "rejected": "b"}`)
	require.NoError(t, err)
	require.Equal(t, []string{`{"prompt": "p", "completion": "a", "label": true}`, `{"prompt": "p", "completion": "b", "label": false}`}, got)
	got, err = converted(t, "preference", `{"texts": ["p<sep>a", "p<sep>b", "p<sep>c", "p<sep>d"], "scores": [1, 3, 3.0, 2]}`)
	require.NoError(t, err)
	require.Equal(t, []string{`{"prompt": "p", "chosen": "b", "rejected": "a"}`, `{"prompt": "p", "chosen": "b", "rejected": "d"}`}, got)
}

func TestBest(t *testing.T) {
	f, err := record.FormOf("prompt-answer")
	require.NoError(t, err)
	records, err := f.Best().Convert(parse(t, `{"texts": ["p<sep>a", "p<sep>b"], "scores": [1, 3]}`))
	require.NoError(t, err)
	require.Equal(t, `{"prompt": "p", "answer": "b"}`, records[0].Value().JSON())
}

func TestWhatAFormHasNoPlaceFor(t *testing.T) {
	for _, c := range []struct{ form, from, want string }{
		{"prompt-answer", dialog, "a chat becomes a text only by a layout; give --formatter, which lays it out, or another form"},
		{"text", dialog, "a chat becomes a text by a chat template; give the model that has one, --model_name_or_path, or a --formatter, which lays it out"},
		{"text", pair, "there are 2 answers, and this form has a place for one; --best takes the best of them"},
		{"messages", pair, "there are 2 answers, and this form has a place for one; --best takes the best of them"},
		{"preference", dialog, "there is one answer, and a preference needs two"},
		{"kto", dialog, "the answer has no label that says whether it is good"},
		{"preference", `{"texts": ["p<sep>a", "p<sep>b"], "scores": [1, 1]}`, "all scores are equal, so that no answer is better"},
		{"alpaca", `{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}, {"role": "assistant", "content": "c"}]}`, "a turn of role tool has no place in this form"},
		{"messages", `{"text": "Once upon a time"}`, "a plain text has neither prompt nor answer"},
		{"messages", `{"foo": 1}`, "no known form has the fields foo; llmhost data formats lists the forms"},
		{"preference", `{"chosen": "a", "rejected": "b"}`, `there is no prompt, and chosen and rejected are no dialogs with "Human:" and "Assistant:" whose common beginning it could be`},
	} {
		_, err := converted(t, c.form, c.from)
		require.EqualError(t, err, c.want)
	}
	_, err := record.FormOf("mesages")
	require.ErrorContains(t, err, `there is no form "mesages"; did you mean messages?`)
}
