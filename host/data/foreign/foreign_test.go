package foreign_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/host/data/foreign"
	"llmhost/host/task"

	"llmhost/host/plugin"
)

// imported is what Import writes about a file of that content, without its first line.
func imported(t *testing.T, name, content, dataset string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	toml, err := foreign.Import(path, dataset)
	_, rest, _ := strings.Cut(strings.ReplaceAll(toml, filepath.Dir(path)+"/", ""), "\n")
	return rest, err
}

var cases = []struct{ name, file, content, dataset, want string }{
	{"alpaca", "dataset_info.json", `{"a": {"file_name": "a.json", "num_samples": 10}}`, "", `# records for: sft

data_paths = ["a.json"]
formatter = "alpaca_chat"
max_train_samples = 10
# num_samples = 10: LLaMA-Factory draws them at random; llmhost takes the first
`},
	{"alpaca pairs under other names", "dataset_info.json", `{"a": {"file_name": "a.json", "ranking": true, "columns": {"prompt": "q", "query": "more", "chosen": "good", "rejected": "bad", "images": "pictures"}}, "b": {}}`, "a", `# records for: dpo, orpo, simpo, cpo, rrhf or reward

data_paths = ["a.json"]
formatter = "alpaca_pairs"
# columns.images = "pictures": llmhost trains on text alone; the field is not read

[columns]
chosen = "good"
rejected = "bad"
instruction = "q"
input = "more"
`},
	{"pretraining from a hub", "dataset_info.json", `{"a": {"hf_hub_url": "x/y", "split": "validation", "columns": {"prompt": "content"}, "speed": 3}}`, "", `# records for: sft

formatter = "plain_text"
# hf_hub_url = "x/y": llmhost downloads nothing: fetch the data set and write its files into data_paths
# speed = 3: llmhost does not know this field of LLaMA-Factory
# split = "validation": give the files of that split

[columns]
text = "content"
`},
	{"labels of turns", "dataset_info.json", `{"a": {"file_name": "a.json", "formatting": "sharegpt", "columns": {"messages": "m", "kto_tag": "good", "system": "s"}, "tags": {"role_tag": "who", "content_tag": "what"}}}`, "", `# records for: kto

data_paths = ["a.json"]
formatter = "sharegpt_labelled"
role_tag = "who"
content_tag = "what"

[columns]
kto_tag = "good"
conversations = "m"
system = "s"
`},
	{"messages", "dataset_info.json", `{"a": {"file_name": "a.json", "formatting": "openai", "columns": {"messages": "messages"}, "tags": {"role_tag": "role", "content_tag": "content"}}}`, "", `# records for: sft

data_paths = ["a.json"]
formatter = "messages"
`},
	{"axolotl's messages", "a.yml", `
chat_template: chatml
datasets:
  - path: ./data/a.jsonl
    type: chat_template
    ds_type: json
    field_messages: turns
    roles_to_train: [assistant]
    train_on_eos: turn
  - path: ./data
    data_files: [b.jsonl, c.jsonl]
    type: chat_template
    field_messages: turns
    roles_to_train: [assistant]
test_datasets:
  - path: ./data/held.jsonl
    type: chat_template
    field_messages: turns
    roles_to_train: [assistant]
`, "", `# records for: sft

data_paths = ["./data/a.jsonl", "data/b.jsonl", "data/c.jsonl"]
eval_data_paths = ["./data/held.jsonl"]
formatter = "messages"
chat_template = "chatml"
train_on = ["assistant"]
# ds_type = "json": a file's kind is told by its first bytes
# train_on_eos = "turn": the end token of each trained turn is learned, as with turn

[columns]
messages = "turns"
`},
	{"axolotl's turns under other names", "a.yml", `
datasets:
  - {path: a.jsonl, type: chat_template, field_messages: conversations, message_property_mappings: {role: from, content: value, name: nick}, roles: {user: [human], assistant: [gpt, bot], judge: [x]}}
`, "1", `# records for: sft

data_paths = ["a.jsonl"]
formatter = "sharegpt"
role_tag = "from"
content_tag = "value"
assistant_tag = "gpt|bot"
user_tag = "human"
# roles.judge = ["x"]: sharegpt has no such role
# message_property_mappings.name = "nick": rename the key in the records
`},
	{"axolotl's pairs", "a.yml", "rl: dpo\ndatasets:\n  - {path: a.jsonl, type: chatml.intel, split: train}\n", "", `# records for: dpo

data_paths = ["a.jsonl"]
formatter = "alpaca_pairs"
# type = "chatml.intel": axolotl lays the records out itself; the model's chat template does here

[columns]
instruction = "question"
`},
	{"axolotl's own layout", "a.yml", "datasets:\n  - {path: org/name, type: {field_instruction: q, field_output: a, format: '[I] {instruction}', system_prompt: ''}}\n", "", `# records for: sft

formatter = "alpaca_chat"
# path = "org/name": it is a folder here, or a data set on a hub; llmhost downloads nothing: fetch it and write its files into data_paths
# type.format = "[I] {instruction}": a chat template lays the records out; for this layout write the records as prompt and answer
# type.system_prompt = "": write it into the field system of the records

[columns]
instruction = "q"
output = "a"
`},
	{"axolotl's pretraining", "a.yml", "pretraining_dataset:\n  - {path: a.jsonl, text_column: content, skip: 5}\n", "", `# records for: sft

data_paths = ["a.jsonl"]
formatter = "plain_text"
# skip = 5: take the first records out of the file

[columns]
text = "content"
`},
	{"several data sets", "dataset_info.json", `{"a": {"file_name": "a.json", "num_samples": 10}, "b": {"file_name": "b.json", "formatting": "sharegpt", "columns": {"messages": "talk"}, "tags": {"user_tag": "me"}}, "c": {"hf_hub_url": "x/c"}, "d": {"file_name": "saved", "split": "test"}}`, "a, b,d", `# records for: sft

[[datasets]]
path = "a.json"
formatter = "alpaca_chat"
max_samples = 10
# num_samples = 10: LLaMA-Factory draws them at random; llmhost takes the first

[[datasets]]
path = "b.json"
formatter = "sharegpt"
user_tag = "me"

[datasets.columns]
conversations = "talk"

[[datasets]]
path = "saved"
formatter = "alpaca_chat"
split = "test"
`},
	{"several that are read alike", "dataset_info.json", `{"a": {"file_name": "a.json"}, "b": {"file_name": "b.json"}}`, "b,a", `# records for: sft

data_paths = ["b.json", "a.json"]
formatter = "alpaca_chat"
`},
	{"axolotl's list of several kinds", "a.yml", `
chat_template: chatml
datasets:
  - {path: a.jsonl, type: alpaca}
  - path: ./chats.jsonl
    type: chat_template
    field_messages: turns
    roles_to_train: [assistant]
  - {path: books.parquet, type: completion, field: body}
test_datasets:
  - {path: books_held.parquet, type: completion, field: body}
  - {path: pairs.jsonl, type: alpaca, roles_to_train: [user]}
`, "", `# records for: sft

chat_template = "chatml"
train_on = ["assistant"]
eval_data_paths = ["books_held.parquet"]
# test_datasets ["pairs.jsonl"] is read in another way than datasets: formatter = "alpaca_chat"; chat_template = "chatml"; train_on = ["user"]

[[datasets]]
path = "a.jsonl"
formatter = "alpaca_chat"
# type = "alpaca": axolotl lays the records out as texts; the chat template does here, and formatter = "alpaca" as Stanford Alpaca did
# train_on is that above, since a run has one; this entry has none

[[datasets]]
path = "./chats.jsonl"
formatter = "messages"

[datasets.columns]
messages = "turns"

[[datasets]]
path = "books.parquet"
formatter = "plain_text"
# train_on is that above, since a run has one; this entry has none

[datasets.columns]
text = "body"
`},
	{"axolotl's labels", "a.yml", "rl: kto\ndatasets:\n  - {path: a.jsonl, type: llama3.argilla}\n", "", `# records for: kto

data_paths = ["a.jsonl"]
formatter = "alpaca_labelled"
# type = "llama3.argilla": axolotl lays the records out itself; the model's chat template does here

[columns]
output = "completion"
kto_tag = "label"
`},
}

// What is imported is what is meant, and is settings of this program: its formatter
// has the parameters and the fields that it names.
func TestImport(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := imported(t, c.file, c.content, c.dataset)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			path := filepath.Join(t.TempDir(), "run.toml")
			require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			s, _, err := config.Load(path, []string{"--task", strings.Split(strings.Fields(strings.TrimPrefix(got, "# records for: "))[0], ",")[0]})
			require.NoError(t, err)
			opened, err := task.Open(t.Context(), s, task.Options{Plugins: plugin.Options{Builtin: builtin.All()}, LockFolder: t.TempDir()})
			require.NoError(t, err)
			opened.Close()
		})
	}
}

// An entry whose files are elsewhere says where to name them, and does not load before.
func TestImportOfAnEntryWithoutFiles(t *testing.T) {
	got, err := imported(t, "dataset_info.json", `{"a": {"file_name": "a.json"}, "c": {"hf_hub_url": "x/c", "formatting": "sharegpt"}}`, "a,c")
	require.NoError(t, err)
	require.Contains(t, got, "[[datasets]]\nformatter = \"sharegpt\"\n# hf_hub_url = \"x/c\": llmhost downloads nothing: fetch the data set and write its files into data_paths\n# write path = FILE here\n")
	path := filepath.Join(t.TempDir(), "run.toml")
	require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	_, _, err = config.Load(path, nil)
	require.ErrorContains(t, err, "datasets 2 has no path; want a file, folder or pattern, or a list of them")
}

func TestImportFails(t *testing.T) {
	for _, c := range []struct{ name, file, content, dataset, want string }{
		{"several", "dataset_info.json", `{"a": {}, "b": {}}`, "", "it describes 2 data sets; choose one, or several as in --dataset a,b: a, b"},
		{"none of that name", "dataset_info.json", `{"a": {}, "b": {}}`, "c", `it describes no data set "c"; it has a, b`},
		{"another JSON", "x.json", `{"a": 3}`, "", "want a dataset_info.json"},
		{"no datasets", "a.yml", "base_model: x\n", "", "it has no datasets; want a YAML file of axolotl"},
		{"broken", "a.yml", "datasets: [\n", "", "a.yml: line 1: did not find expected node content; want a dataset_info.json"},
		{"two tasks", "dataset_info.json", `{"a": {"file_name": "a.json"}, "b": {"file_name": "b.json", "ranking": true, "columns": {"chosen": "c", "rejected": "r"}}}`, "a,b", `data sets 1 and 2 are for different tasks, "sft" and "dpo, orpo, simpo, cpo, rrhf or reward", and a run learns one; choose some of them`},
		{"one of several is not there", "dataset_info.json", `{"a": {}, "b": {}}`, "a,c", `it describes no data set "c"; it has a, b`},
		{"no such entry", "a.yml", "datasets:\n  - {path: a.jsonl}\n", "2", `it has 1 datasets, and no entry "2"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := imported(t, c.file, c.content, c.dataset)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// The tables have the fields of the programs' own sources, all and no others, and
// FORMATS.md shows them.
func TestTheTablesAreComplete(t *testing.T) {
	listed, err := os.ReadFile("testdata/fields.txt")
	require.NoError(t, err)
	page, err := os.ReadFile("../FORMATS.md")
	require.NoError(t, err)
	for program, table := range map[string][]foreign.Row{"llamafactory": foreign.LLaMAFactory, "axolotl": foreign.Axolotl} {
		var want, have []string
		for line := range strings.Lines(string(listed)) {
			if name, is := strings.CutPrefix(strings.TrimSpace(line), program+" "); is {
				want = append(want, name)
			}
		}
		require.NotEmpty(t, want)
		for _, row := range table {
			have = append(have, row.Name)
			line := fmt.Sprintf("| `%s` | %s |\n", row.Name, row.Here)
			require.True(t, strings.Contains(string(page), line), "FORMATS.md lacks %s", line)
		}
		slices.Sort(have)
		require.Equal(t, want, have)
	}
}

// Bytes of any kind are an error or a TOML that can be read.
func FuzzImport(f *testing.F) {
	for _, c := range cases {
		f.Add(c.file == "a.yml", []byte(c.content))
	}
	f.Fuzz(func(t *testing.T, _ bool, content []byte) {
		path := filepath.Join(t.TempDir(), "x")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		toml, err := foreign.Import(path, "")
		if err != nil {
			return
		}
		out := filepath.Join(t.TempDir(), "run.toml")
		require.NoError(t, os.WriteFile(out, []byte(toml), 0o600))
		if _, _, err := config.Load(out, nil); err != nil {
			require.NotContains(t, err.Error(), "expected", "%s", toml)
		}
	})
}
