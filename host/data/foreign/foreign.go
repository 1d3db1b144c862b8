// Package foreign reads how other programs describe their data sets and writes the
// TOML that says the same to llmhost: LLaMA-Factory's dataset_info.json and the
// datasets of axolotl's YAML. What has no counterpart becomes a comment, so that
// nothing is lost in silence. Start at Import.
package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Import reads the file at path. name says which data sets to take, divided by commas:
// their names in a dataset_info.json, the numbers of their entries, from 1, in a YAML
// file; "" takes all of a YAML file, and the only one of a dataset_info.json.
func Import(path, name string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return importInfo(path, text, name)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return "", fmt.Errorf("%s: %s; want a dataset_info.json of LLaMA-Factory or a YAML file of axolotl", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return importAxolotl(path, doc, name)
}

// recipe is what the TOML is to say.
type recipe struct {
	about     string
	paths     []string // of data files
	evalPaths []string
	formatter string
	task      string      // that learns from such records, for a comment
	settings  [][2]string // other settings and parameters: name and value as TOML
	split     string      // of a folder of datasets
	columns   [][2]string // the formatter's name of a field, and the file's
	comments  []string
}

// comment says what a field of the other program becomes, where that is no setting.
func (r *recipe) comment(format string, args ...any) {
	r.comments = append(r.comments, fmt.Sprintf(format, args...))
}

// set adds a setting whose value is a text.
func (r *recipe) set(name, value string) {
	r.settings = append(r.settings, [2]string{name, strconv.Quote(value)})
}

// column names a field where the file's name is another.
func (r *recipe) column(name, field string) {
	if field != "" && field != name {
		r.columns = append(r.columns, [2]string{name, field})
	}
}

// TOML writes the recipe.
func (r recipe) TOML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", r.about)
	if r.task != "" {
		fmt.Fprintf(&b, "# records for: %s\n", r.task)
	}
	b.WriteByte('\n')
	if r.paths != nil {
		fmt.Fprintf(&b, "data_paths = %s\n", list(r.paths))
	}
	if r.evalPaths != nil {
		fmt.Fprintf(&b, "eval_data_paths = %s\n", list(r.evalPaths))
	}
	if r.formatter != "" {
		fmt.Fprintf(&b, "formatter = %q\n", r.formatter)
	}
	for _, s := range r.settings {
		fmt.Fprintf(&b, "%s = %s\n", s[0], s[1])
	}
	writeComments(&b, r.comments)
	if len(r.columns) > 0 {
		b.WriteString("\n[columns]\n")
	}
	for _, c := range r.columns {
		fmt.Fprintf(&b, "%s = %s\n", c[0], strconv.Quote(c[1]))
	}
	return b.String()
}

// takeSplit takes the split of a folder, which may be one that datasets wrote; of a file
// it is said.
func (r *recipe) takeSplit(value any, say func(name string, value any)) {
	split := text(value)
	isFolder := len(r.paths) == 1 && !strings.Contains(filepath.Base(r.paths[0]), ".")
	switch {
	case split == "train" || value == nil:
	case isFolder && split != "" && !strings.ContainsAny(split, "[]+"):
		r.split = split
	default:
		say("split", value)
	}
}

// list writes texts as TOML.
func list(texts []string) string {
	var quoted []string
	for _, t := range texts {
		quoted = append(quoted, strconv.Quote(t))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// shown writes a value of a field in a comment.
func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// text is a value that is a text, "" where it is none.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts are a text or a list of them.
func texts(v any) (all []string) {
	if s, is := v.(string); is && s != "" {
		return []string{s}
	}
	items, _ := v.([]any)
	for _, item := range items {
		if s := text(item); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// known are the rows of a table by the names of their fields.
func known(table []Row, name string) (Row, bool) {
	i := slices.IndexFunc(table, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}
