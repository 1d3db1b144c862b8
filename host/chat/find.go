package chat

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/jsonerror"
)

// Files that hold templates, as transformers names them.
const (
	fileName      = "chat_template.jinja"
	moreFolder    = "additional_chat_templates"
	configName    = "tokenizer_config.json"
	processorName = "chat_template.json"
)

//go:embed chatml.jinja
var chatML string

// builtin are templates that any model may be given by name.
var builtin = map[string]string{"chatml": chatML}

// Has tells whether a run has a chat template: one that the setting names, or one of the
// model's folder, be it a broken one.
func Has(folder, setting string) bool {
	_, err := find(folder, setting)
	return !errors.Is(err, ErrNone)
}

// find finds the templates for a model's folder. As in transformers, files of their own
// come before tokenizer_config.json; last comes the file that processors of images have.
func find(folder, setting string) (found, error) {
	f := found{sources: map[string]string{}, paths: map[string]string{}}
	err := f.fromFiles(folder)
	if err == nil && len(f.sources) == 0 {
		err = f.fromConfig(filepath.Join(folder, configName))
	}
	if err == nil && len(f.sources) == 0 {
		err = f.fromProcessor(filepath.Join(folder, processorName))
	}
	switch {
	case setting != "":
		return f.chosen(setting, err)
	case err != nil:
		return f, err
	case len(f.sources) == 0:
		return f, fmt.Errorf("%w in %s: neither %s, nor %s, nor chat_template in %s; give one with chat_template = \"FILE\", or chat_template = \"chatml\" for a model that has not seen chats",
			ErrNone, folder, fileName, moreFolder+"/*.jinja", configName)
	}
	return f, nil
}

// chosen is the template that the setting names: one of the model's, a builtin one, or a
// file. What is wrong with the model's own does not matter unless one of them is named.
func (f found) chosen(setting string, wrong error) (found, error) {
	one := found{sources: map[string]string{}, paths: map[string]string{}, setting: true}
	if source, has := f.sources[setting]; has {
		one.add(defaultName, source, f.paths[setting])
		return one, nil
	}
	if source, has := builtin[setting]; has {
		one.add(defaultName, source, "builtin template "+setting)
		return one, nil
	}
	data, err := os.ReadFile(setting)
	if errors.Is(err, fs.ErrNotExist) {
		names := slices.Sorted(maps.Keys(f.sources))
		own := "the model has none by name"
		if len(names) > 0 {
			own = "the model's are " + strings.Join(names, ", ")
		}
		return one, errors.Join(wrong, fmt.Errorf("chat_template is %q, which is no file and no template's name: %s; builtin are %s",
			setting, own, strings.Join(slices.Sorted(maps.Keys(builtin)), ", ")))
	}
	if err != nil {
		return one, fmt.Errorf("chat_template: %w", err)
	}
	one.add(defaultName, string(data), setting)
	return one, nil
}

func (f *found) add(name, source, path string) { f.sources[name], f.paths[name] = source, path }

func (f *found) fromFiles(folder string) error {
	paths, err := filepath.Glob(filepath.Join(escaped(folder), moreFolder, "*.jinja"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if err := f.read(strings.TrimSuffix(filepath.Base(path), ".jinja"), path); err != nil {
			return err
		}
	}
	err = f.read(defaultName, filepath.Join(folder, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// escaped is a folder's path as a pattern that fits it alone.
func escaped(folder string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(folder)
}

func (f *found) read(name, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("chat template: %w", err)
	}
	f.add(name, string(data), path)
	return nil
}

// fromConfig reads chat_template of tokenizer_config.json: a text, or a list of texts
// with names.
func (f *found) fromConfig(path string) error {
	value, err := keyOf(path, "chat_template")
	if err != nil || value == nil {
		return err
	}
	place := path + ", chat_template"
	var text *string
	if json.Unmarshal(value, &text) == nil {
		if text != nil {
			f.add(defaultName, *text, place)
		}
		return nil
	}
	var list []struct{ Name, Template *string }
	if err := json.Unmarshal(value, &list); err != nil {
		return fmt.Errorf("%s is neither a text nor a list of objects with \"name\" and \"template\"", place)
	}
	for i, entry := range list {
		if entry.Name == nil || entry.Template == nil {
			return fmt.Errorf("%s[%d] has no \"name\" or no \"template\"", place, i)
		}
		f.add(*entry.Name, *entry.Template, fmt.Sprintf("%s %q", place, *entry.Name))
	}
	return nil
}

// fromProcessor reads the file in which processors of images keep the template.
func (f *found) fromProcessor(path string) error {
	value, err := keyOf(path, "chat_template")
	if err != nil || value == nil {
		return err
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return fmt.Errorf("%s, chat_template is no text", path)
	}
	f.add(defaultName, text, path+", chat_template")
	return nil
}

// keyOf is the value of a key of a JSON file, nil where there is no such file or key.
func keyOf(path, key string) (json.RawMessage, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("%s: not a JSON object: %s", path, jsonerror.Syntax(err))
	}
	return fields[key], nil
}
