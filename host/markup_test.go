package host_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// A formatter that lays chats out for another model's template than the one at hand
// says so before the first step.
func TestLayoutsOfOtherModels(t *testing.T) {
	const (
		noSpecial = `note: formatter llama2_chat writes "<s>", "</s>" between turns, for a tokenizer in which they are special tokens; in this one they are not, and are read as text`
		noMarks   = `note: formatter llama2_chat lays chats out with "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", which the chat template at hand (`
		noSystem  = `note: formatter llama2_chat lays chats out with "<<SYS>>", "<</SYS>>", which the chat template at hand (`
	)
	for _, c := range []struct {
		name, template string
		change         func(*config.Settings)
		says, never    []string
	}{
		{"no template", "", nil, nil, []string{"note: formatter llama2_chat"}},
		{"its own", "{{ '[INST] ' + '<<SYS>>\\n' + '\\n<</SYS>>\\n\\n' + messages[0].content + ' [/INST]' }}", nil, nil, []string{"note: formatter llama2_chat"}},
		{"one without a system", "{{ '[INST] ' + messages[0].content + ' [/INST]' }}", nil, []string{noSystem}, []string{noSpecial}},
		{"ChatML", "chatml", nil, []string{noMarks}, []string{noSpecial}},
		{"special tokens as text", "", func(s *config.Settings) { s.SplitSpecial = config.On }, []string{noSpecial}, []string{"lays chats out with"}},
		{"the template's own way", "chatml", func(s *config.Settings) { s.Formatter, s.Invariants = "", "count" }, nil, []string{"note: formatter"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lesson(t, "sft", nil, nil)
			s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "chats.jsonl"), `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}
{"messages":[{"role":"user","content":"b"},{"role":"assistant","content":"a"}]}
`)}
			s.EvalDataPaths, s.EvalStrategy, s.SaveStrategy, s.Formatter, s.DryRun = nil, "no", "no", "llama2_chat", true
			s.ChatTemplate = c.template
			if c.template != "" && c.template != "chatml" {
				s.ChatTemplate = written(t, filepath.Join(t.TempDir(), "mine.jinja"), c.template)
			}
			if c.change != nil {
				c.change(&s)
			}
			lines := mustTrain(t, s)
			for _, line := range c.says {
				require.Contains(t, lines, line)
			}
			for _, line := range c.never {
				require.NotContains(t, lines, line)
			}
		})
	}
}
