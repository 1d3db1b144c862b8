package host_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/jsonobject"
)

// renderFolders prints, for each folder, what transformers makes of two conversations, by
// the template for each and by each of the templates that have names.
const renderFolders = `
import json, sys
from transformers import AutoTokenizer
chat = [{"role": "system", "content": "Be kind. é"}, {"role": "user", "content": "one <b>two</b>"}, {"role": "assistant", "content": "three"}, {"role": "user", "content": "four"}]
tools = [{"type": "function", "function": {"name": "f", "description": "it's", "parameters": {"type": "object", "properties": {}}}}]
out = []
for folder in sys.argv[1:]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    named = sorted(tokenizer.chat_template) if isinstance(tokenizer.chat_template, dict) else []
    texts = [tokenizer.apply_chat_template(chat, tokenize=False, tools=given, add_generation_prompt=True) for given in (None, tools)]
    texts += [[name, tokenizer.apply_chat_template(chat, tokenize=False, chat_template=name)] for name in named]
    out.append(texts)
print(json.dumps(out))
`

// TestSavedTemplatesAreThoseOfTransformers: transformers loads the folder that a run
// writes, and lays chats out by it as by the folder that the run began with, wherever
// that has its templates.
func TestSavedTemplatesAreThoseOfTransformers(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with transformers")
	}
	const (
		turns  = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant: {% endif %}"
		called = "{{ tools | tojson }}" + turns
	)
	quoted := func(text string) string {
		data, err := json.Marshal(text)
		require.NoError(t, err)
		return string(data)
	}
	for _, c := range []struct {
		name   string
		config string // chat_template of tokenizer_config.json, as JSON
		files  map[string]string
	}{
		{"a text in tokenizer_config.json", quoted(turns), nil},
		{"named ones there", `[{"name": "default", "template": ` + quoted(turns) + `}, {"name": "tool_use", "template": ` + quoted(called) + `}]`, nil},
		{"a file", "", map[string]string{"chat_template.jinja": turns}},
		{"a file before the config", quoted("not this one"), map[string]string{"chat_template.jinja": turns}},
		{"several files", "", map[string]string{"chat_template.jinja": turns, "additional_chat_templates/tool_use.jinja": called, "additional_chat_templates/rag.jinja": turns + "{{ documents }}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := chatting(t)
			model := filepath.Join(t.TempDir(), "model")
			require.NoError(t, os.CopyFS(model, os.DirFS(s.Model)))
			for name, text := range c.files {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(model, name)), 0o755))
				written(t, filepath.Join(model, name), text)
			}
			if c.config != "" {
				path := filepath.Join(model, "tokenizer_config.json")
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				config, err := jsonobject.Parse(text)
				require.NoError(t, err)
				written(t, path, string(config.Set("chat_template", json.RawMessage(c.config)).Text()))
			}
			s.Model, s.ChatTemplate = model, ""
			mustTrain(t, s)
			command := exec.Command(python, "-c", renderFolders, model, s.OutputDir, filepath.Join(s.OutputDir, "checkpoint-2"))
			command.Stderr = os.Stderr
			printed, err := command.Output()
			require.NoError(t, err)
			var texts []json.RawMessage
			require.NoError(t, json.Unmarshal(printed, &texts))
			require.Contains(t, string(texts[0]), "three")
			require.Equal(t, string(texts[0]), string(texts[1]))
			require.Equal(t, string(texts[0]), string(texts[2]))
		})
	}
}
