// Package datatest holds what tests of several packages below data compare with.
package datatest

import (
	"encoding/json"
	"testing"
)

// WithoutNulls is a JSON value without the keys that are null in objects: Python lists
// every field of a table and of its structs, and records have those alone that are there.
func WithoutNulls(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	dropNulls(v)
	return v
}

func dropNulls(v any) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			dropNulls(element)
		}
	case map[string]any:
		for key, element := range v {
			if element == nil {
				delete(v, key)
			}
			dropNulls(element)
		}
	}
}
