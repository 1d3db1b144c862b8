package chat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/chat"
	"llmhost/host/tokenizer"
)

// model is a folder with a tokenizer and the files given by name.
func model(t testing.TB, files map[string]string) *tokenizer.Tokenizer {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	for name, text := range files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	t.Cleanup(func() { tok.Close() })
	return tok
}

// hi is a conversation.
var hi = chat.Conversation{Messages: []string{`{"role": "user", "content": "Hi"}`}}

// Files of their own come before tokenizer_config.json, and that before a processor's; the
// setting names one of the model's, a builtin one, or a file.
func TestWhichTemplate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.jinja")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o644))
	const (
		config = `{"bos_token": "<s>", "chat_template": "of the config"}`
		list   = `{"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}, {"name": "rag", "template": "r"}]}`
	)
	for _, c := range []struct {
		name        string
		files       map[string]string
		setting     string
		want, tools string // what is rendered without tools and with
	}{
		{"a file", map[string]string{"chat_template.jinja": "of the file", "tokenizer_config.json": config}, "", "of the file", "of the file"},
		{"the config", map[string]string{"tokenizer_config.json": config, "chat_template.json": `{"chat_template": "p"}`}, "", "of the config", "of the config"},
		{"a list", map[string]string{"tokenizer_config.json": list}, "", "d", "t"},
		{"named", map[string]string{"tokenizer_config.json": list}, "rag", "r", "r"},
		{"more files", map[string]string{"chat_template.jinja": "d", "additional_chat_templates/tool_use.jinja": "t", "tokenizer_config.json": config}, "", "d", "t"},
		{"a processor's", map[string]string{"chat_template.json": `{"chat_template": "p"}`}, "", "p", "p"},
		{"the setting", map[string]string{"chat_template.jinja": "d", "additional_chat_templates/tool_use.jinja": "t"}, file, "mine", "mine"},
		{"the setting, beside a broken one", map[string]string{"chat_template.json": `{`}, file, "mine", "mine"},
		{"builtin", nil, "chatml", "<|im_start|>user\nHi<|im_end|>\n", "<|im_start|>user\nHi<|im_end|>\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			template, err := chat.Load(model(t, c.files), chat.Options{Setting: c.setting})
			require.NoError(t, err)
			got, err := template.Render(hi)
			require.NoError(t, err)
			require.Equal(t, c.want, got.Text)
			with := hi
			with.Tools = `[]`
			got, err = template.Render(with)
			require.NoError(t, err)
			require.Equal(t, c.tools, got.Text)
			require.Equal(t, c.setting != "", template.FromSetting())
			require.Len(t, template.Digest(), 64)
		})
	}
}

func TestLoadErrors(t *testing.T) {
	for _, c := range []struct {
		name, setting string
		files         map[string]string
		want          string
	}{
		{"none", "", nil, `; give one with chat_template = "FILE", or chat_template = "chatml" for a model that has not seen chats`},
		{"no such name", "rag", map[string]string{"chat_template.jinja": "x"}, `chat_template is "rag", which is no file and no template's name: the model's are default; builtin are chatml`},
		{"neither text nor list", "", map[string]string{"tokenizer_config.json": `{"chat_template": 3}`}, `tokenizer_config.json, chat_template is neither a text nor a list of objects with "name" and "template"`},
		{"an entry without a name", "", map[string]string{"tokenizer_config.json": `{"chat_template": [{"template": "x"}]}`}, `tokenizer_config.json, chat_template[0] has no "name" or no "template"`},
		{"wrong", "", map[string]string{"chat_template.jinja": "a\n{% if %}"}, "chat_template.jinja:2: syntax error: "},
		{"wrong in the config", "", map[string]string{"tokenizer_config.json": `{"chat_template": "\n{{ 1 +"}`}, "tokenizer_config.json, chat_template:2: syntax error: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := chat.Load(model(t, c.files), chat.Options{Setting: c.setting})
			require.ErrorContains(t, err, c.want)
			if c.name == "none" {
				require.ErrorIs(t, err, chat.ErrNone)
			}
		})
	}
}

// What is wrong with a conversation comes with its place in the batch, the message, and
// the template's line.
func TestRenderErrors(t *testing.T) {
	template, err := chat.Load(model(t, map[string]string{"chat_template.jinja": "{% for m in messages %}\n{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}{{ m.content }}{% endfor %}"}), chat.Options{})
	require.NoError(t, err)
	bad := chat.Conversation{Messages: []string{`{"role": "user", "content": "a"}`, `{"role": "tool", "content": "a"}`}}
	_, err = template.RenderBatch([]chat.Conversation{hi, bad, bad})
	var wrong *chat.RenderError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, 1, wrong.Conversation)
	require.Equal(t, "message 1: "+template.Path("default")+":2: the template says: no tools", err.Error())
	for _, c := range []struct {
		name string
		conv chat.Conversation
		want string
	}{
		{"no messages", chat.Conversation{}, "the conversation has no messages; want at least one"},
		{"arguments that the conversation gives", chat.Conversation{Messages: hi.Messages, Args: `{"messages": []}`}, "chat_template_kwargs names messages, which the conversation gives; take it out"},
		{"arguments that are none", chat.Conversation{Messages: hi.Messages, Args: `[]`}, "chat_template_kwargs: is not a JSON object"},
		{"a message that is no JSON", chat.Conversation{Messages: []string{`{}, {}`}}, "message 0 is not JSON"},
		{"both", chat.Conversation{Messages: hi.Messages, Continue: "content", GenerationPrompt: true}, "a conversation is either continued or gets a generation prompt, not both"},
		{"tools that are no objects", chat.Conversation{Messages: hi.Messages, Tools: `["f"]`}, "tools[0] is a str; want an object"},
		{"nothing to continue", chat.Conversation{Messages: hi.Messages, Continue: "thinking"}, `message 0: continue_final_message wants "thinking" of the last message, which has none`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := template.Render(c.conv)
			require.EqualError(t, err, c.want)
		})
	}
}
