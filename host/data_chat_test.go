package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host"
	"llmhost/host/data/source"
)

// chatTokenizer is a tokenizer with a token a byte and a chat template.
func chatTokenizer(t *testing.T, template string) string {
	t.Helper()
	folder := byteTokenizer(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "chat_template.jinja"), []byte(template), 0o666))
	return folder
}

// The templates of these tests: one whose chats only grow, one that leaves out the
// thoughts of earlier answers.
const (
	growing    = `{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}a:{% endif %}`
	forgetting = `{% for m in messages %}{{ m.role[0] }}:{% if m.reasoning_content and loop.last %}<{{ m.reasoning_content }}>{% endif %}{{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}a:{% endif %}`
)

func TestChatsAreShown(t *testing.T) {
	file := dataFile(t, `{"messages": [{"role": "user", "content": "é"}, {"role": "assistant", "content": "ok"}]}`)
	records, err := showData(t, host.Wanted{Place: source.Position{File: file, Line: 1}}, "--task", "sft", "--tokenizer_name_or_path", chatTokenizer(t, growing), "--data_paths", file)
	require.NoError(t, err)
	require.Empty(t, records[0].Note)
	require.Equal(t, []string{"template u", "template :", "user ", "user é", "template </s>", "template a", "template :", "assistant+o", "assistant+k", "template+</s>"},
		spelt(records[0].Candidates[0]))
}

func TestTemplatesThatWriteEarlierTurnsInAnotherWay(t *testing.T) {
	file := dataFile(t,
		`{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "reasoning_content": "hm"}]}`,
		`{"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d", "reasoning_content": "hm"}, {"role": "user", "content": "e"}, {"role": "assistant", "content": "f"}]}`,
		`{"messages": [{"role": "user", "content": "g"}, {"role": "assistant", "content": "h"}, {"role": "user", "content": "i"}, {"role": "assistant", "content": "j"}]}`,
	)
	flags := []string{"--task", "sft", "--data_paths", file, "--tokenizer_name_or_path"}
	require.Empty(t, serious(checkData(t, append(flags, chatTokenizer(t, growing))...)))
	require.Equal(t, []string{"template-prefix warning a.jsonl:2 messages[1].content"}, serious(checkData(t, append(flags, chatTokenizer(t, forgetting))...)))
}

func TestChatsThatATemplateRefuses(t *testing.T) {
	file := dataFile(t,
		`{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}`,
		`{"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}, {"role": "tool", "content": "e"}, {"role": "assistant", "content": "f"}]}`,
	)
	refusing := `{% for m in messages %}{% if m.role == "tool" %}{{ raise_exception("no tools here") }}{% endif %}` + growing[len("{% for m in messages %}"):]
	report := checkData(t, "--task", "sft", "--data_paths", file, "--tokenizer_name_or_path", chatTokenizer(t, refusing))
	require.Equal(t, []string{"template error a.jsonl:2 messages"}, serious(report))
	require.Contains(t, report.Groups[0].Findings[0].Text, "no tools here")
}
