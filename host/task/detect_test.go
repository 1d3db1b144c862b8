package task_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/host/data/source"
	"llmhost/host/plugin"
	"llmhost/host/task"
)

// files are the first records of files that hold lines, one file an argument.
func files(t *testing.T, template bool, lines ...string) func(config.Dataset) *task.Files {
	t.Helper()
	folder := t.TempDir()
	all := &task.Files{Template: func() bool { return template }}
	for i, text := range lines {
		path := filepath.Join(folder, string(rune('a'+i))+".jsonl")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		var records []source.Record
		for r, err := range (source.Files{Paths: []string{path}}).Records() {
			require.NoError(t, err)
			records = append(records, r)
		}
		all.Records = append(all.Records, records)
	}
	return func(config.Dataset) *task.Files { return all }
}

// detected opens a task over the records of files.
func detected(t *testing.T, template bool, flags []string, lines ...string) (*task.Task, error) {
	t.Helper()
	s, o := load(t, flags...)
	o.Files = files(t, template, lines...)
	opened, err := task.Open(context.Background(), s, o)
	if err == nil {
		t.Cleanup(opened.Close)
	}
	return opened, err
}

const (
	dialog      = `[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]`
	turns       = `[{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]`
	alpaca      = `{"instruction": "Add.", "input": "", "output": "3"}`
	userHi      = `[{"role": "user", "content": "hi"}]`
	hello       = `[{"role": "assistant", "content": "hello"}]`
	anotherWord = `[{"role": "assistant", "content": "no"}]`
)

func TestTheFormatterIsFound(t *testing.T) {
	for _, c := range []struct {
		name, task, record string
		template           bool
		flags              []string
		want               string // the line about it
	}{
		{"the task's own", "sft", `{"prompt": "a", "answer": "b", "id": 1}`, true, nil, "format prompt + answer; fields not read: id"},
		{"messages", "sft", `{"messages": ` + dialog + `, "source": "x"}`, true, nil, "format messages (role/content), by its fields: formatter messages; fields not read: source"},
		{"messages as a text", "sft", `{"messages": "[{\"role\": \"user\"}]"}`, true, nil, "format messages (role/content), by its fields: formatter messages"},
		{"turns", "sft", `{"conversations": ` + turns + `}`, true, nil, "format conversations (from/value), by its fields: formatter sharegpt"},
		{"turns with role and content", "sft", `{"conversations": ` + dialog + `}`, true, nil, "format conversations (role/content), by its fields: formatter messages"},
		{"turns of other names", "sft", `{"dialog": [{"who": "a", "what": "b"}]}`, true, []string{"--columns.conversations", "dialog", "--role_tag", "who", "--content_tag", "what"}, "format conversations (who/what), by its fields: formatter sharegpt"},
		{"a text", "sft", `{"text": "Once upon a time"}`, true, nil, "format text, by its fields: formatter plain_text"},
		{"a text by TRL's setting", "sft", `{"content": "Once upon a time"}`, true, []string{"--dataset_text_field", "content"}, "format text, by its fields: formatter plain_text"},
		{"an instruction for a model with a template", "sft", alpaca, true, nil, "format instruction + output, by its fields: formatter alpaca_chat"},
		{"an instruction for a model without", "sft", alpaca, false, nil, "format instruction + output, by its fields: formatter alpaca"},
		{"texts", "sft", `{"prompt": "a", "completion": "b"}`, true, nil, "format prompt + completion, by its fields: formatter prompt_completion"},
		{"another name", "sft", `{"question": "a", "reply": "b"}`, true, []string{"--columns.prompt", "question", "--columns.completion", "reply"}, "format prompt + completion, by its fields: formatter prompt_completion"},
		{"the named one", "sft", `{"messages": ` + dialog + `}`, true, []string{"--formatter", "llama2_chat"}, "format that of formatter llama2_chat"},
		{"pairs of texts", "dpo", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, true, nil, "format prompt + chosen + rejected"},
		{"pairs of messages", "dpo", `{"prompt": ` + userHi + `, "chosen": ` + hello + `, "rejected": ` + anotherWord + `}`, true, nil, "format prompt + chosen + rejected (role/content), by its fields: formatter chat_pairs"},
		{"a prompt that is a text beside conversations", "dpo", `{"prompt": "hi", "chosen": ` + dialog + `, "rejected": ` + dialog + `}`, true, nil, "format chosen + rejected (role/content), by its fields: formatter chat_pairs"},
		{"pairs without an own formatter for them", "rejection_sampling", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, true, nil, "format prompt + chosen + rejected, by its fields: formatter chosen_rejected"},
		{"pairs for rewards", "reward", `{"chosen": ` + dialog + `, "rejected": ` + dialog + `}`, true, nil, "format chosen + rejected (role/content), by its fields: formatter chat_pairs"},
		{"a pair with more than the own formatter reads", "dpo", `{"instruction": "a", "chosen": "b", "rejected": "c"}`, true, nil, "format instruction + chosen + rejected, by its fields: formatter alpaca_pairs"},
		{"pairs that are good and bad", "kto", `{"prompt": "a", "chosen": "b", "rejected": "c"}`, true, nil, "format prompt + chosen + rejected, by its fields: formatter unpaired"},
		{"labels for weighted learning", "weighted_learning", `{"prompt": "a", "completion": "b", "label": true}`, true, nil, "format prompt + completion + label, by its fields: formatter kto"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opened, err := detected(t, c.template, append([]string{"--task", c.task}, c.flags...), c.record)
			require.NoError(t, err)
			require.Equal(t, c.want, opened.Format.String())
			require.Equal(t, opened.Format.Formatter, opened.Formatter.Name)
		})
	}
}

// The formatter of a run that resumes stays, whatever would be found now.
func TestAFoundFormatterIsKept(t *testing.T) {
	s, o := load(t, "--task", "sft")
	o.Files = files(t, true, alpaca)
	o.KeepsFormatter, o.Formatters = true, []string{"alpaca"}
	opened, err := task.Open(context.Background(), s, o)
	require.NoError(t, err)
	defer opened.Close()
	require.Equal(t, "format instruction + output, by its fields: formatter alpaca", opened.Format.String())
}

func TestNoFormatterIsFound(t *testing.T) {
	for _, c := range []struct {
		name, task string
		flags      []string
		files      []string
		want       string
	}{
		{"unknown fields", "sft", nil, []string{`{"question": "a", "reply": "b"}`},
			`^a.jsonl:1: field "prompt" missing; promptanswer needs it as a string; the record has "question", "reply"; no other builtin formatter that gives what task sft reads takes it: alpaca finds no "instruction" and no "output"; .*messages finds no "messages"; .*; give the fields' names in \[columns\], or set formatter$`},
		{"a score that would not be read", "sft", nil, []string{`{"texts": ["a", "b"], "scores": [1, 0]}`}, `takes it: alpaca finds .*; plain_text finds .*; messages finds .*; prompt_completion finds .*; alpaca_chat finds .*; sharegpt finds no "conversations"; give`},
		{"no record at all", "sft", nil, []string{`"hi"`}, `^a.jsonl:1:1: found '"'; want an object$`},
		{"messages for a task of pairs", "dpo", nil, []string{`{"messages": ` + dialog + `}`}, `^a.jsonl:1: the record has the fields "messages", and formatter chosen_rejected finds no "texts" and no "scores"; no other .*chat_pairs finds no "chosen" and no "rejected"; `},
		{"texts where messages are wanted", "sft", nil, []string{`{"messages": ["hi", "hello"]}`}, `messages finds "messages" is no object and no list of objects with role; `},
		{"another kind in another file", "sft", nil, []string{`{"messages": ` + dialog + `}`, `{"conversations": ` + turns + `}`},
			`^b.jsonl:1: the file has records of another kind than a.jsonl: its fields are "conversations", and formatter messages, which reads messages \(role/content\) there, finds no "messages"; give the files of each kind an entry of their own, as in datasets = \[{path = "a.jsonl"}, {path = "b.jsonl"}\], or convert one of them$`},
		{"two kinds at once", "sft", nil, []string{`{"messages": ` + dialog + `, "conversations": ` + turns + `}`},
			`^a.jsonl:1: the record has the fields "messages", "conversations", which several formatters read: messages \(messages \(role/content\)\), sharegpt \(conversations \(from/value\)\); set formatter to one of them$`},
		{"what the own formatter wants, in another type", "sft", nil, []string{`{"prompt": "a", "answer": 3}`}, `^a.jsonl:1: field "answer" is 3; want a string$`},
		{"a name that nobody has", "sft", []string{"--columns.prmpt", "question"}, []string{`{"prompt": "a", "answer": "b", "question": "c"}`}, `^columns.prmpt: formatter promptanswer reads no field of that name; it reads prompt, answer, weight$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := detected(t, false, append([]string{"--task", c.task}, c.flags...), c.files...)
			require.Error(t, err)
			require.Regexp(t, c.want, regexp.MustCompile(`/\S*/`).ReplaceAllString(err.Error(), ""))
		})
	}
}

// matrix says which formatter each task takes for records of each form, by the
// examples of the formatters' columns: the table of FORMATS.md.
func matrix(t *testing.T) string {
	t.Helper()
	ctx := context.Background()
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	defer catalog.Close(ctx)
	var tasks, forms []string
	records := map[string]string{}
	for _, p := range catalog.Builtin() {
		all, err := catalog.Tasks(p)
		require.NoError(t, err)
		for _, one := range all {
			tasks = append(tasks, one.Name)
		}
		for _, c := range p.Components {
			if c.Kind == plugin.Formatter {
				for _, form := range examplesOf(t, c) {
					if records[form.name] == "" {
						forms = append(forms, form.name)
						records[form.name] = form.record
					}
				}
			}
		}
	}
	return tableOf(t, tasks, forms, records)
}

// example is a record of a form.
type example struct{ name, record string }

// examplesOf are records of each form of a formatter.
func examplesOf(t *testing.T, c *plugin.Component) (found []example) {
	t.Helper()
	said, err := c.Records(context.Background(), nil)
	require.NoError(t, err)
	for _, form := range said.Forms {
		for i := range 4 {
			record := map[string]json.RawMessage{}
			for _, column := range said.Columns {
				if i < len(column.Examples) && column.Examples[i] != "null" {
					record[column.Name] = json.RawMessage(column.Examples[i])
				}
			}
			text, err := json.Marshal(record)
			require.NoError(t, err)
			if s := string(text); s != "{}" && task.HasForm(files(t, true, s)(config.Dataset{}).Records[0][0], form) {
				found = append(found, example{form.Name, s})
				break
			}
		}
	}
	return found
}

func tableOf(t *testing.T, tasks, forms []string, records map[string]string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| records |")
	for _, name := range tasks {
		b.WriteString(" " + name + " |")
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", len(tasks)+1) + "\n")
	for _, form := range forms {
		b.WriteString("| " + form + " |")
		for _, name := range tasks {
			cell := "–"
			if opened, err := detected(t, true, []string{"--task", name}, records[form]); err == nil {
				cell = opened.Format.Formatter
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestTheMatrixOfFormats(t *testing.T) {
	page, err := os.ReadFile("../data/FORMATS.md")
	require.NoError(t, err)
	for line := range strings.Lines(matrix(t)) {
		require.True(t, strings.Contains(string(page), line), "the table of FORMATS.md has no line\n%s", line)
	}
}
