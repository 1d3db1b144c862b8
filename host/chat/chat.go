// Package chat turns conversations into text with a model's chat template: it finds the
// template as transformers does, and renders with what transformers gives a template.
//
// Messages, tools, documents and arguments are JSON text throughout, so that their keys
// keep the order in which a template prints them. The engine is in package tokenizer.
// Start with Load.
package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"llmhost/host/tokenizer"
)

// Options say which template is wanted and what it is told.
type Options struct {
	// Setting is chat_template: a file, the name of one of the model's templates, or of
	// a builtin one; "" for the model's own.
	Setting string
	// Now is what strftime_now tells; the zero value stands for DefaultNow.
	Now time.Time
	// AllowSpecialTokens lets special tokens that a conversation's texts spell out be such;
	// otherwise they are text.
	AllowSpecialTokens bool
}

// DefaultNow is the date that Llama 3.1's and 3.2's templates give where they are told
// none, so that a run without a setting repeats on every day.
var DefaultNow = time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)

// Template is the chat template of a model, or the several that it has by name.
type Template struct {
	found
	compiled map[string]*tokenizer.Template
	now      time.Time
	tok      *tokenizer.Tokenizer
	shared   tokenizer.TemplateSource // what all of them have, without a text
	learned  learned
}

// found are the sources of a model's templates.
type found struct {
	sources map[string]string // by name; one alone is called default
	paths   map[string]string // where each came from
	setting bool              // it came from the setting, not with the model
}

// The names that transformers gives templates with a meaning.
const (
	defaultName = "default"
	toolsName   = "tool_use"
)

// ErrNone says that a model has no chat template. Wrapped errors say how to give it one.
var ErrNone = errors.New("no chat template")

// Load finds and compiles the chat template for tok. A model without one gets an error
// that is ErrNone.
func Load(tok *tokenizer.Tokenizer, o Options) (*Template, error) {
	sources, err := find(tok.Folder(), o.Setting)
	if err != nil {
		return nil, err
	}
	t := &Template{found: sources, compiled: map[string]*tokenizer.Template{}, now: o.Now, tok: tok}
	if t.now.IsZero() {
		t.now = DefaultNow
	}
	t.tok = tok
	if !o.AllowSpecialTokens {
		t.shared.Control = tok.SpecialTokens()
	}
	if t.shared.Variables, err = roleVariables(tok); err != nil {
		return nil, err
	}
	for _, name := range t.Names() {
		if t.compiled[name], err = t.compile(t.sources[name]); err != nil {
			return nil, placed(t.paths[name], err)
		}
	}
	return t, nil
}

// compile compiles a text as one of the templates.
func (t *Template) compile(text string) (*tokenizer.Template, error) {
	source := t.shared
	source.Text = text
	return t.tok.Compile(source)
}

// roleVariables are the special tokens with a role, as variables of templates.
func roleVariables(tok *tokenizer.Tokenizer) (string, error) {
	tokens, err := tok.RoleTokens()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(tokens)
	return string(text), err
}

// placed is an error in a template with the file that it is in.
func placed(path string, err error) error {
	var wrong *tokenizer.TemplateError
	if errors.As(err, &wrong) && wrong.Line > 0 {
		return fmt.Errorf("%s:%d: %s", path, wrong.Line, wrong.Message)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Names are those of the templates, sorted.
func (t *Template) Names() []string { return slices.Sorted(maps.Keys(t.sources)) }

// Source is the text of a template, "" where there is none of that name.
func (t *Template) Source(name string) string { return t.sources[name] }

// Only is the text of the one template that the setting gave.
func (t *Template) Only() string { return t.sources[defaultName] }

// Path says where a template came from: a file, a file and a key in it, or a builtin.
func (t *Template) Path(name string) string { return t.paths[name] }

// FromSetting tells whether the setting chat_template gave the template.
func (t *Template) FromSetting() bool { return t.setting }

// Now is what strftime_now tells.
func (t *Template) Now() time.Time { return t.now }

// Digest is the SHA-256, in hex, of the template's text; of several, of all their names
// and texts.
func (t *Template) Digest() string {
	sum := sha256.New()
	if len(t.sources) == 1 && t.sources[defaultName] != "" {
		io.WriteString(sum, t.sources[defaultName])
		return hex.EncodeToString(sum.Sum(nil))
	}
	for _, name := range t.Names() {
		fmt.Fprintf(sum, "%d %s%d %s", len(name), name, len(t.sources[name]), t.sources[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// TellsTime tells whether one of the templates asks for the day.
func (t *Template) TellsTime() bool {
	for _, source := range t.sources {
		if strings.Contains(source, "strftime_now") {
			return true
		}
	}
	return false
}

// For is the name of the template for a conversation with tools or without.
func (t *Template) For(tools bool) (string, error) {
	if _, has := t.sources[toolsName]; has && tools {
		return toolsName, nil
	}
	if _, has := t.sources[defaultName]; has {
		return defaultName, nil
	}
	return "", fmt.Errorf("the model has several chat templates and none called %s: %s; choose one with chat_template",
		defaultName, strings.Join(t.Names(), ", "))
}

// MarksGeneration tells whether the template for a conversation with or without tools
// says with {% generation %} what the model wrote.
func (t *Template) MarksGeneration(tools bool) bool {
	name, err := t.For(tools)
	return err == nil && t.compiled[name].MarksGeneration()
}
