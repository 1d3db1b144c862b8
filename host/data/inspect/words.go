package inspect

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// minus lists the names of a that b lacks.
func minus(a, b []string) (rest []string) {
	for _, name := range a {
		if !slices.Contains(b, name) {
			rest = append(rest, name)
		}
	}
	return rest
}

func quoted(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, strconv.Quote(name))
	}
	return strings.Join(all, ", ")
}

// short is the beginning of a text, in quotes.
func short(text string) string {
	const most = 40
	runes := []rune(strings.TrimSpace(text))
	if len(runes) > most {
		return strconv.Quote(string(runes[:most]) + "…")
	}
	return strconv.Quote(string(runes))
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// words are those of a text in lower case, without marks; a character of a script
// that has no blanks is a word.
func words(text string) (list []string) {
	start := -1
	flush := func(end int) {
		if start >= 0 {
			list = append(list, strings.ToLower(text[start:end]))
			start = -1
		}
	}
	for at, r := range text {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar):
			flush(at)
			list = append(list, string(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			if start < 0 {
				start = at
			}
		default:
			flush(at)
		}
	}
	flush(len(text))
	return list
}
