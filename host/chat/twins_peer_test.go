package chat_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/chat"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// twins is what testdata/twins.py prints.
type twins struct {
	Conversations []struct {
		Kind     string
		Messages []json.RawMessage
		Tools    json.RawMessage
	}
	Families []struct {
		Family, Original, Twin string
		Cases                  []struct {
			Text     *string
			TwinText *string `json:"twin_text"`
			Spans    [][2]int
		}
	}
}

// chat is conversation n, to learn from as a whole.
func (w twins) chat(n int) *sdk.Chat {
	c := &sdk.Chat{}
	if tools := string(w.Conversations[n].Tools); tools != "null" {
		c.Tools = tools
	}
	for _, m := range w.Conversations[n].Messages {
		c.Answer = append(c.Answer, sdk.Message{JSON: string(m)})
	}
	return c
}

// turns learns the turns of the assistant.
func turns(*sdk.Chat) chat.Learning { return chat.Learning{Turns: true} }

// TestTwins: what is learned with a model's own template is what its training twin in
// TRL marks. Where the twin writes other text (thoughts in earlier turns, or an end
// token), the turns are the same up to it.
func TestTwins(t *testing.T) {
	w := askTwins(t, "1", "60")
	for _, family := range w.Families {
		t.Run(family.Family, func(t *testing.T) {
			template := withSource(t, family.Original)
			same, similar, refused := 0, 0, 0
			for n, want := range family.Cases {
				laid, err := template.Lay([]*sdk.Chat{w.chat(n)}, turns)
				require.NoError(t, err)
				if want.Text == nil || want.TwinText == nil {
					refused++
					continue
				}
				got := laid[0]
				require.NoError(t, got.Err, "%s: %s", w.Conversations[n].Kind, w.chat(n).Answer)
				require.Equal(t, *want.Text, got.Text)
				if *want.TwinText == *want.Text {
					require.Equal(t, pieces(*want.TwinText, bytesOf(*want.TwinText, want.Spans)), pieces(got.Text, got.Add), w.Conversations[n].Kind)
					same++
					continue
				}
				requireSimilar(t, pieces(*want.TwinText, bytesOf(*want.TwinText, want.Spans)), pieces(got.Text, got.Add))
				similar++
			}
			t.Logf("%d equal, %d with other text, %d refused by the template", same, similar, refused)
			require.NotZero(t, same+similar)
		})
	}
}

// bytesOf are spans in code points as bytes.
func bytesOf(text string, spans [][2]int) (all []tokenizer.Span) {
	offsets := make([]int, 0, len(text)+1)
	for at := range text {
		offsets = append(offsets, at)
	}
	offsets = append(offsets, len(text))
	for _, s := range spans {
		all = append(all, tokenizer.Span{Start: offsets[s[0]], End: offsets[s[1]]})
	}
	return all
}

// pieces are a text cut at its spans: what is learned at odd places, the rest at even
// ones. Spans that touch are one.
func pieces(text string, spans []tokenizer.Span) (all []string) {
	at, learned := 0, false
	all = []string{""}
	add := func(piece string, is bool) {
		if piece == "" {
			return
		}
		if is != learned {
			all = append(all, "")
			learned = is
		}
		all[len(all)-1] += piece
	}
	for _, s := range spans {
		add(text[at:s.Start], false)
		add(text[s.Start:s.End], true)
		at = s.End
	}
	add(text[at:], false)
	return all
}

var (
	thought    = regexp.MustCompile(`(?s)^\s*<think>.*?</think>\s*`)
	lateEnds   = regexp.MustCompile(`<\|(user|observation|system)\|>$`)
	quotedCall = regexp.MustCompile("```json\n\".*\"\n")
	reasoned   = regexp.MustCompile(`(?s)^(<｜Assistant｜>).*</think>`)
)

// requireSimilar compares a rendering with one whose turns may have a thought more in
// front, or an end token more behind.
func requireSimilar(t *testing.T, want, got []string) {
	t.Helper()
	require.Len(t, got, len(want), "want %q, got %q", want, got)
	for i := range want {
		if i%2 == 0 || want[i] == got[i] {
			require.Equal(t, want[i], got[i])
			continue
		}
		bare := func(text string) string {
			text = quotedCall.ReplaceAllStringFunc(text, func(call string) string {
				text, is := sdk.JSONText(strings.TrimSpace(strings.TrimPrefix(call, "```json")))
				require.True(t, is)
				return "```json\n" + text + "\n"
			})
			text = reasoned.ReplaceAllString(text, "$1")
			return lateEnds.ReplaceAllString(thought.ReplaceAllString(text, ""), "")
		}
		require.Equal(t, strings.TrimSpace(bare(want[i])), strings.TrimSpace(bare(got[i])))
	}
}

func askTwins(t *testing.T, arguments ...string) (w twins) {
	t.Helper()
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers and trl")
	}
	command := exec.Command(python, append([]string{"testdata/twins.py"}, arguments...)...)
	command.Stderr = os.Stderr
	printed, err := command.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(printed, &w))
	require.True(t, utf8.Valid(printed))
	return w
}

// withSource is a template beside a small tokenizer.
func withSource(t testing.TB, source string) *chat.Template {
	t.Helper()
	return withTemplate(t, source, chat.Options{Now: time.Now()}) // which transformers tells them too
}
