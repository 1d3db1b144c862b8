package foreign

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// importInfo reads a dataset_info.json.
func importInfo(path string, content []byte, name string) (string, error) {
	var info map[string]map[string]any
	if err := json.Unmarshal(content, &info); err != nil {
		return "", fmt.Errorf("%s: %w; want a dataset_info.json: data sets by name, each an object", path, err)
	}
	names := slices.Sorted(maps.Keys(info))
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	switch {
	case len(names) == 0:
		return "", fmt.Errorf("%s: it describes no data set", path)
	case name == "":
		return "", fmt.Errorf("%s: it describes %d data sets; choose one, or several as in --dataset %s: %s", path, len(names), strings.Join(names[:2], ","), strings.Join(names, ", "))
	}
	m := mixture{about: fmt.Sprintf("data set %s of %s (LLaMA-Factory)", name, filepath.ToSlash(path))}
	for one := range strings.SplitSeq(name, ",") {
		one = strings.TrimSpace(one)
		entry, has := info[one]
		if !has {
			return "", fmt.Errorf("%s: it describes no data set %q; it has %s", path, one, strings.Join(names, ", "))
		}
		m.sets = append(m.sets, readInfo(path, m.about, entry))
	}
	toml, err := m.TOML()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return toml, nil
}

// readInfo reads one entry.
func readInfo(path, about string, entry map[string]any) recipe {
	r := recipe{about: about}
	e := infoEntry{recipe: &r, entry: entry, columns: table(entry["columns"]), tags: table(entry["tags"])}
	if file := text(entry["file_name"]); file != "" {
		r.paths = []string{filepath.ToSlash(filepath.Join(filepath.Dir(path), file))}
	}
	e.read()
	e.comments()
	return r
}

func table(v any) map[string]any {
	t, _ := v.(map[string]any)
	return t
}

// infoEntry is an entry of dataset_info.json.
type infoEntry struct {
	*recipe
	entry, columns, tags map[string]any
}

// field is the file's field for one of LLaMA-Factory's columns. Where the entry names
// columns, those that it does not name are not read.
func (e infoEntry) field(column, standard string) string {
	if e.columns == nil {
		return standard
	}
	return text(e.columns[column])
}

// read settles formatter and columns.
func (e infoEntry) read() {
	kto := text(e.columns["kto_tag"])
	ranking, _ := e.entry["ranking"].(bool)
	suffix, task := "", "sft"
	switch {
	case kto != "":
		suffix, task = "_labelled", "kto"
		e.column("kto_tag", kto)
	case ranking:
		suffix, task = "_pairs", "dpo, orpo, simpo, cpo, rrhf or reward"
		e.column("chosen", text(e.columns["chosen"]))
		e.column("rejected", text(e.columns["rejected"]))
	}
	e.task = task
	switch formatting := text(e.entry["formatting"]); {
	case formatting == "sharegpt" || formatting == "openai":
		e.conversation(formatting, suffix)
	case formatting != "" && formatting != "alpaca":
		e.comment("formatting = %s: llmhost does not know it; set formatter", shown(formatting))
	case suffix == "" && e.field("response", "output") == "":
		e.formatter = "plain_text"
		e.column("text", e.field("prompt", "instruction"))
	default:
		e.instruction(suffix)
	}
	for _, column := range []string{"system", "tools"} {
		if e.formatter != "plain_text" {
			e.column(column, text(e.columns[column]))
		}
	}
}

// instruction settles records of the alpaca form.
func (e infoEntry) instruction(suffix string) {
	e.formatter = "alpaca" + suffix
	if suffix == "" {
		e.formatter = "alpaca_chat"
	}
	e.column("instruction", e.field("prompt", "instruction"))
	e.column("input", e.field("query", "input"))
	if suffix != "_pairs" {
		e.column("output", e.field("response", "output"))
	}
	e.column("history", text(e.columns["history"]))
	if e.columns != nil && text(e.columns["query"]) == "" {
		e.comment("columns.query is not given, so LLaMA-Factory reads no input; here a field input is read where the records have one")
	}
}

// conversation settles records of the sharegpt and openai forms.
func (e infoEntry) conversation(formatting, suffix string) {
	role, content := text(e.tags["role_tag"]), text(e.tags["content_tag"])
	messages := e.field("messages", "conversations")
	switch plain := formatting == "openai" && role == "role" && content == "content"; {
	case plain && suffix == "":
		e.formatter = "messages"
		e.column("messages", messages)
		return
	case plain && suffix == "_pairs":
		e.formatter = "chat_pairs"
		e.column("messages", messages)
		return
	case plain:
		e.comment("messages with tool_calls are read by formatter messages alone, which has no labels")
	}
	e.formatter = "sharegpt" + suffix
	e.column("conversations", messages)
	for _, tag := range []string{"role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag", "function_tag", "system_tag"} {
		if value := text(e.tags[tag]); value != "" {
			e.set(tag, value)
		}
	}
}

// comments says what has no counterpart.
func (e infoEntry) comments() {
	for _, name := range slices.Sorted(maps.Keys(e.entry)) {
		value := e.entry[name]
		switch name {
		case "columns", "tags":
			for _, key := range slices.Sorted(maps.Keys(table(value))) {
				e.say(name+"."+key, table(value)[key])
			}
		case "num_samples":
			e.settings = append(e.settings, [2]string{"max_train_samples", shown(value)})
			e.comment("num_samples = %s: LLaMA-Factory draws them at random; llmhost takes the first", shown(value))
		case "split":
			e.takeSplit(value, e.say)
		default:
			e.say(name, value)
		}
	}
}

// say writes the comment of a field that has one.
func (e infoEntry) say(name string, value any) {
	row, is := known(LLaMAFactory, name)
	switch {
	case !is:
		e.comment("%s = %s: llmhost does not know this field of LLaMA-Factory", name, shown(value))
	case row.hint != "" && value != nil:
		e.comment("%s = %s: %s", name, shown(value), row.hint)
	}
}
