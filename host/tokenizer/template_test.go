package tokenizer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/tokenizer"
)

// chatCase is one entry of chat_templates/cases.json: what transformers renders.
type chatCase struct {
	Template, Conversation string
	Context                json.RawMessage
	Want                   *string
	WantError              string   `json:"want_error"`
	Spans                  [][2]int `json:"generation_spans"` // in code points
}

// compiler is a tokenizer that compiles templates; any will do.
func compiler(t testing.TB) *tokenizer.Tokenizer {
	folder := t.TempDir()
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	return load(t, folder)
}

// TestChatCases renders every conversation of chat_templates/cases.json in shared/tokenizers,
// or in the folder that LLMHOST_TOKENIZERS names.
func TestChatCases(t *testing.T) {
	folder := os.Getenv("LLMHOST_TOKENIZERS")
	if folder == "" {
		folder = filepath.Join(root(t), "..", "shared", "tokenizers")
	}
	data, err := os.ReadFile(filepath.Join(folder, "chat_templates", "cases.json"))
	if err != nil {
		t.Skipf("no chat templates to compare with: %v; set LLMHOST_TOKENIZERS", err)
	}
	var cases []chatCase
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	tok := compiler(t)
	templates := map[string]*tokenizer.Template{}
	for _, c := range cases {
		template := templates[c.Template]
		if template == nil {
			source, err := os.ReadFile(filepath.Join(folder, "chat_templates", c.Template+".jinja"))
			require.NoError(t, err)
			template, err = tok.Compile(tokenizer.TemplateSource{Text: string(source)})
			require.NoError(t, err, c.Template)
			templates[c.Template] = template
		}
		t.Run(c.Template+"/"+c.Conversation, func(t *testing.T) { c.run(t, template) })
	}
}

func (c chatCase) run(t *testing.T, template *tokenizer.Template) {
	all, err := template.Render([]tokenizer.Conversation{{Options: "{}", Variables: string(c.Context)}})
	require.NoError(t, err)
	got := all[0]
	if c.Want == nil {
		require.NotNil(t, got.Err, "rendered %q, want %s", got.Text, c.WantError)
		require.Equal(t, c.WantError == "TemplateError", got.Err.Raised, "%+v", got.Err)
		require.NotZero(t, got.Err.Line)
		return
	}
	require.Nil(t, got.Err, "%+v", got.Err)
	require.Equal(t, *c.Want, got.Text)
	var spans [][2]int
	for _, s := range got.Generation {
		start := utf8.RuneCountInString(got.Text[:s.Start])
		spans = append(spans, [2]int{start, start + utf8.RuneCountInString(got.Text[s.Start:s.End])})
	}
	require.ElementsMatch(t, c.Spans, spans)
}

// TestTemplateErrors: what is wrong is said with the template's line, and with the
// message that brings it about.
func TestTemplateErrors(t *testing.T) {
	tok := compiler(t)
	_, err := tok.Compile(tokenizer.TemplateSource{Text: "a\nb\n{% if %}"})
	var wrong *tokenizer.TemplateError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, 3, wrong.Line)

	const alternate = "{% for m in messages %}\n{% if m.role == 'tool' %}\n{{ raise_exception('no ' ~ m.role ~ ' here') }}\n{% endif %}{{ m.content }}{% endfor %}"
	for _, c := range []struct {
		name, source, variables string
		want                    tokenizer.TemplateError
	}{
		{"raised", alternate, `{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}, {"role": "user", "content": "c"}]}`,
			tokenizer.TemplateError{Line: 3, Message: "no tool here", Raised: true, Turn: 1}},
		{"an attribute of nothing", "\n{{ messages[0].a.b }}", `{"messages": [{"role": "user"}]}`,
			tokenizer.TemplateError{Line: 2, Message: "undefined value", Turn: 0}},
		{"no messages", "x", `{"messages": []}`,
			tokenizer.TemplateError{Message: "the conversation has no messages; want at least one", Turn: -1}},
		{"a message that is none", "x", `{"messages": ["a"]}`,
			tokenizer.TemplateError{Message: "messages[0] is a str; want an object", Turn: -1}},
		{"not JSON", "x", `{"messages": [}`,
			tokenizer.TemplateError{Message: "not JSON at byte 14: found '}', want a value", Turn: -1}},
		{"half a surrogate pair", "x", `{"messages": [{"a": "\ud800"}]}`,
			tokenizer.TemplateError{Message: "half a surrogate pair at byte 21, which is no character", Turn: -1}},
		{"without end", "{% for i in range(100000) %}{% for i in range(100000) %}{% set x = i %}{% endfor %}{% endfor %}", `{"messages": [{}]}`,
			tokenizer.TemplateError{Line: 1, Message: "the template takes too many steps; it may never end", Turn: 0}},
		{"without bound", "{% set n = namespace(s='ab') %}{% for i in range(99999) %}{% set n.s = n.s ~ n.s %}{% endfor %}", `{"messages": [{}]}`,
			tokenizer.TemplateError{Line: 1, Message: "the template makes too much text or too many values: want at most 16 MB in one text and 128 MB in all; it may never end", Turn: 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			template, err := tok.Compile(tokenizer.TemplateSource{Text: c.source})
			require.NoError(t, err)
			all, err := template.Render([]tokenizer.Conversation{{Options: "{}", Variables: c.variables}})
			require.NoError(t, err)
			require.NotNil(t, all[0].Err, "%q", all[0].Text)
			require.Equal(t, c.want, *all[0].Err)
		})
	}
}

// TestTemplatesThatNeverEnd: whatever a template piles up, it ends in an error with the
// line, long before memory does.
func TestTemplatesThatNeverEnd(t *testing.T) {
	tok := compiler(t)
	const grow = "{% set n = namespace(s=START) %}{% for i in range(99999) %}{% set n.s = NEXT %}{% endfor %}"
	growing := func(start, next string) string {
		return strings.NewReplacer("START", start, "NEXT", next).Replace(grow)
	}
	const shared = "{% set n = namespace(s=[1]) %}{% set m = namespace(s=[1]) %}{% for i in range(150) %}{% set n.s = [n.s, n.s] %}{% set m.s = [m.s, m.s] %}{% endfor %}"
	const many, steps, range_ = "the template makes too much text or too many values", "the template takes too many steps", "range has too many elements"
	for source, want := range map[string]string{
		"{% for i in range(10 ** 9) %}x{% endfor %}": range_,
		"{% for i in range(99999) %}{% for j in range(99999) %}a text of more than thirty-two bytes, over and over{% endfor %}{% endfor %}": steps,
		growing("'ab'", "n.s ~ n.s"):                                           many,
		growing("'ab'", "n.s * 2"):                                             many,
		growing("'ab'", "n.s | replace('', 'xx')"):                             many,
		growing("'ab'", "[n.s, n.s] | join"):                                   many,
		growing("'ab'", "'%s%s' % (n.s, n.s)"):                                 many,
		growing("[1]", "n.s + n.s"):                                            many,
		growing("range(9999) | list", "n.s | sort"):                            many,
		shared + "{{ (n.s | tojson) is string }}":                              many,
		shared + "{{ n.s ~ '' }}":                                              many,
		shared + "{{ n.s == m.s }}":                                            many,
		shared + "{{ n.s in [m.s] + [1] }}":                                    many,
		shared + "{{ {n.s: 1} }}":                                              "a list is no key of a dict",
		"{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}": "recursion limit exceeded",
		"{{ '%1000000000d' % 1 }}":                                             many,
	} {
		template, err := tok.Compile(tokenizer.TemplateSource{Text: "\n" + source})
		require.NoError(t, err, source)
		all, err := template.Render([]tokenizer.Conversation{{Options: "{}", Variables: `{"messages": [{}]}`}})
		require.NoError(t, err)
		require.NotNil(t, all[0].Err, source)
		require.Equal(t, 2, all[0].Err.Line, source)
		require.Contains(t, all[0].Err.Message, want, source)
	}
}

// TestPythonRefuses: what is an error in Python is one here.
func TestPythonRefuses(t *testing.T) {
	tok := compiler(t)
	for _, source := range []string{
		"{% for x in none %}{% endfor %}", "{{ none | join }}", "{{ none | list }}", "{{ none | first }}", "{{ 'a' in none }}", "{{ 1 in messages[0].role }}",
		"{{ messages | length < 'a' }}", "{{ nothing > 0 }}", "{{ messages | map(attribute='role') | tojson }}", "{{ messages | selectattr('role') | length }}", "{{ {messages: 1} }}",
	} {
		template, err := tok.Compile(tokenizer.TemplateSource{Text: source})
		require.NoError(t, err, source)
		all, err := template.Render([]tokenizer.Conversation{{Options: "{}", Variables: `{"messages": [{"role": "user"}]}`}})
		require.NoError(t, err)
		require.NotNil(t, all[0].Err, "%s: %q", source, all[0].Text)
		require.Equal(t, 1, all[0].Err.Line, source)
	}
}

// TestTemplatesThatRecurse end in an error, and the next conversation is rendered.
func TestTemplatesThatRecurse(t *testing.T) {
	template, err := compiler(t).Compile(tokenizer.TemplateSource{Text: "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{% if messages[0].go %}{{ m(0) }}{% endif %}fine"})
	require.NoError(t, err)
	all, err := template.Render([]tokenizer.Conversation{
		{Options: "{}", Variables: `{"messages": [{"go": true}]}`}, {Options: "{}", Variables: `{"messages": [{}]}`}})
	require.NoError(t, err)
	require.NotNil(t, all[0].Err)
	require.Contains(t, all[0].Err.Message, "recursion limit")
	require.Nil(t, all[1].Err)
	require.Equal(t, "fine", all[1].Text)
}

// TestPython: values print, and operators and methods work, as in Python.
func TestPython(t *testing.T) {
	tok := compiler(t)
	for _, c := range []struct{ source, want string }{
		{`{{ x }}`, `{'a': None, 'b': [1, 2.0, True], 'it\'s "': "it's"}`},
		{`{{ x | tojson }}`, `{"a": null, "b": [1, 2.0, true], "it's \"": "it's"}`},
		{`{{ x | tojson(indent=2) }}`, "{\n  \"a\": null,\n  \"b\": [\n    1,\n    2.0,\n    true\n  ],\n  \"it's \\\"\": \"it's\"\n}"},
		{`{{ '%s is %d, %5.2f|%-4s|%04d' % ('a', 3, 2.5, 'b', 7) }}`, "a is 3,  2.50|b   |0007"},
		{`{{ '%s' % x.b }}`, "[1, 2.0, True]"},
		{`{{ [][::-1] }}{{ [1,2,3][::-1] }}{{ 'abcdef'[-2:0:-2] }}`, "[][3, 2, 1]ec"},
		{`{% set k = 0 - 3 %}{{ -7 % 3 }} {{ 7 % k }} {{ 2 * 'ab' }} {{ 1e16 }} {{ 0.1 + 0.2 }} {{ 1e-5 }}`, "2 -2 abab 1e+16 0.30000000000000004 1e-05"},
		{`{{ y.items is defined }}{{ y.items() | length }}{{ y['items'] }}`, "True15"},
		{`{{ 'a-b c'.title() }} {{ 'éa'.find('a') }} {{ 'a,b,,c'.rsplit(',', 1) }} {{ ' a  b '.split() }}`, "A-B C 1 ['a,b,', 'c'] ['a', 'b']"},
		{`{{ none is iterable }}{{ nothing is iterable }}{{ 'a' is iterable }}{{ true is number }}`, "FalseTrueTrueTrue"},
		{`{{ strftime_now('%d %b %Y, %A %-d') }}`, "26 Jul 2024, Friday 26"},
		{`{% for i in [1,2,3,4] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}`, "13"},
		{`{{ nothing | length }}{{ nothing | list }}{{ none | map('upper') | list }}{{ 1 if [] | map('upper') else 2 }}`, "0[][]1"},
		{`{% set g = ['a', 'b'] | map('upper') %}{{ g | join }}{{ g | join }}`, "AB"},
		{`{{ '<b>' | safe + '<i>' }}{{ '<' | e ~ '<' }}{{ ('<%s>' | safe) % '&' }}{{ ('a' | safe).replace('a', '<') }}`, "<b>&lt;i&gt;&lt;<<&amp;>&lt;"},
		{`{{ 'a\u2028b\r\nc' | indent(2) }}{{ 'a\n\nb' | indent(1, true) }}`, "a\n  b\n  c a\n\n b"},
		{`{{ none }}|{{ nothing }}|{{ true }}|{{ 'a' ~ none ~ 1.0 }}`, "None||True|aNone1.0"},
	} {
		template, err := tok.Compile(tokenizer.TemplateSource{Text: c.source})
		require.NoError(t, err, c.source)
		all, err := template.Render([]tokenizer.Conversation{{Options: `{"now": 1721952000}`, Variables: `{"messages": [{}], "x": {"a": null, "b": [1, 2.0, true], "it's \"": "it's"}, "y": {"items": 5}}`}})
		require.NoError(t, err)
		require.Nil(t, all[0].Err, "%s: %+v", c.source, all[0].Err)
		require.Equal(t, c.want, all[0].Text, c.source)
	}
}

// A folder's chat templates are saved with its tokenizer, or another instead of them all.
func TestSaveTemplates(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "additional_chat_templates"), 0o755))
	for name, text := range map[string]string{"chat_template.jinja": "d", "additional_chat_templates/tool_use.jinja": "t", "tokenizer_config.json": `{"eos_token": "</s>", "chat_template": "c"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	tok := load(t, folder)
	saved := t.TempDir()
	require.NoError(t, tok.Save(saved, writeFile))
	require.Equal(t, "d", string(read(t, filepath.Join(saved, "chat_template.jinja"))))
	require.Equal(t, "t", string(read(t, filepath.Join(saved, "additional_chat_templates", "tool_use.jinja"))))

	tok.ReplaceTemplate("mine")
	saved = t.TempDir()
	require.NoError(t, tok.Save(saved, writeFile))
	require.Equal(t, "mine", string(read(t, filepath.Join(saved, "chat_template.jinja"))))
	require.NoDirExists(t, filepath.Join(saved, "additional_chat_templates"))
	require.NotContains(t, string(read(t, filepath.Join(saved, "tokenizer_config.json"))), "chat_template")
}
