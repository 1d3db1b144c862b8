// Package classname says when two names are of one class. The names of classes
// are texts, and so are the numbers, true and false that data files have for them.
package classname

import (
	"encoding/json"
	"strconv"
	"strings"
)

// largest bounds the whole numbers that a float64 tells apart, and that are
// written without an exponent.
const largest = 1e15

// Of is the name of the class that data spells as text. A number as JSON writes them
// is one class whatever its spelling, since tools that have no whole numbers, or
// that lack a value of a column, turn 0 into 0.0: "0", "0.0" and "0e1" are "0", and
// "1.50" is "1.5". Any other text is its own name, "007" and "v1.0" among them.
func Of(text string) string {
	if !isNumber(text) {
		return text
	}
	if strings.Trim(text, "-0123456789") == "" && text != "-0" {
		return text // a whole number of any size
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil: // beyond a float64
		return text
	case v == 0:
		return "0"
	case v == float64(int64(v)) && -largest < v && v < largest:
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// isNumber tells whether a text is a number as JSON writes them.
func isNumber(text string) bool {
	if text == "" || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return false
	}
	return json.Valid([]byte(text)) && strings.TrimSpace(text) == text
}
