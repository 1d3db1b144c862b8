// Package jsonerror says what is wrong with a JSON text in a reader's words:
// where, what was found and what is wanted, and nothing of Go's types.
package jsonerror

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"unicode"
)

// Explain says what an error of encoding/json about text means. Other errors stay
// as they are.
func Explain(text []byte, err error) error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return fmt.Errorf("%s is %s; want %s", key(wrong.Field), found(wrong.Value), wanted(wrong.Type))
	case ends(err):
		return errors.New(Syntax(err))
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %s", place(text, syntax.Offset), Syntax(err))
	}
	if name := unknown.FindStringSubmatch(err.Error()); name != nil {
		return fmt.Errorf("unknown key %s", name[1])
	}
	return err
}

// Syntax says what breaks the JSON of a text, for callers that say where by
// themselves.
func Syntax(err error) string {
	var syntax *json.SyntaxError
	switch {
	case ends(err):
		return "it ends in the middle of its JSON"
	case errors.As(err, &syntax):
		return outOfPlace(syntax.Error())
	}
	return err.Error()
}

// ends tells whether the text ended too early.
func ends(err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end") ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// What encoding/json writes: of a key that a struct does not have, and of a
// character.
var (
	unknown   = regexp.MustCompile(`^json: unknown field (".*")$`)
	character = regexp.MustCompile(`^invalid character (.+?) (looking for beginning of |after |in )(.*)$`)
)

// outOfPlace is a syntax error in a reader's words.
func outOfPlace(text string) string {
	parts := character.FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	switch parts[2] + parts[3] {
	case "looking for beginning of value":
		return parts[1] + " is out of place; want a value"
	case "looking for beginning of object key string":
		return parts[1] + " is out of place; want a key in quotes"
	case "after object key":
		return parts[1] + " is out of place; want a colon after the key"
	case "after object key:value pair":
		return parts[1] + " is out of place; want a comma or } after the value"
	case "after array element":
		return parts[1] + " is out of place; want a comma or ] after the value"
	case "after top-level value":
		return parts[1] + " is out of place; want nothing after the value"
	}
	return parts[1] + " is out of place in " + strings.TrimPrefix(parts[3], "the ")
}

// place is line and column of a byte.
func place(text []byte, offset int64) string {
	before := text[:max(0, min(int(offset)-1, len(text)))]
	return fmt.Sprintf(
		"line %d, column %d",
		1+bytes.Count(before, []byte("\n")),
		len(before)-bytes.LastIndexByte(before, '\n'),
	)
}

// key is the path of a key as it is written: those of structs without a tag are
// small.
func key(path string) string {
	if path == "" {
		return "the whole"
	}
	names := strings.Split(path, ".")
	for i, name := range names {
		r := []rune(name)
		r[0] = unicode.ToLower(r[0])
		names[i] = string(r)
	}
	return fmt.Sprintf("%q", strings.Join(names, "."))
}

func found(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "number":
		return "a number"
	}
	return "the " + value
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float64, reflect.Float32:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}
