package data_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/sdk"
)

// spelling is Chats whose tokens are the letters of contents; those of the assistant
// are learned, with the "." that ends a turn.
type spelling struct{ broken error }

func (s spelling) EncodeChats(examples [][]*sdk.Chat) ([][]data.ChatTokens, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	out := make([][]data.ChatTokens, len(examples))
	for i, example := range examples {
		for _, chat := range example {
			var tokens data.ChatTokens
			for _, m := range append(chat.Prompt[:len(chat.Prompt):len(chat.Prompt)], chat.Answer...) {
				if m.Content() == "bad" {
					tokens.Err = errors.New("messages[0] is bad")
				}
				for _, letter := range m.Content() + "." {
					tokens.IDs = append(tokens.IDs, int32(letter))
					tokens.Learned = append(tokens.Learned, m.Role() == "assistant")
				}
			}
			tokens.Rewritten = len(chat.Prompt) == 0
			out[i] = append(out[i], tokens)
		}
	}
	return out, nil
}

func dialog(contents ...string) *sdk.Chat {
	chat := &sdk.Chat{}
	for i, content := range contents {
		role := []string{"user", "assistant"}[i%2]
		chat.Answer = append(chat.Answer, sdk.NewMessage(role, content))
	}
	return chat
}

// lettered spells out labels; _ is none.
func lettered(labels []int64) string {
	var out strings.Builder
	for _, l := range labels {
		if l == data.Ignore {
			l = '_'
		}
		out.WriteRune(rune(l))
	}
	return out.String()
}

func TestChatsBecomeSequences(t *testing.T) {
	chat := dialog("ab", "cd", "e", "fg")
	text := sdk.Candidate{Prompt: "p", Answer: "q"}
	for name, c := range map[string]struct {
		how              data.Tokenizing
		ids, labels      string
		cut, answer, all bool
	}{
		"whole":            {data.Tokenizing{MaxLength: 20}, "ab.cd.e.fg.", "___cd.__fg.", false, false, false},
		"cut on the left":  {data.Tokenizing{MaxLength: 7, TruncationSide: data.Left}, "d.e.fg.", "d.__fg.", true, true, false},
		"only a question":  {data.Tokenizing{MaxLength: 8, TruncationSide: data.Left}, "cd.e.fg.", "cd.__fg.", true, false, false},
		"cut on the right": {data.Tokenizing{MaxLength: 8, TruncationSide: data.Right}, "ab.cd.e.", "___cd.__", true, true, false},
		"nothing is left":  {data.Tokenizing{MaxLength: 3, TruncationSide: data.Right}, "ab.", "___", true, true, true},
		"with BOS and EOS": {data.Tokenizing{MaxLength: 20, Before: []int32{1}, After: []int32{2}}, "ab.cd.e.fg.", "___cd.__fg.", false, false, false},
		"for an encoder":   {data.Tokenizing{MaxLength: 20, Encoder: true, Before: []int32{'<'}, After: []int32{'>'}}, "<ab.cd.e.fg.>", "_____________", false, false, false},
	} {
		c.how.Chats = spelling{}
		got, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Chat: chat})}, characters{}, c.how)
		require.NoError(t, err, name)
		s := got[0].Sequences[0]
		require.Equal(t, c.ids, lettered(s.IDs), name)
		require.Equal(t, c.labels, lettered(s.Labels), name)
		require.Equal(t, [3]bool{c.cut, c.answer, c.all}, [3]bool{s.Truncated, s.AnswerCut, s.AnswerLost}, name)
		require.True(t, s.Text.Rewritten || c.how.Encoder)
	}
	mixed, err := data.Tokenize([]data.Formatted{example(text), example(sdk.Candidate{Chat: chat})}, characters{}, data.Tokenizing{MaxLength: 20, Chats: spelling{}})
	require.NoError(t, err)
	require.Equal(t, "pq", lettered(mixed[0].Sequences[0].IDs))
	require.Equal(t, "ab.cd.e.fg.", lettered(mixed[1].Sequences[0].IDs))
	survey := data.TakeSurvey(mixed, false, data.Limits{})
	require.Equal(t, 1, survey.Rewritten)
}

func TestChatErrors(t *testing.T) {
	bad := example(sdk.Candidate{Chat: dialog("a", "bad")})
	_, err := data.Tokenize([]data.Formatted{example(sdk.Candidate{Chat: dialog("a", "b")}), bad}, characters{}, data.Tokenizing{MaxLength: 9, Chats: spelling{}})
	require.EqualError(t, err, "a.jsonl:1: messages[0] is bad")
	_, err = data.Tokenize([]data.Formatted{bad}, characters{}, data.Tokenizing{MaxLength: 9, Chats: spelling{errors.New("no chat template")}})
	require.EqualError(t, err, "a.jsonl:1: no chat template")
}
