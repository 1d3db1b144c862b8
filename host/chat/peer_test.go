package chat_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/chat"
	"llmhost/host/tokenizer"
)

// peerCase is a line of what testdata/peer.py prints: a template, or a conversation for
// the last one.
type peerCase struct {
	Template, Source string

	About     string
	Messages  []json.RawMessage
	Tools     json.RawMessage
	Documents json.RawMessage
	Args      json.RawMessage `json:"kwargs"`
	Prompt    bool            `json:"add_generation_prompt"`
	Continue  string          `json:"continue_final_message"`
	Want      *string
	Spans     [][2]int // in code points
	Error     string
}

func (c peerCase) conversation() chat.Conversation {
	out := chat.Conversation{Tools: string(c.Tools), Documents: string(c.Documents), Args: string(c.Args),
		GenerationPrompt: c.Prompt, Continue: c.Continue}
	for _, m := range c.Messages {
		out.Messages = append(out.Messages, string(m))
	}
	return out
}

// TestPeer renders what transformers renders, with every template that TRL and
// transformers ship. LLMHOST_PEER_CASES names a file to read instead of asking Python.
func TestPeer(t *testing.T) { requirePeer(t, peerLines(t, "testdata/peer.py")) }

// TestPeerAtRandom does so with conversations that are made at random.
func TestPeerAtRandom(t *testing.T) {
	requirePeer(t, peerLines(t, "testdata/peer.py", "--seed", "1", "--count", "40"))
}

func requirePeer(t *testing.T, lines io.Reader) {
	t.Helper()
	var template *chat.Template
	var name string
	held, refused, differing := 0, 0, 0
	scan := bufio.NewScanner(lines)
	scan.Buffer(nil, 64<<20)
	for scan.Scan() {
		var c peerCase
		require.NoError(t, json.Unmarshal(scan.Bytes(), &c))
		if c.Template != "" {
			name, template = c.Template, withTemplate(t, c.Source, chat.Options{})
			continue
		}
		got, err := template.Render(c.conversation())
		complaint := c.differs(got, err)
		switch {
		case complaint != "":
			if differing++; differing <= 20 {
				t.Errorf("%s, %s: %s", name, c.About, complaint)
			}
		case c.Want == nil:
			refused++
		default:
			held++
		}
	}
	require.NoError(t, scan.Err())
	require.NotZero(t, held, "Python printed no case")
	t.Logf("%d equal, %d refused by both, %d differ", held, refused, differing)
	require.Zero(t, differing)
}

func (c peerCase) differs(got chat.Rendering, err error) string {
	switch {
	case c.Want == nil && err == nil:
		return fmt.Sprintf("rendered %q, want the error %s", got.Text, c.Error)
	case c.Want == nil:
		return ""
	case err != nil:
		return fmt.Sprintf("error %v, want %q", err, *c.Want)
	case got.Text != *c.Want:
		return fmt.Sprintf("\ngot  %q\nwant %q", got.Text, *c.Want)
	}
	var spans [][2]int
	for _, s := range got.Generation {
		start := utf8.RuneCountInString(got.Text[:s.Start])
		spans = append(spans, [2]int{start, start + utf8.RuneCountInString(got.Text[s.Start:s.End])})
	}
	if c.Continue == "" && fmt.Sprint(spans) != fmt.Sprint(c.Spans) {
		return fmt.Sprintf("spans %v, want %v", spans, c.Spans)
	}
	return ""
}

// peerLines runs a script with the peer's Python, or opens the file that stands for it.
func peerLines(t *testing.T, script ...string) io.Reader {
	if path := os.Getenv("LLMHOST_PEER_CASES"); path != "" {
		file, err := os.Open(path)
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		return file
	}
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON does not name a Python with transformers and TRL")
	}
	command := exec.Command(python, script...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { require.NoError(t, command.Wait()) })
	return out
}

// withTemplate is a template beside a tokenizer with the special tokens of peer.py.
func withTemplate(t testing.TB, source string, o chat.Options) *chat.Template {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "chat_template.jinja"), []byte(source), 0o644))
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	t.Cleanup(func() { tok.Close() })
	template, err := chat.Load(tok, o)
	require.NoError(t, err)
	return template
}

// TestTheTableOfTransformers: TEMPLATES.md names every argument of apply_chat_template, and
// every filter, test and global of the environment in which transformers renders.
func TestTheTableOfTransformers(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON does not name a Python with transformers")
	}
	out, err := exec.Command(python, "-c", `
import inspect, json
from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import _compile_jinja_template
env = _compile_jinja_template("").environment
names = [n for n in inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters if n != "self"]
print(json.dumps(sorted({*names, *PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES, *env.filters, *env.tests, *env.globals})))`).Output()
	require.NoError(t, err)
	var names []string
	require.NoError(t, json.Unmarshal(out, &names))
	require.Greater(t, len(names), 80)
	page, err := os.ReadFile("TEMPLATES.md")
	require.NoError(t, err)
	for _, name := range names {
		require.Contains(t, string(page), "`"+name+"`")
	}
}
