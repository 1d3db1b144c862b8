package foreign

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// importAxolotl reads the data sets of a YAML file.
func importAxolotl(path string, doc map[string]any, name string) (string, error) {
	entries := entriesOf(doc["datasets"])
	if len(entries) == 0 {
		entries = entriesOf(doc["pretraining_dataset"])
	}
	if len(entries) == 0 {
		return "", fmt.Errorf("%s: it has no datasets; want a YAML file of axolotl with the key datasets or pretraining_dataset", path)
	}
	chosen, err := chosenOf(entries, name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	m := mixture{about: fmt.Sprintf("datasets of %s (axolotl)", filepath.ToSlash(path))}
	for _, entry := range chosen {
		m.sets = append(m.sets, readEntry(m.about, entry, doc))
	}
	m.readTests(doc)
	toml, err := m.TOML()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return toml, nil
}

// chosenOf are the entries with these numbers, all where none is given.
func chosenOf(entries []map[string]any, numbers string) (chosen []map[string]any, err error) {
	if numbers == "" {
		return entries, nil
	}
	for number := range strings.SplitSeq(numbers, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 1 || n > len(entries) {
			return nil, fmt.Errorf("it has %d datasets, and no entry %q; choose by numbers, from 1", len(entries), number)
		}
		chosen = append(chosen, entries[n-1])
	}
	return chosen, nil
}

// readTests reads test_datasets. A file is read as a training set that it is like, and
// otherwise by its fields.
func (m *mixture) readTests(doc map[string]any) {
	how := func(r recipe) string {
		return recipe{formatter: r.formatter, settings: r.settings, columns: r.columns}.TOML()
	}
	for _, entry := range entriesOf(doc["test_datasets"]) {
		held := readEntry(m.about, entry, doc)
		if !slices.ContainsFunc(m.sets, func(r recipe) bool { return how(r) == how(held) }) {
			text := strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(how(held), "# \n")), "\n", "; ")
			m.comments = append(m.comments, fmt.Sprintf("test_datasets %s is read in another way than datasets: %s", list(held.paths), text))
			continue
		}
		m.evalPaths = append(m.evalPaths, held.paths...)
		for _, c := range held.comments {
			if !slices.ContainsFunc(m.sets, func(r recipe) bool { return slices.Contains(r.comments, c) }) {
				m.comments = append(m.comments, c)
			}
		}
	}
}

// entriesOf are the entries of a key: a list of tables, or one table or path.
func entriesOf(v any) (entries []map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case string:
		return []map[string]any{{"path": v, "type": "pretrain"}}
	case []any:
		for _, item := range v {
			if entry := table(item); entry != nil {
				entries = append(entries, entry)
			} else if path := text(item); path != "" {
				entries = append(entries, map[string]any{"path": path})
			}
		}
	}
	return entries
}

// axolotlEntry is an entry of datasets.
type axolotlEntry struct {
	*recipe
	entry map[string]any
	kind  string         // its type where that is a text
	types map[string]any // and where it is a table
	rl    string         // of the whole file: dpo, kto, orpo …
}

func readEntry(about string, entry, doc map[string]any) recipe {
	r := recipe{about: about}
	e := axolotlEntry{
		recipe: &r,
		entry:  entry,
		kind:   text(entry["type"]),
		types:  table(entry["type"]),
		rl:     text(doc["rl"]),
	}
	e.files()
	e.read()
	e.template(doc)
	e.rest()
	return r
}

// files settles the paths.
func (e axolotlEntry) files() {
	path, files := text(e.entry["path"]), texts(e.entry["data_files"])
	local := strings.HasPrefix(path, ".") || strings.HasPrefix(path, "/") || strings.Contains(filepath.Base(path), ".")
	switch {
	case path == "synthetic":
		e.comment("path = \"synthetic\": synthetic data sets measure speed; use cmd/bench")
	case strings.Contains(path, "://"):
		e.comment("path = %s: llmhost downloads nothing: copy the files and write them into data_paths", shown(path))
	case len(files) > 0:
		for _, file := range files {
			if local && !strings.Contains(filepath.Base(path), ".") {
				file = filepath.ToSlash(filepath.Join(path, file))
			}
			e.paths = append(e.paths, file)
		}
		if !local && path != "json" {
			e.comment("path = %s: it names a data set on a hub, and data_files are in it; llmhost downloads nothing", shown(path))
		}
	case local:
		e.paths = []string{path}
	case path != "":
		e.comment("path = %s: it is a folder here, or a data set on a hub; llmhost downloads nothing: fetch it and write its files into data_paths", shown(path))
	}
	e.takeSplit(e.entry["split"], func(name string, value any) {
		e.comment("%s = %s: give the files of that split", name, shown(value))
	})
}

// read settles the formatter and the names of fields.
func (e axolotlEntry) read() {
	e.task = map[string]string{"": "sft", "dpo": "dpo", "ipo": "dpo", "simpo": "simpo", "orpo": "orpo", "kto": "kto"}[e.rl]
	base, form, _ := strings.Cut(e.kind, ".")
	switch {
	case e.types != nil:
		e.userDefined()
	case strings.HasPrefix(e.kind, "bradley_terry"):
		e.task, e.formatter = "reward", "alpaca_pairs"
		e.column("instruction", "input")
	case e.rl != "" || slices.Contains([]string{"chatml", "llama3", "zephyr", "passthrough"}, base):
		e.preference(base, form)
	case e.kind == "" || base == "completion" || base == "pretrain":
		e.formatter = "plain_text"
		e.column("text", text(e.entry["field"]))
		e.column("text", text(e.entry["text_column"]))
	case base == "chat_template" || base == "sharegpt":
		e.conversation(base)
	case base == "messages":
		e.formatter = "messages"
		e.column("messages", text(e.entry["field_messages"]))
	case base == "alpaca" || base == "alpaca_instruct" || base == "alpaca_chat" || base == "alpaca_w_system":
		e.formatter = "alpaca_chat"
		e.comment("type = %s: axolotl lays the records out as texts; the chat template does here, and formatter = \"alpaca\" as Stanford Alpaca did", shown(e.kind))
	case base == "gpteacher":
		e.formatter = "alpaca_chat"
		e.column("output", "response")
	case base == "llama2_chat":
		e.formatter = "llama2_chat"
		e.column("messages", text(e.entry["field_messages"]))
	default:
		e.comment("type = %s: llmhost has no such layout; write the records as messages, or as prompt and answer", shown(e.kind))
	}
	e.column("tools", text(e.entry["field_tools"]))
}

// preference settles pairs and labels: types of rl, such as chatml.intel.
func (e axolotlEntry) preference(base, form string) {
	prompts := map[string]string{"intel": "question", "icr": "input", "prompt_pairs": "prompt", "argilla": "instruction"}
	switch {
	case base == "passthrough":
		e.formatter = "chosen_rejected"
	case e.rl == "kto" && prompts[form] != "":
		e.formatter = "alpaca_labelled"
		e.column("instruction", prompts[form])
		e.column("output", "completion")
		e.column("kto_tag", "label")
	case e.rl == "kto":
		e.formatter = "labelled_completion"
	case base == "chat_template" || form == "argilla_chat" || form == "ultra":
		e.formatter = "chat_pairs"
		if form == "" || form == "default" {
			e.column("messages", text(e.entry["field_messages"]))
		}
		e.column("chosen", text(e.entry["field_chosen"]))
		e.column("rejected", text(e.entry["field_rejected"]))
		e.notPlain()
	case prompts[form] != "":
		e.formatter = "alpaca_pairs"
		e.column("instruction", prompts[form])
	default:
		e.comment("type = %s: give the names of the record's fields in [columns]; formatter = \"chosen_rejected\" reads texts, \"chat_pairs\" messages", shown(e.kind))
	}
	if base == "chatml" || base == "llama3" || base == "zephyr" {
		e.comment("type = %s: axolotl lays the records out itself; the model's chat template does here", shown(e.kind))
	}
}

// keys are the names of role and content in a message.
func (e axolotlEntry) keys() (role, content string) {
	mapping := table(e.entry["message_property_mappings"])
	role, content = text(mapping["role"]), text(mapping["content"])
	if old := text(e.entry["message_field_role"]); old != "" {
		role = old
	}
	if old := text(e.entry["message_field_content"]); old != "" {
		content = old
	}
	return role, content
}

// notPlain says where messages of pairs have other keys than role and content.
func (e axolotlEntry) notPlain() {
	role, content := e.keys()
	if role != "" && role != "role" || content != "" && content != "content" {
		e.comment("message_property_mappings: formatter chat_pairs reads role and content alone; sharegpt_pairs reads other keys, by role_tag and content_tag")
	}
}

// conversation settles messages, of role and content or under other names.
func (e axolotlEntry) conversation(base string) {
	role, content := e.keys()
	roles := table(e.entry["roles"])
	field := text(e.entry["field_messages"])
	plain := (role == "" || role == "role") && (content == "" || content == "content") && roles == nil
	if plain && base != "sharegpt" {
		e.formatter = "messages"
		e.column("messages", field)
		return
	}
	e.formatter = "sharegpt"
	if field == "" && base != "sharegpt" {
		field = "messages"
	}
	e.column("conversations", field)
	if role != "" {
		e.set("role_tag", role)
	}
	if content != "" {
		e.set("content_tag", content)
	}
	tags := map[string]string{"user": "user_tag", "assistant": "assistant_tag", "system": "system_tag", "tool": "observation_tag"}
	for _, target := range slices.Sorted(maps.Keys(roles)) {
		if tag := tags[target]; tag != "" {
			e.set(tag, strings.Join(texts(roles[target]), "|"))
		} else {
			e.comment("roles.%s = %s: sharegpt has no such role", target, shown(roles[target]))
		}
	}
	if roles == nil && role == "role" {
		e.set("user_tag", "human|user")
		e.set("assistant_tag", "gpt|assistant")
	}
}

// userDefined settles a type that is a table.
func (e axolotlEntry) userDefined() {
	e.formatter = "alpaca_chat"
	names := map[string]string{"field_instruction": "instruction", "field_input": "input", "field_output": "output", "field_system": "system"}
	switch e.rl {
	case "":
	case "kto":
		e.formatter = "kto"
		names = map[string]string{"field_prompt": "prompt", "field_completion": "completion", "field_label": "label"}
	default:
		e.formatter = "chosen_rejected"
		names = map[string]string{"field_prompt": "prompt", "field_chosen": "chosen", "field_rejected": "rejected"}
	}
	for _, key := range slices.Sorted(maps.Keys(e.types)) {
		switch column := names[key]; {
		case column != "":
			e.column(column, text(e.types[key]))
		case key == "field_system":
			e.comment("type.field_system = %s: write the system message into the prompts", shown(e.types[key]))
		default:
			e.say("type."+key, e.types[key])
		}
	}
}

// template settles the chat template and what is learned.
func (e axolotlEntry) template(doc map[string]any) {
	name, source := text(e.entry["chat_template"]), text(e.entry["chat_template_jinja"])
	if name == "" && source == "" {
		name, source = text(doc["chat_template"]), text(doc["chat_template_jinja"])
	}
	switch {
	case source != "" && !strings.ContainsAny(source, "{\n"):
		e.set("chat_template", source)
	case source != "":
		e.comment("chat_template_jinja is a template in the YAML file: write it into a file and give its path as chat_template")
	case name == "chatml":
		e.set("chat_template", name)
	case name != "" && name != "tokenizer_default":
		e.comment("chat_template = %s: write that template into a file and give its path as chat_template; the model's own is the default", shown(name))
	}
	if roles := texts(e.entry["roles_to_train"]); roles != nil {
		e.settings = append(e.settings, [2]string{"train_on", list(roles)})
	}
	if key := text(e.entry["message_field_training"]); key != "" && !slices.Contains(learnKeys, key) {
		e.comment("message_field_training = %s: rename the key to train in the records", shown(key))
	}
}

// rest writes comments for all that has no counterpart.
func (e axolotlEntry) rest() {
	for _, name := range slices.Sorted(maps.Keys(e.entry)) {
		if name != "type" {
			e.say(name, e.entry[name])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(table(e.entry["message_property_mappings"]))) {
		if value := text(table(e.entry["message_property_mappings"])[key]); key != "role" && key != "content" && value != key {
			e.comment("message_property_mappings.%s = %s: rename the key in the records", key, shown(value))
		}
	}
}

// say writes the comment of a field that has one.
func (e axolotlEntry) say(name string, value any) {
	row, is := known(Axolotl, name)
	switch {
	case !is:
		e.comment("%s = %s: llmhost does not know this field of axolotl", name, shown(value))
	case row.hint != "" && value != nil:
		e.comment("%s = %s: %s", name, shown(value), row.hint)
	}
}

// learnKeys are the keys of a message that formatters of chats know to say whether it
// is learned.
var learnKeys = []string{"train", "weight", "loss", "loss_mask", "training", "trainable"}
