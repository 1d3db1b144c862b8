// Package project creates and builds plugin projects: a folder with the source
// of a loss, formatter, pooling or task in one of several languages, its test,
// and all that it needs to build without a network or this repository. It does
// not open plugins; host/plugin does.
//
// Start at New and Build.
package project

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/nearest"
)

// templates are the files of new projects: for each language a folder of common
// files, and one for each part.
//
//go:embed all:templates
var templates embed.FS

// Kinds are what a new project can hold.
var Kinds = []string{"loss", "formatter", "pooling", "task"}

// Languages are what a project can be written in.
var Languages = []string{"go", "rust", "c", "assemblyscript", "python"}

// parts are the folders of templates that a kind is made of.
var parts = map[string][]string{
	"loss":      {"loss"},
	"pooling":   {"pooling"},
	"formatter": {"records", "formatter"},
	"task":      {"records", "task"},
}

// data is the file of sample records for a kind.
var data = map[string]string{
	"loss":      "preference.jsonl",
	"formatter": "questions.jsonl",
	"task":      "questions.jsonl",
}

// Sources are the files that projects are built against.
type Sources struct {
	SDK     fs.FS // package sdk with those below it
	Helpers fs.FS // the helpers of other languages
}

// Spec says which project to write.
type Spec struct {
	Name     string // of plugin, component, task and module
	Kind     string // one of Kinds
	Language string // one of Languages
	Folder   string // to write, absent or empty

	Sources Sources
	Cache   string // folder that SDKs are unpacked in
}

// New writes a project. The error names what is wrong with the spec.
func New(s Spec) error {
	if err := s.check(); err != nil {
		return err
	}
	files, err := s.files()
	if err != nil {
		return err
	}
	for name, text := range files {
		file := filepath.Join(s.Folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) check() error {
	switch {
	case !isName(s.Name):
		return fmt.Errorf("name %q; want a lower-case letter, then lower-case letters, digits, - and _", s.Name)
	case !slices.Contains(Kinds, s.Kind):
		return fmt.Errorf(
			"kind %q; want one of %s%s",
			s.Kind,
			strings.Join(Kinds, ", "),
			nearest.Hint(s.Kind, Kinds),
		)
	case !slices.Contains(Languages, s.Language):
		return fmt.Errorf(
			"language %q; want one of %s%s",
			s.Language,
			strings.Join(Languages, ", "),
			nearest.Hint(s.Language, Languages),
		)
	}
	entries, err := os.ReadDir(s.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("folder %s is not empty; choose another with --dir", s.Folder)
	}
	return nil
}

// isName accepts what is a name in every language, apart from "-".
func isName(s string) bool {
	for i, r := range s {
		lower := r >= 'a' && r <= 'z'
		if !lower && (i == 0 || (r < '0' || r > '9') && r != '-' && r != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// files are the project's files by their path.
func (s Spec) files() (map[string][]byte, error) {
	fill, err := s.tokens()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, part := range append([]string{"common"}, parts[s.Kind]...) {
		if err := addTemplates(files, path.Join("templates", s.Language, part), fill); err != nil {
			return nil, err
		}
	}
	if files["CONTRACT.md"], err = fs.ReadFile(s.Sources.SDK, "README.md"); err != nil {
		return nil, err
	}
	if records := data[s.Kind]; records != "" {
		files["data.jsonl"] = shared(records)
		files["run.toml"] = []byte(fill.Replace(string(shared("run.toml"))))
	}
	return files, s.addHelper(files)
}

// addTemplates adds the files below a folder of templates.
func addTemplates(files map[string][]byte, folder string, fill *strings.Replacer) error {
	return fs.WalkDir(templates, folder, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(templates, file)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(file, folder+"/"), ".tmpl")
		if name == "_gitignore" {
			name = ".gitignore"
		}
		files[fill.Replace(name)] = []byte(fill.Replace(string(text)))
		return nil
	})
}

// tokens maps a template's placeholders to their values.
func (s Spec) tokens() (*strings.Replacer, error) {
	built := s.Name + ".wasm"
	scripts := `"main.py", "llmhost_plugin"`
	if s.Language == "python" {
		built = "."
	}
	if slices.Contains(parts[s.Kind], "records") {
		scripts = `"main.py", "records.py", "llmhost_plugin"`
	}
	build := "llmhost plugins build .           # writes " + built
	if filepath.Base(s.Folder) != s.Name { // the folder names what is built
		build = "llmhost plugins build . -o " + built
	}
	sdk := ""
	if s.Language == "go" {
		var err error
		if sdk, err = unpackSDK(s.Sources.SDK, s.Cache, wasmTransport); err != nil {
			return nil, err
		}
	}
	use := strings.ReplaceAll(string(shared("use-"+s.Kind+".md")), "__BUILT__", built)
	return strings.NewReplacer("__NAME__", s.Name, "__IDENT__", strings.ReplaceAll(s.Name, "-", "_"), "__KIND__", s.Kind,
		"__BUILT__", built, "__BUILD__", build, "__MAIN__", s.goFile(), "__SDK__", inGoMod(sdk), "__FILES__", scripts, "__USE__\n", use), nil
}

// goFile is the file of a Go project that its author changes first.
func (s Spec) goFile() string {
	if s.Kind == "task" {
		return "loss.go"
	}
	return s.Kind + ".go"
}

// Steps are the commands that a written project's README gives, in its order.
func (s Spec) Steps() (steps []string, err error) {
	text, err := os.ReadFile(filepath.Join(s.Folder, "README.md"))
	if err != nil {
		return nil, err
	}
	for i, part := range strings.Split(string(text), "```\n") {
		if i%2 == 1 {
			steps = append(steps, strings.Split(strings.TrimSuffix(part, "\n"), "\n")...)
		}
	}
	return steps, nil
}

func shared(name string) []byte {
	text, err := templates.ReadFile("templates/shared/" + name)
	if err != nil {
		panic(err) // the file is part of the binary
	}
	return text
}

// helpers are the example folders and files that a project of a language gets a
// copy of, and where they go.
var helpers = map[string]map[string]string{
	"rust": {"rust/llmhost-plugin": "llmhost-plugin"},
	"c":    {"c/llmhost_plugin": "llmhost_plugin"},
	"assemblyscript": {"assemblyscript/assembly/llmhost": "assembly/llmhost",
		"assemblyscript/asconfig.json": "asconfig.json", "assemblyscript/host.mjs": "host.mjs"},
	"python": {"python/llmhost_plugin": "llmhost_plugin"},
}

// addHelper adds the copies of the language's helper.
func (s Spec) addHelper(files map[string][]byte) error {
	for from, to := range helpers[s.Language] {
		err := fs.WalkDir(s.Sources.Helpers, from, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := fs.ReadFile(s.Sources.Helpers, file)
			files[to+strings.TrimPrefix(file, from)] = bytes.Clone(text)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
