package tokenizer

import (
	"os"
	"path/filepath"
	"strings"

	"llmhost/host/jsonobject"
)

// Files beside tokenizer.json that hold chat templates.
const (
	templateName    = "chat_template.jinja"
	processorName   = "chat_template.json"
	templatesFolder = "additional_chat_templates"
)

// templateFiles are the names of the files with chat templates that Save writes.
func (t *Tokenizer) templateFiles() []string {
	if t.changed[templateName] != nil {
		return []string{templateName}
	}
	names := []string{templateName, processorName}
	entries, err := os.ReadDir(filepath.Join(t.Folder(), templatesFolder))
	if err != nil {
		return names // there are none, or they cannot be read, which loading them reports
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".jinja") {
			names = append(names, filepath.Join(templatesFolder, e.Name()))
		}
	}
	return names
}

// ReplaceTemplate makes source the chat template that Save writes, instead of all those
// that the folder has.
func (t *Tokenizer) ReplaceTemplate(source string) {
	t.changed[templateName] = []byte(source)
	text := t.changed[configName]
	if text == nil {
		var err error
		if text, err = os.ReadFile(filepath.Join(t.Folder(), configName)); err != nil {
			return // without the file there is no template in it
		}
	}
	config, err := jsonobject.Parse(text)
	if err != nil {
		return // opening the folder has reported what is wrong with it
	}
	if config.Get("chat_template") != nil {
		t.changed[configName] = config.Set("chat_template", nil).Text()
	}
}
