package sdk_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// chats gives what a test wants, whatever the row.
type chats struct{ give func(o *sdk.Out) }

func (chats) Columns() []sdk.Column { return []sdk.Column{{Name: "text", Type: sdk.String}} }

func (c chats) Format(r *sdk.Row, o *sdk.Out) error {
	c.give(o)
	return nil
}

func formatChats(give func(o *sdk.Out)) (sdk.Example, error) {
	r := sdk.NewRow([]sdk.Cell{{}})
	return sdk.FormatRow(chats{give}, &r)
}

func TestMessagesAreBuiltFromParts(t *testing.T) {
	m := sdk.NewMessage("user", "say \"é\"\n\x00 <|im_end|>").With("name", sdk.JSONQuote("Ann")).With("tools", `[1.50, {}]`)
	require.Equal(t, `{"role": "user", "content": "say \"é\"\n\u0000 <|im_end|>", "name": "Ann", "tools": [1.50, {}]}`, m.JSON)
	require.Equal(t, "user", m.Role())
	require.Equal(t, "say \"é\"\n\x00 <|im_end|>", m.Content())
	require.Equal(t, "[1.50, {}]", m.Field("tools"))
	require.Empty(t, m.Field("tool"))
	require.Equal(t, sdk.Message{JSON: `{"role": "user"}`, Learn: sdk.LearnNo}, sdk.Message{JSON: "{} ", Learn: sdk.LearnNo}.With("role", `"user"`))
}

func TestMessagesAreReadFromAColumn(t *testing.T) {
	got, err := sdk.Messages(`[
		{"content": [{"type": "text", "text": "Hi"}], "role": "user", "train": null},
		{"role": "t\u006fol", "content":"\\"}, {"role":"assistant","weight":0,"tool_calls":[{"b":1,"a":1e400}],"content":null},
		{"train": true, "role": "assistant", "content": "\ud83d\ude00", "z": 1, "a": 2, "weight": 1.0}
	]`)
	require.NoError(t, err)
	require.Equal(t, []sdk.Message{
		{JSON: `{"content": [{"type": "text", "text": "Hi"}], "role": "user"}`},
		{JSON: `{"role": "t\u006fol", "content":"\\"}`},
		{JSON: `{"role": "assistant", "tool_calls": [{"b":1,"a":1e400}], "content": null}`, Learn: sdk.LearnNo},
		{JSON: `{"role": "assistant", "content": "\ud83d\ude00", "z": 1, "a": 2}`, Learn: sdk.LearnYes},
	}, got)
	require.Equal(t, "😀", got[3].Content())
	require.Empty(t, got[0].Content())

	for array, want := range map[string]string{
		`{"role": "user"}`:                             `the messages are not a JSON array: byte 0 is "{"; want "["`,
		`[{"role": "user"}`:                            `the messages are not a JSON array: byte 17 is the end; want "," or "]"`,
		`[{"role": "user"}, {"from": "human"}]`:        `message 1 has no "role"; want one, such as "user"`,
		`["hi"]`:                                       `message 0 is "\"hi\""; want one JSON object`,
		`[{"role": "user", "train": "yes"}]`:           `message 0 has the train "\"yes\""; want true, false, 1 or 0`,
		`[{"role": "user", "weight": 0.5}]`:            `message 0 has the weight "0.5"; want true, false, 1 or 0`,
		`[{"role": "a", "weight": 1, "train": false}]`: `message 0 has a "train" and a "weight" that contradict each other`,
	} {
		_, err := sdk.Messages(array)
		require.EqualError(t, err, want, array)
	}
}

// Each fault of a chat is told by the formatter's own side and by the host's.
func TestFaultsOfChats(t *testing.T) {
	user := []sdk.Message{sdk.NewMessage("user", "Hi")}
	answer := func(json string) sdk.Chat { return sdk.Chat{Prompt: user, Answer: []sdk.Message{{JSON: json}}} }
	cases := []struct {
		name, want string
		chats      []sdk.Chat
	}{
		{"no message", "the chat of candidate 0 has no message; want at least one, or Out.Drop with a reason", []sdk.Chat{{}}},
		{"no role", `message 0 of the answer of candidate 1 has no "role"; want one, such as "user"`, []sdk.Chat{{Answer: user}, answer(`{"content": "x"}`)}},
		{"a role that is no text", `message 0 of the answer of candidate 0 has the role "3"; want a text such as "user"`, []sdk.Chat{answer(`{"role": 3}`)}},
		{"an empty role", `message 0 of the answer of candidate 0 has the role "\"\""; want a text such as "user"`, []sdk.Chat{answer(`{"role": ""}`)}},
		{"a key twice", `message 0 of the answer of candidate 0 has the key "role" twice`, []sdk.Chat{answer(`{"role": "a", "r\u006fle": "b"}`)}},
		{"many keys", "message 0 of the answer of candidate 0 has 257 keys; at most 256 are allowed", []sdk.Chat{answer("{" + strings.Repeat(`"k": 1, `, 256) + `"role": "a"}`)}},
		{"empty", `message 0 of the answer of candidate 0 is ""; want one JSON object`, []sdk.Chat{answer("")}},
		{"an array", `message 0 of the answer of candidate 0 is "[]"; want one JSON object`, []sdk.Chat{answer("[]")}},
		{"two objects", `message 0 of the answer of candidate 0 is not JSON: byte 14 is "{"; want the end`, []sdk.Chat{answer(`{"role": "a"} {}`)}},
		{"a comma", `message 0 of the answer of candidate 0 is not JSON: byte 13 is "}"; want a string`, []sdk.Chat{answer(`{"role": "a",}`)}},
		{"NaN", `message 0 of the answer of candidate 0 is not JSON: byte 19 is "N"; want a value`, []sdk.Chat{answer(`{"role": "a", "n": NaN}`)}},
		{"a leading zero", `message 0 of the answer of candidate 0 is not JSON: byte 20 is "1"; want "," or "}"`, []sdk.Chat{answer(`{"role": "a", "n": 01}`)}},
		{"half a surrogate pair", `message 0 of the answer of candidate 0 is not JSON: byte 10 is "\\"; want an escape of a character, in pairs beyond U+FFFF`, []sdk.Chat{answer(`{"role": "\ud83d"}`)}},
		{"a line break in a text", `message 0 of the answer of candidate 0 is not JSON: byte 10 is "\n"; want it escaped`, []sdk.Chat{answer("{\"role\": \"\n\"}")}},
		{"depth", `message 0 of the answer of candidate 0 is not JSON: byte 120 is "["; want lists and objects at most 100 deep`, []sdk.Chat{answer(`{"role": "a", "deep":` + strings.Repeat("[", 1000))}},
		{"a cut text", "message 0 of the answer of candidate 0 is not UTF-8; a text was cut inside a character", []sdk.Chat{{Answer: []sdk.Message{sdk.NewMessage("user", "gr\xc3")}}}},
		{"learn", "message 0 of the prompt of candidate 0: its learn is 3; want 0, 1 or 2", []sdk.Chat{{Prompt: []sdk.Message{{JSON: `{"role": "a"}`, Learn: 3}}}}},
		{"tools", `the tools of candidate 0 is "{}"; want one JSON array`, []sdk.Chat{{Answer: user, Tools: "{}"}}},
		{"documents", `the documents of candidate 1 is not JSON: byte 1 is the end; want a value`, []sdk.Chat{{Answer: user}, {Answer: user, Documents: "["}}},
		{"args", `the args of candidate 0 is "[]"; want one JSON object`, []sdk.Chat{{Answer: user, Args: "[]"}}},
	}
	for _, x := range cases {
		t.Run(x.name, func(t *testing.T) {
			give := func(o *sdk.Out) {
				for _, c := range x.chats {
					o.Chat(c)
				}
			}
			_, err := formatChats(give)
			require.EqualError(t, err, x.want)
			require.Equal(t, x.want, overTheFrame(t, give).Err)
		})
	}
}

// overTheFrame is what a host gets of a formatter behind a transport.
func overTheFrame(t *testing.T, give func(o *sdk.Out)) sdk.Result {
	t.Helper()
	s := sdk.NewServer(sdk.Plugin{Name: "f", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("chats", "", chats{give})}})
	ask(t, s.Configure(0, []byte("{}")))
	request, err := sdk.EncodeRows(1, []sdk.Row{sdk.NewRow([]sdk.Cell{{}})})
	require.NoError(t, err)
	results, err := sdk.DecodeResults(ask(t, s.Format(1, request)), 1)
	require.NoError(t, err)
	return results[0]
}

func TestChatsAndTextsDoNotMix(t *testing.T) {
	chat := sdk.Chat{Answer: []sdk.Message{sdk.NewMessage("user", "Hi")}}
	_, err := formatChats(func(o *sdk.Out) { o.Candidate("p", "a"); o.Chat(chat) })
	require.EqualError(t, err, "one of candidates 0 and 1 is a chat, and the other a prompt and an answer; want all of an example alike")
	_, err = formatChats(func(o *sdk.Out) { o.Chat(chat).Prompt = "p" })
	require.EqualError(t, err, "candidate 0 has a chat and a text as well; want one of the two")
}

// A formatter may use its slices again, and candidates share the prompt's memory.
func TestChatsOfOneExampleShareTheirPrompt(t *testing.T) {
	system := sdk.NewMessage("system", strings.Repeat("long ", 1000))
	give := func(o *sdk.Out) {
		prompt := []sdk.Message{system, sdk.NewMessage("user", "Hi")}
		answer := make([]sdk.Message, 1)
		for i, text := range []string{"Hello", "Bye", "No"} {
			answer[0] = sdk.NewMessage("assistant", text)
			o.Chat(sdk.Chat{Prompt: prompt, Answer: answer, Args: `{"thinking": false}`}).Set("score", -float64(i))
		}
		prompt[0] = sdk.Message{}
		o.Label("topic", "greeting")
		o.Set("weight", 2)
	}
	example, err := formatChats(give)
	require.NoError(t, err)
	for i, text := range []string{"Hello", "Bye", "No"} {
		c := example.Candidates[i]
		require.Equal(t, text, c.Chat.Answer[0].Content())
		require.Equal(t, system, c.Chat.Prompt[0])
		require.Equal(t, map[string]float64{"score": -float64(i)}, c.Columns)
		require.Same(t, &example.Candidates[0].Chat.Prompt[0], &c.Chat.Prompt[0])
	}
	require.Equal(t, example, overTheFrame(t, give).Example)
	frame := sdk.EncodeResults([]sdk.Result{{Example: example}})
	require.Equal(t, 1, strings.Count(string(frame), system.JSON))
	require.Equal(t, 1, strings.Count(string(frame), "thinking"))

	results, err := sdk.DecodeResults(frame, 1)
	require.NoError(t, err)
	all := results[0].Example.Candidates
	require.Same(t, &all[0].Chat.Prompt[0], &all[2].Chat.Prompt[0])
}

func BenchmarkChatReply(b *testing.B) {
	text := strings.Repeat("All work and no play. ", 20)
	prompt := []sdk.Message{sdk.NewMessage("system", text), sdk.NewMessage("user", text)}
	answer := []sdk.Message{sdk.NewMessage("assistant", text)}
	var results []sdk.Result
	for range 1000 {
		results = append(results, sdk.Result{Example: sdk.Example{Candidates: []sdk.Candidate{{Chat: &sdk.Chat{Prompt: prompt, Answer: answer}}}}})
	}
	frame := sdk.EncodeResults(results)
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		if _, err := sdk.DecodeResults(frame, 1000); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
