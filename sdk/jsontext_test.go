package sdk_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

func TestJSONIsTakenApart(t *testing.T) {
	fields, err := sdk.JSONFields(` {"b" : [1, {"x": "}"}] , "a\n": -1.50e+2,"":null , "b":"\u00e9\ud83d\ude42"} `)
	require.NoError(t, err)
	require.Equal(t, []sdk.Field{{"b", `[1, {"x": "}"}]`}, {"a\n", "-1.50e+2"}, {"", "null"}, {"b", `"\u00e9\ud83d\ude42"`}}, fields)
	text, is := sdk.JSONText(fields[3].Value)
	require.True(t, is)
	require.Equal(t, "é🙂", text)
	for _, value := range []string{"", `"`, `"a`, `"a"b"`, "1", `"\x"`, "[\"a\"]", "\"a\nb\""} {
		_, is := sdk.JSONText(value)
		require.False(t, is, value)
	}
	elements, err := sdk.JSONElements("[ 1 , [] ,{}\n]")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "[]", "{}"}, elements)
	elements, err = sdk.JSONElements(" []")
	require.NoError(t, err)
	require.Empty(t, elements)
	for text, want := range map[string]string{
		"":         `not a JSON array: byte 0 is the end; want "["`,
		"[1,]":     `not a JSON array: byte 3 is "]"; want a value`,
		"[1":       `not a JSON array: byte 2 is the end; want "," or "]"`,
		"[-]":      `not a JSON array: byte 2 is "]"; want a value`,
		"[1.]":     `not a JSON array: byte 3 is "]"; want a digit`,
		"[1e+]":    `not a JSON array: byte 4 is "]"; want a digit`,
		"[tru]":    `not a JSON array: byte 1 is "t"; want a value`,
		`["a]`:     `not a JSON array: byte 4 is the end; want "\""`,
		`["\q"]`:   `not a JSON array: byte 2 is "\\"; want an escape of a character, in pairs beyond U+FFFF`,
		"[1] x":    `not a JSON array: byte 4 is "x"; want the end`,
		"[\xff]":   `not a JSON array: byte 1 is "\xff"; want a value`,
		"\ufeff[]": `not a JSON array: byte 0 is "\xef"; want "["`,
	} {
		_, err := sdk.JSONElements(text)
		require.EqualError(t, err, want, text)
	}
}

// FuzzJSON compares the reader of JSON with that of the standard library, which
// also takes halves of surrogate pairs, bytes that are not UTF-8 and any depth.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"role": "user", "content": [{"a": 1.5e-3, "b": [true, false, null]}]}`, `["\ud83d\ude42\u00e9\n", -0, 0.0, 1E9]`, `{"a":{},"a":[]}`, "[1,]", "[01]", strings.Repeat("[", 99) + strings.Repeat("]", 99), strings.Repeat("[", 101) + strings.Repeat("]", 101)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := "[" + text + "]"
		elements, err := sdk.JSONElements(list)
		fields, noObject := sdk.JSONFields(text)
		if err == nil && utf8.ValidString(text) {
			var want []json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(list), &want), "a text that is no JSON is taken for one")
			require.Len(t, elements, len(want))
			for i, w := range want {
				require.Equal(t, string(bytes.TrimSpace(w)), elements[i])
				text, is := sdk.JSONText(elements[i])
				var s string
				require.Equal(t, json.Unmarshal(w, &s) == nil && w[0] == '"', is)
				require.Equal(t, s, text)
			}
		}
		if err != nil && utf8.ValidString(text) && !strings.Contains(strings.ToLower(text), `\ud`) && strings.Count(text, "[")+strings.Count(text, "{") < 90 {
			require.False(t, json.Valid([]byte(list)), "JSON is taken for none: %v", err)
		}
		if noObject == nil {
			require.NoError(t, err)
			again := []byte("{")
			for i, field := range fields {
				if i > 0 {
					again = append(again, ',')
				}
				again = append(append(append(again, sdk.JSONQuote(field.Key)...), ':'), field.Value...)
			}
			twice, err := sdk.JSONFields(string(append(again, '}')))
			require.NoError(t, err)
			require.Equal(t, fields, twice)
		}
	})
}

// FuzzMessages reads what a column may hold; what is read is a chat that a host takes.
func FuzzMessages(f *testing.F) {
	f.Add(`[{"role": "user", "train": null, "content": "Hi"}, {"weight": 0, "role": "assistant", "r\u006fle2": 1}]`)
	f.Fuzz(func(t *testing.T, array string) {
		messages, err := sdk.Messages(array)
		if err != nil || len(messages) == 0 {
			return
		}
		example, err := formatChats(func(o *sdk.Out) { o.Chat(sdk.Chat{Answer: messages}) })
		require.NoError(t, err)
		for i, m := range example.Candidates[0].Chat.Answer {
			require.Equal(t, messages[i], m)
			require.Empty(t, m.Field("train")+m.Field("weight"))
			require.NotEmpty(t, m.Role())
			_, err := sdk.ParseMessage(m.With("more", "1").JSON)
			if m.Field("more") == "" {
				require.NoError(t, err)
			}
		}
	})
}
