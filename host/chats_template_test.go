package host_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/chat"
	"llmhost/host/config"
)

// chatting is a run of sft over two chats with a template in a file of its own, and a
// checkpoint after each step.
func chatting(t *testing.T) (s config.Settings, template string) {
	t.Helper()
	s = lesson(t, "sft", nil, nil)
	template = written(t, filepath.Join(t.TempDir(), "mine.jinja"), "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant: {% endif %}{# mine #}")
	s.ChatTemplate, s.Formatter = template, "messages"
	const chat = `{"messages": [{"role": "user", "content": "Good?</s>"}, {"role": "assistant", "content": "yes"}]}` + "\n"
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "chats.jsonl"), chat+chat)}
	s.EvalDataPaths, s.NumTrainEpochs, s.TrainBatchSize, s.AccumulationSteps, s.SaveSteps, s.SaveTotalLimit = nil, 2, 1, 1, 1, 0
	s.SaveStrategy = "steps"
	return s, template
}

// The chat template of a run stands in run.json, the model that the run writes has it, and
// a run that resumes with another is refused.
func TestChatTemplateOfARun(t *testing.T) {
	s, template := chatting(t)
	model := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.CopyFS(model, os.DirFS(s.Model)))
	require.NoError(t, os.MkdirAll(filepath.Join(model, "additional_chat_templates"), 0o755))
	written(t, filepath.Join(model, "additional_chat_templates", "tool_use.jinja"), "the model's")
	s.Model = model
	lines := mustTrain(t, s)
	require.Contains(t, lines, "chats spell out special tokens, which are read as text")
	record := readRecord(t, s.OutputDir).ChatTemplate
	require.Equal(t, []string{template}, record.Paths)
	require.Equal(t, "2024-07-26", record.Today)
	require.Len(t, record.SHA256, 64)
	for _, folder := range []string{".", "checkpoint-2"} {
		require.Equal(t, contents(t, template), contents(t, filepath.Join(s.OutputDir, folder), "chat_template.jinja"))
		require.NoDirExists(t, filepath.Join(s.OutputDir, folder, "additional_chat_templates"))
	}

	s.Resume, s.OutputDir = filepath.Join(s.OutputDir, "checkpoint-2"), filepath.Join(t.TempDir(), "run")
	written(t, template, "{% for m in messages %}{{ m.content }}</s>{% endfor %}")
	_, err := trained(s)
	require.ErrorContains(t, err, s.Resume+" was trained with another chat template, or another day for it (sha256 ")
}

// A run whose template tells the day does not resume on another one; where the template
// does not ask for it the day means nothing.
func TestTheDayOfARun(t *testing.T) {
	for tells, want := range map[string]string{"{{ strftime_now('%d %b') }}": " was trained with another chat template, or another day for it (sha256 ", "": ""} {
		s, template := chatting(t)
		written(t, template, tells+contents(t, template))
		s.ChatTemplateDate = "2026-12-01"
		mustTrain(t, s)
		s.Resume, s.OutputDir = filepath.Join(s.OutputDir, "checkpoint-2"), filepath.Join(t.TempDir(), "run")
		s.ChatTemplateDate = "2026-12-02"
		_, err := trained(s)
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, s.Resume+want)
		s.ChatTemplateDate = "2026-12-01"
		mustTrain(t, s)
	}
}

// A model's own templates, all of them, are in its checkpoints and in the model that a run writes.
func TestChatTemplatesOfAModelAreKept(t *testing.T) {
	s, template := chatting(t)
	model := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.CopyFS(model, os.DirFS(s.Model)))
	require.NoError(t, os.MkdirAll(filepath.Join(model, "additional_chat_templates"), 0o755))
	written(t, filepath.Join(model, "additional_chat_templates", "tool_use.jinja"), "with tools")
	written(t, filepath.Join(model, "chat_template.jinja"), contents(t, template))
	s.Model, s.ChatTemplate = model, ""
	mustTrain(t, s)
	for _, folder := range []string{".", "checkpoint-2"} {
		require.Equal(t, contents(t, template), contents(t, filepath.Join(s.OutputDir, folder), "chat_template.jinja"))
		require.Equal(t, "with tools", contents(t, filepath.Join(s.OutputDir, folder), "additional_chat_templates/tool_use.jinja"))
	}
}

// The template of the setting makes chats of records that are also texts, as the model's
// own does.
func TestTheTemplateOfTheSettingMakesChats(t *testing.T) {
	folder := t.TempDir()
	require.False(t, chat.Has(folder, ""))
	require.True(t, chat.Has(folder, "chatml"))
	written(t, filepath.Join(folder, "tokenizer_config.json"), `{"chat_template": null}`)
	require.False(t, chat.Has(folder, ""))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "additional_chat_templates"), 0o755))
	written(t, filepath.Join(folder, "additional_chat_templates", "x.jinja"), "{{ messages }}")
	require.True(t, chat.Has(folder, ""))
}

// The model that a run writes stops where answers of its chats end: by a token beside
// those that its files named before.
func TestWhatEndsAnAnswerEndsATextOfTheModel(t *testing.T) {
	s, template := chatting(t)
	model := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.CopyFS(model, os.DirFS(s.Model)))
	written(t, filepath.Join(model, "generation_config.json"), `{"top_p": 0.9, "eos_token_id": [2]}`)
	s.Model = model
	written(t, template, "{% for m in messages %}{{ m.role }}: {{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}")
	s.AdditionalTokens, s.ResizeVocab = []string{"<|end|>"}, true
	require.Contains(t, mustTrain(t, s), "note: answers of chats end in <|end|>, at which programs that generate with this model do not stop by its generation_config.json; that of the saved model names it beside the others")
	const stops = `{"top_p": 0.9, "eos_token_id": [2, 260]}`
	require.JSONEq(t, stops, contents(t, filepath.Join(s.OutputDir, "generation_config.json")))

	s.Model, s.OutputDir = s.OutputDir, filepath.Join(t.TempDir(), "again")
	require.NotContains(t, mustTrain(t, s), "answers of chats end in")
	require.JSONEq(t, stops, contents(t, filepath.Join(s.OutputDir, "generation_config.json")))
}
