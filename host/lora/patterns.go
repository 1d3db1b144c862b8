package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"llmhost/host/jsonobject"
)

// Patterns give modules values by expressions for the ends of their names: the
// first that fits counts, so their order is kept.
type Patterns[T any] []Pattern[T]

// Pattern is one expression with its value.
type Pattern[T any] struct {
	Key   string
	Value T
}

// UnmarshalJSON reads an object. Of a key that is there twice the last value counts, in
// the first place, as in Python.
func (p *Patterns[T]) UnmarshalJSON(text []byte) error {
	o, err := jsonobject.Parse(text)
	*p = nil
	for _, m := range o {
		var value T
		if string(m.Value) == "null" || json.Unmarshal(m.Value, &value) != nil {
			return fmt.Errorf("%q is %s", m.Key, m.Value)
		}
		at := slices.IndexFunc(*p, func(have Pattern[T]) bool { return have.Key == m.Key })
		if at < 0 {
			*p = append(*p, Pattern[T]{m.Key, value})
			continue
		}
		(*p)[at].Value = value
	}
	return err
}

// MarshalJSON writes an object, as PEFT wants one even where it is empty.
func (p Patterns[T]) MarshalJSON() ([]byte, error) {
	o := jsonobject.Object{}
	for _, pattern := range p {
		o = o.Set(pattern.Key, pattern.Value)
	}
	return o.MarshalJSON()
}

// of returns the value of the first pattern that matches the module, or otherwise.
// key is what errors call p.
func (p Patterns[T]) of(key, module string, otherwise T) (T, error) {
	for _, pattern := range p {
		fits, err := pattern.match(key, module)
		if err != nil || fits {
			return pattern.Value, err
		}
	}
	return otherwise, nil
}

func (p Pattern[T]) match(key, module string) (bool, error) {
	expression, err := compile(key, p.Key, `(.*\.)?(%s)$`)
	if err != nil {
		return false, err
	}
	return expression.MatchString(module), nil
}

// unmatched are the patterns that match none of the modules.
func (p Patterns[T]) unmatched(modules []string) (keys []string) {
	for _, pattern := range p {
		if !slices.ContainsFunc(modules, func(m string) bool {
			fits, _ := pattern.match("", m) // which has been compiled before
			return fits
		}) {
			keys = append(keys, pattern.Key)
		}
	}
	return keys
}

// compile makes the expression in format around a Python expression, for whole
// names. key is what errors call it.
func compile(key, python, format string) (*regexp.Regexp, error) {
	return compileFor(key, python, `\A(?:`+format+`)\z`)
}

// compilePrefix is compile for the beginnings of names.
func compilePrefix(key, python, format string) (*regexp.Regexp, error) {
	return compileFor(key, python, `\A(?:`+format+`)`)
}

func compileFor(key, python, format string) (*regexp.Regexp, error) {
	if foreign, what := pythonOnly(python); foreign != "" {
		return nil, fmt.Errorf("%s: %q has %s, %s, which llmhost's regular expressions read otherwise or not at all; write it without", key, python, foreign, what)
	}
	if _, err := regexp.Compile(python); err != nil {
		return nil, fmt.Errorf("%s: %q: %w; want names or a regular expression", key, python, err)
	}
	return regexp.Compile(strings.Replace(format, "%s", python, 1))
}

// groups are the beginnings of groups that mean the same to Python and Go.
var groups = regexp.MustCompile(`^\(\?(?::|P<\w+>|[ims]+(?:-[ims]+)?:)`)

// pythonOnly finds the first part of a Python expression that Go's reads in
// another way or not at all, and says what it is; "" where both agree.
func pythonOnly(python string) (part, what string) {
	for i := 0; i < len(python); i++ {
		rest := python[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			if isLetter(rest[1]) && !strings.ContainsRune(`AbBdDfnrstvwWSx`, rune(rest[1])) || strings.HasPrefix(rest, `\x{`) {
				return rest[:2], "an escape of Python's alone or a back reference"
			}
			i++
		case strings.HasPrefix(rest, "(?") && !groups.MatchString(rest):
			return rest[:min(4, len(rest))], "a look-around, a back reference, a comment or a flag"
		case strings.HasPrefix(rest, "{,"):
			return "{,", "a repetition without a least number"
		case strings.HasPrefix(rest, "[[:"):
			return "[[:", "a class by name"
		}
	}
	return "", ""
}

// isLetter tells whether a byte is an ASCII letter or digit.
func isLetter(c byte) bool {
	return bytes.IndexByte([]byte("0123456789"), c) >= 0 || c|0x20 >= 'a' && c|0x20 <= 'z'
}
