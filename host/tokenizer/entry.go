package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// entry is a token as added_tokens of tokenizer.json lists it.
type entry struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// token reads the value of a key: a string, or an object with its text as "content"; the
// empty token for null.
func (k *keys) token(key string, text json.RawMessage) (entry, error) {
	inMap := filepath.Base(k.path) == mapName // whose tokens are all special
	token, err := parseEntry(text, inMap || slices.Contains(fileRoles, key))
	if err != nil {
		return token, fmt.Errorf("%s: %s is %s; want a string, an object with \"content\", or null", k.path, key, text)
	}
	return token, nil
}

// parseEntry reads a token as the files beside tokenizer.json write it.
func parseEntry(text json.RawMessage, special bool) (e entry, err error) {
	var content *string
	if json.Unmarshal(text, &content) == nil {
		if content != nil {
			e = entry{Content: *content, Special: true}
		}
		return e, nil
	}
	var object struct {
		entry
		Content    *string `json:"content"`
		Normalized *bool   `json:"normalized"`
	}
	if err := json.Unmarshal(text, &object); err != nil || object.Content == nil {
		return e, errors.New("no token")
	}
	e = object.entry
	e.Content = *object.Content
	e.Special = e.Special || special
	e.Normalized = !e.Special
	if object.Normalized != nil {
		e.Normalized = *object.Normalized
	}
	return e, nil
}
