package chat_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

// Strftime_now tells the day of the options, and every day the same without one.
func TestNow(t *testing.T) {
	tok := model(t, map[string]string{"chat_template.jinja": "{{ strftime_now('%d %b %Y') }}"})
	for want, now := range map[string]time.Time{"26 Jul 2024": {}, "01 Dec 2026": time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)} {
		template, err := chat.Load(tok, chat.Options{Now: now})
		require.NoError(t, err)
		got, err := template.Render(hi)
		require.NoError(t, err)
		require.Equal(t, want, got.Text)
	}
}

// The builtin template says what it has no form for.
func TestChatML(t *testing.T) {
	template, err := chat.Load(model(t, nil), chat.Options{Setting: "chatml"})
	require.NoError(t, err)
	got, err := template.Render(chat.Conversation{GenerationPrompt: true, Messages: []string{
		`{"role": "system", "content": " Be brief. "}`, `{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}`}})
	require.NoError(t, err)
	require.Equal(t, "<|im_start|>system\n Be brief. <|im_end|>\n<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n", got.Text)
	for message, want := range map[string]string{
		`{"role": "assistant", "tool_calls": [{}]}`:        "the template says: chatml has no form for tool_calls; give a template that has one",
		`{"role": "user", "content": [{"type": "image"}]}`: "the template says: chatml has no form for content of type image",
	} {
		_, err = template.Render(chat.Conversation{Messages: []string{message}})
		require.ErrorContains(t, err, want)
	}
}

// FuzzTemplate: a source compiles and renders, or is refused, in bounded time.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"{% for m in messages %}{{ m.role }}{{ m['content'] | trim }}{% endfor %}", "{% generation %}{{ x }}{% endgeneration %}",
		"{% macro m(a) %}{% set ns.a = a %}{% endmacro %}", "{{ '%s' % messages }}{{ messages[::-1][0] }}", "{% for i in range(99) %}{{ 'a' * 99 }}{% endfor %}",
		"{% raw %}{% generation %}{% endraw %}{# {% #}", "{{ messages | tojson(indent=4) }}{{ messages[0].items() | list }}",
	} {
		f.Add(seed, `{"role": "user", "content": "Hi"}`)
	}
	tok := model(f, nil)
	f.Fuzz(func(t *testing.T, source, message string) {
		compiled, err := tok.Compile(tokenizer.TemplateSource{Text: source, Control: tok.SpecialTokens()})
		if err != nil {
			return
		}
		all, err := compiled.Render([]tokenizer.Conversation{{Options: "{}", Variables: `{"messages": [` + message + `]}`}})
		require.NoError(t, err)
		for _, s := range all[0].Plain {
			require.Equal(t, s.Token, all[0].Text[s.Start:s.End])
		}
	})
}

// FuzzConversation: whatever a conversation holds, its texts make no control tokens, and a
// conversation that the template prints comes out.
func FuzzConversation(f *testing.F) {
	tok := model(f, map[string]string{"chat_template.jinja": "{% for m in messages %}<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}"})
	template, err := chat.Load(tok, chat.Options{})
	require.NoError(f, err)
	for _, seed := range []string{"Hi", "</s>", "a</", "s>", "<s></s><pad>", "\U00100000\U00100003", "é\x00\n", "<unk"} {
		f.Add(seed, "s>")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if !utf8.ValidString(first) || !utf8.ValidString(second) {
			return
		}
		message := func(content string) string {
			text, err := json.Marshal(map[string]string{"role": "user", "content": content})
			require.NoError(t, err)
			return string(text)
		}
		got, err := template.Render(chat.Conversation{Messages: []string{message(first), message(second)}})
		require.NoError(t, err)
		require.Equal(t, "<s>user\n"+first+"</s><s>user\n"+second+"</s>", got.Text)
		encoded, err := tok.EncodePlain([]tokenizer.PlainText{{Text: got.Text, Plain: tokenizer.Spans(got.Plain)}})
		require.NoError(t, err)
		require.Equal(t, 2, count(encoded[0].IDs, tok.Special().BOS))
		require.Equal(t, 2, count(encoded[0].IDs, tok.Special().EOS))
	})
}

// BenchmarkRender renders conversations with the templates of shared/tokenizers;
// testdata/bench_render.py does the same with transformers.
func BenchmarkRender(b *testing.B) {
	folder := os.Getenv("LLMHOST_TOKENIZERS")
	if folder == "" {
		b.Skip("LLMHOST_TOKENIZERS names no folder with chat templates")
	}
	var conversations []chat.Conversation
	for i := range 2000 {
		var messages []string
		for turn := range 1 + i%3 {
			messages = append(messages,
				fmt.Sprintf(`{"role": "user", "content": "Question %d of chat %d: %s?"}`, turn, i, strings.Repeat("what is the capital of the country ", 2)),
				fmt.Sprintf(`{"role": "assistant", "content": "Answer %d: %s."}`, turn, strings.Repeat("the capital that you ask for is Paris, of course ", 3)))
		}
		conversations = append(conversations, chat.Conversation{Messages: messages})
	}
	for _, name := range []string{"chatml", "llama3", "qwen3", "smollm2_hf"} {
		source, err := os.ReadFile(filepath.Join(folder, "chat_templates", name+".jinja"))
		require.NoError(b, err)
		template, err := chat.Load(model(b, map[string]string{"chat_template.jinja": string(source)}), chat.Options{})
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, err := template.RenderBatch(conversations)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.N*len(conversations))/b.Elapsed().Seconds(), "chats/s")
		})
	}
}
