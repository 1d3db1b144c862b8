package builtin_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/builtin/preference"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// formatted is what a builtin formatter makes of a record.
func formatted(t *testing.T, formatter, record string) sdk.Result {
	t.Helper()
	for _, p := range builtin.All() {
		for _, spec := range p.Formatters {
			if spec.Name() != formatter {
				continue
			}
			f, err := spec.New(nil)
			require.NoError(t, err)
			results, err := sdktest.Format(f, record)
			require.NoError(t, err, record)
			return results[0]
		}
	}
	t.Fatalf("no formatter is called %s", formatter)
	return sdk.Result{}
}

// turnsOf are messages as LLaMA-Factory has them: role and content, where a call of
// tools is the role function, and what a tool answers the role observation.
func turnsOf(t *testing.T, messages []sdk.Message) [][]string {
	t.Helper()
	turns := [][]string{}
	for _, m := range messages {
		role, content := m.Role(), m.Content()
		if role == "tool" {
			role = "observation"
		}
		if calls := m.Field("tool_calls"); calls != "" {
			var made []struct{ Function json.RawMessage }
			require.NoError(t, json.Unmarshal([]byte(calls), &made))
			require.Len(t, made, 1)
			role, content = "function", string(made[0].Function)
		}
		turns = append(turns, []string{role, content})
	}
	return turns
}

// What becomes of ShareGPT and alpaca records is what LLaMA-Factory's own converters
// make of them; testdata/llamafactory/converter.py says how that file came about.
func TestConversationsAreLLaMAFactorys(t *testing.T) {
	file, err := os.Open("testdata/llamafactory/converter.jsonl")
	require.NoError(t, err)
	defer file.Close()
	made, dropped := 0, 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var want struct {
			Formatter, System string
			Record            json.RawMessage
			Prompt, Response  [][]string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &want))
		got := formatted(t, want.Formatter, string(want.Record))
		require.Empty(t, got.Err, lines.Text())
		if len(want.Response) == 0 { // skipped as an abnormal example
			require.NotEmpty(t, got.Dropped, lines.Text())
			dropped++
			continue
		}
		require.Empty(t, got.Dropped, lines.Text())
		made++
		prompt := want.Prompt
		if want.System != "" {
			prompt = append([][]string{{"system", want.System}}, prompt...)
		}
		for i, c := range got.Example.Candidates {
			answer := want.Response[i : i+1]
			if strings.HasSuffix(want.Formatter, "_labelled") { // the other one of two is empty
				at := 0
				if c.Columns["score"] < 0 {
					at = 1
				}
				answer = want.Response[at : at+1]
			}
			require.Equal(t, append(prompt, answer...), turnsOf(t, append(c.Chat.Prompt, c.Chat.Answer...)), lines.Text())
		}
	}
	require.Greater(t, made, 150)
	require.Greater(t, dropped, 10)
}

// trlFormats prepares records as TRL's trainers do before they are laid out.
const trlFormats = `
import json, sys
from datasets import Dataset
from trl import extract_prompt, unpair_preference_dataset
from trl.data_utils import maybe_extract_prompt
out = []
for record in map(json.loads, open(sys.argv[1])):
    pair = maybe_extract_prompt(dict(record))
    out.append({"pair": pair, "unpaired": [pair["prompt"], pair["chosen"], True, pair["prompt"], pair["rejected"], False]})
    loose = unpair_preference_dataset(Dataset.from_list([pair]))
    assert [loose[0]["prompt"], loose[0]["completion"], loose[0]["label"], loose[1]["prompt"], loose[1]["completion"], loose[1]["label"]] == out[-1]["unpaired"]
json.dump(out, open(sys.argv[2], "w"))
`

// pairsOf are random pairs of texts or of conversations, with and without a prompt.
func pairsOf(rng *rand.Rand, n int) (records []map[string]any) {
	words := []string{"sky", "blue", "ünï", "🙂", "a b", "\n", "fig."}
	text := func() string {
		parts := []string{words[rng.IntN(len(words))]}
		for rng.IntN(3) > 0 {
			parts = append(parts, words[rng.IntN(len(words))])
		}
		return strings.Join(parts, " ") + "."
	}
	message := func(role string) map[string]any { return map[string]any{"role": role, "content": text()} }
	for i := range n {
		r := map[string]any{}
		if i%2 == 0 {
			start := "Q " + text()
			r["chosen"], r["rejected"] = start+" "+text(), start+" "+text()+"!"
			if i%4 == 0 {
				r["prompt"], r["chosen"], r["rejected"] = start, text(), text()
			}
			records = append(records, r)
			continue
		}
		prompt := []any{message("user")}
		for rng.IntN(2) > 0 {
			prompt = append(prompt, message("assistant"), message("user"))
		}
		a, b := []any{message("assistant")}, []any{message("assistant")}
		switch rng.IntN(3) {
		case 0:
			r["prompt"], r["chosen"], r["rejected"] = prompt, a, b
		case 1:
			r["chosen"], r["rejected"] = append(append([]any{}, prompt...), a...), append(append([]any{}, prompt...), b...)
		case 2: // a prompt that is a text beside conversations
			r["prompt"], r["chosen"], r["rejected"] = text(), append(append([]any{}, prompt...), a...), append(append([]any{}, prompt...), b...)
		}
		records = append(records, r)
	}
	return records
}

// sideOf is a prompt or an answer as TRL has it: a text, or messages.
func sideOf(text string, messages []sdk.Message, isChat bool) any {
	if !isChat {
		return text
	}
	list := []any{}
	for _, m := range messages {
		list = append(list, map[string]any{"role": m.Role(), "content": m.Content()})
	}
	return list
}

func TestPeerCutsAndUnpairsAlike(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with trl")
	}
	records := pairsOf(rand.New(rand.NewPCG(3, 5)), 60)
	var lines strings.Builder
	for _, r := range records {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		fmt.Fprintf(&lines, "%s\n", text)
	}
	in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(in, []byte(lines.String()), 0o600))
	said, err := exec.Command(peer, "-c", trlFormats, in, out).CombinedOutput()
	require.NoError(t, err, "%s", said)
	var want []struct {
		Pair     map[string]any
		Unpaired []any
	}
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))
	require.Len(t, want, len(records))
	for i, line := range strings.Split(strings.TrimSpace(lines.String()), "\n") {
		formatter := "chat_pairs"
		if i%2 == 0 {
			formatter = "chosen_rejected"
		}
		for _, name := range []string{formatter, "unpaired"} {
			got := formatted(t, name, line)
			require.Empty(t, got.Err+got.Dropped, line)
			for k, c := range got.Example.Candidates {
				isChat := c.Chat != nil
				chat := sdk.Chat{}
				if isChat {
					chat = *c.Chat
				}
				require.Equal(t, want[i].Pair["prompt"], sideOf(c.Prompt, chat.Prompt, isChat), line)
				require.Equal(t, want[i].Pair[[]string{"chosen", "rejected"}[k]], sideOf(c.Answer, chat.Answer, isChat), line)
				require.Equal(t, want[i].Unpaired[3*k+2], c.Columns["score"] > 0, line)
			}
		}
	}
}

// Malformed records are errors that name the place, or drops with a reason.
func TestMalformedConversations(t *testing.T) {
	const hi, hello = `{"role": "user", "content": "hi"}`, `{"role": "assistant", "content": "hello"}`
	turns := func(list string) string { return `{"conversations": [` + list + `]}` }
	const human, gpt = `{"from": "human", "value": "hi"}`, `{"from": "gpt", "value": "hello"}`
	for _, c := range []struct{ name, formatter, record, err, dropped string }{
		{"no message", "messages", `{"messages": []}`, "", "a conversation without messages"},
		{"no answer", "messages", `{"messages": [` + hi + `]}`, "", "a conversation without a turn of the assistant"},
		{"an empty answer", "messages", `{"messages": [` + hi + `, {"role": "assistant", "content": " "}]}`, "", "an empty answer"},
		{"two users in a row", "messages", `{"messages": [` + hi + `, ` + hi + `, ` + hello + `]}`, "", ""},
		{"null beside calls", "messages", `{"messages": [` + hi + `, {"role": "assistant", "content": null, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}`, "", ""},
		{"null alone", "messages", `{"messages": [` + hi + `, {"role": "assistant", "content": null}]}`, "messages[1] (assistant) has no content; want a text, or tool_calls", ""},
		{"no content", "messages", `{"messages": [{"role": "user"}, ` + hello + `]}`, "messages[0] (user) has no content; want a text, or tool_calls", ""},
		{"no role", "messages", `{"messages": [{"content": "hi"}, ` + hello + `]}`, `messages[0] has no "role"; want one, such as "user"`, ""},
		{"no object", "messages", `{"messages": ["hi"]}`, `messages[0] is "hi"; want a message, such as {"role": "user", "content": "hi"}`, ""},
		{"no list", "messages", `{"messages": "hi"}`, `field "messages" is hi; want a list of messages`, ""},
		{"an image", "messages", `{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, ` + hello + `]}`, `part 0 of messages[0] is of type "image_url"; llmhost trains on text alone`, ""},
		{"two that say it", "messages", `{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello", "train": 1, "loss": 1}]}`, "messages[1] says with \"train\" and with \"loss\" whether it is learned; keep one of them", ""},
		{"a part that is not learned", "messages", `{"messages": [{"role": "user", "content": [{"text": "hi", "train": false}]}, ` + hello + `]}`, "part 0 of messages[0] has the key train, which only whole messages may have; make it a message of its own", ""},
		{"a number", "messages", `{"messages": [{"role": "user", "content": 3}, ` + hello + `]}`, "messages[0] has the content 3; want a text or a list of parts", ""},
		{"tools of another kind", "messages", `{"messages": [` + hi + `, ` + hello + `], "tools": "add"}`, `field "tools" is add; want a list`, ""},
		{"two of the names", "messages", `{"messages": [` + hi + `], "conversations": [` + hi + `]}`, `fields "messages" and "conversations" both present; want one of them, or messages_name to say which`, ""},
		{"two users", "sharegpt", turns(human + "," + human + "," + gpt), "", "turns that do not alternate between user and assistant"},
		{"the assistant first", "sharegpt", turns(gpt + "," + human), "", "turns that do not alternate between user and assistant"},
		{"the user last", "sharegpt", turns(human + "," + gpt + "," + human), "", "a conversation without an answer at its end"},
		{"someone unknown", "sharegpt", turns(human + `, {"from": "clown", "value": "x"}`), `conversations[1] is from "clown"; want human|user, gpt|assistant|chatgpt|bot|model, observation|tool|function_response, function_call or system; user_tag and the other tags say what it is called`, ""},
		{"a turn without words", "sharegpt", turns(human + `, {"from": "gpt"}`), `conversations[1] has no text under the key "value"`, ""},
		{"a call that is none", "sharegpt", turns(human + `, {"from": "function_call", "value": "add 2"}`), "conversations[1]: the function call add 2 is no JSON object with name and arguments", ""},
		{"a pair after an answer", "sharegpt_pairs", `{"conversations": [` + human + "," + gpt + `], "chosen": ` + gpt + `, "rejected": ` + gpt + `}`, "", "a conversation that does not end with the user, before a chosen and a rejected answer"},
		{"a pair of questions", "sharegpt_pairs", `{"conversations": [` + human + `], "chosen": ` + human + `, "rejected": ` + gpt + `}`, `field "chosen" is no turn of the assistant`, ""},
		{"nothing to do", "alpaca_chat", `{"instruction": "", "input": "", "output": "x"}`, "", "an empty instruction"},
		{"history of another kind", "alpaca_chat", `{"instruction": "a", "output": "x", "history": [["a"]]}`, `field "history" has a turn that is no pair of texts; want what the user and what the model said`, ""},
		{"a text and messages", "prompt_completion", `{"prompt": "a", "completion": [` + hello + `]}`, `field "prompt" is a text, and "completion" is none; want two texts or two lists of messages`, ""},
		{"tools beside texts", "prompt_completion", `{"prompt": "a", "completion": "b", "tools": [{"name": "f"}]}`, `field "tools" is of use to a chat template alone, and "prompt" is a text; want messages, or the record without it`, ""},
		{"messages that answer themselves", "chat_pairs", `{"messages": [` + hi + `, ` + hello + `], "chosen": "hello", "rejected": "go"}`, `field "messages" ends in an answer; want the messages that come before the two answers`, ""},
		{"half a pair", "chat_pairs", `{"chosen": [` + hi + `, ` + hello + `]}`, `field "rejected" missing; want a chosen and a rejected answer`, ""},
		{"no dialog", "hh_dialog", `{"text": "Once upon a time"}`, `field "text" does not begin with "Human:" or "Assistant:" after an empty line; want a dialog, or the formatter of texts`, ""},
		{"a dialog without an answer", "hh_dialog", `{"text": "\n\nHuman: hi\n\nAssistant:"}`, "", "an empty answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := formatted(t, c.formatter, c.record)
			require.Equal(t, c.err, got.Err)
			require.Equal(t, c.dropped, got.Dropped)
		})
	}
}

// messagesOf are the messages that formatter messages makes, as one JSON text.
func messagesOf(t *testing.T, record string) string {
	t.Helper()
	got := formatted(t, "messages", record)
	require.Empty(t, got.Err+got.Dropped, record)
	var all []string
	for _, m := range got.Example.Candidates[0].Chat.Answer {
		all = append(all, fmt.Sprintf("%s %d", m.JSON, m.Learn))
	}
	return strings.Join(all, "\n")
}

func TestMessagesAsTemplatesSeeThem(t *testing.T) {
	require.Equal(t, `{"role": "system", "content": "Be kind."} 0
{"content": "a b", "role": "user"} 0
{"role": "assistant", "content": "x", "name": "Bo"} 2`, messagesOf(t, `{"system": "Be kind.", "messages": [{"content": [{"type": "text", "text": "a "}, "b"], "role": "user", "tool_calls": null}, {"role": "assistant", "content": "x", "name": "Bo", "weight": 0}]}`))
	require.Equal(t, `{"role": "user", "content": "hi"} 0
{"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]} 0
{"role": "tool", "tool_call_id": "1", "content": "2"} 0`, messagesOf(t, `{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]}, {"role": "tool", "tool_call_id": "1", "content": "2"}]}`))
	require.Equal(t, `{"role": "user", "content": "hi"} 0
{"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]} 0
{"role": "tool", "content": "2", "name": "f"} 0`, messagesOf(t, `{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, {"role": "function", "content": "2", "name": "f"}]}`))
}

// TRL's cut of texts, where no mark is in them, and by its own name.
func TestCommonStart(t *testing.T) {
	f := preference.Default()
	f.Split = preference.CommonStart
	results, err := sdktest.Format(f, `{"texts": ["The sky is blue", "The sky is green", "The sun"], "scores": [1, 0, 0]}`)
	require.NoError(t, err)
	require.Equal(t, "The s", results[0].Example.Candidates[0].Prompt)
	got := formatted(t, "chosen_rejected", `{"chosen": "The sky is blue", "rejected": "The sky is green"}`)
	require.Equal(t, "The sky is", got.Example.Candidates[1].Prompt)
	require.Equal(t, " green", got.Example.Candidates[1].Answer)
}

// Messages say under the names of several programs whether they are learned; a value
// that cannot mean that is the template's.
func TestWhatMessagesSayOfLearning(t *testing.T) {
	for key, want := range map[string]sdk.Message{
		`"train": false`:     {Learn: sdk.LearnNo},
		`"weight": 0`:        {Learn: sdk.LearnNo},
		`"loss": false`:      {Learn: sdk.LearnNo},
		`"loss_mask": 0`:     {Learn: sdk.LearnNo},
		`"loss_mask": 1`:     {Learn: sdk.LearnYes},
		`"training": true`:   {Learn: sdk.LearnYes},
		`"trainable": false`: {Learn: sdk.LearnNo},
		`"loss": null`:       {},
		`"loss": 0.53`:       {JSON: `, "loss": 0.53`},
		`"training": "Rome"`: {JSON: `, "training": "Rome"`},
	} {
		result := formatted(t, "messages", `{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello", `+key+`}]}`)
		require.Empty(t, result.Err, key)
		got := result.Example.Candidates[0].Chat.Answer[1]
		require.JSONEq(t, `{"role": "assistant", "content": "hello"`+want.JSON+`}`, got.JSON, key)
		require.Equal(t, want.Learn, got.Learn, key)
	}
}

// Whole conversations beside the messages of one of them have the prompt in common, as
// where messages are not there.
func TestAPairBesideItsOwnMessages(t *testing.T) {
	const hi, hello, no = `{"role": "user", "content": "hi"}`, `{"role": "assistant", "content": "hello"}`, `{"role": "assistant", "content": "no"}`
	pair := `"chosen": [` + hi + `, ` + hello + `], "rejected": [` + hi + `, ` + no + `]}`
	want := formatted(t, "chat_pairs", `{`+pair)
	require.Empty(t, want.Err)
	require.Equal(t, want, formatted(t, "chat_pairs", `{"messages": [`+hi+`, `+hello+`], `+pair))
	require.Equal(t, want, formatted(t, "chat_pairs", `{"messages": [`+hi+`], `+pair))
}
