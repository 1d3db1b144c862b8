package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"llmhost/sdk"
)

// A sentinel is a word that stands in no message. Put into the content of every
// message at once, each with its number, sentinels prove which bytes of a rendering
// come from which message: without them the text must be the same.
type sentinels struct{ stem string }

// sentinelEnd ends a sentinel, behind the number of its message.
const sentinelEnd = "Zq"

// newSentinels returns sentinels of letters and digits, which no filter escapes, that
// are in none of the texts.
func newSentinels(texts ...string) sentinels {
	for n := 0; ; n++ {
		stem := fmt.Sprintf("Qz%dj", n)
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, stem) }) {
			return sentinels{stem}
		}
	}
}

// of is the sentinel of message i.
func (s sentinels) of(i int) string { return s.stem + strconv.Itoa(i) + sentinelEnd }

// sentinelAt is the place of a sentinel in a text without sentinels.
type sentinelAt struct{ message, at int }

// out takes the sentinels out of a text.
func (s sentinels) out(text string) (plain string, found []sentinelAt) {
	var b strings.Builder
	for {
		before, rest, is := strings.Cut(text, s.stem)
		b.WriteString(before)
		if !is {
			return b.String(), found
		}
		number, behind, _ := strings.Cut(rest, sentinelEnd)
		message, err := strconv.Atoi(number)
		if err != nil { // a template cut it short
			b.WriteString(s.stem)
			text = rest
			continue
		}
		found = append(found, sentinelAt{message, b.Len()})
		text = behind
	}
}

// into puts the sentinel of message i into its content, and reports whether the
// content has a text that it can stand in.
func (s sentinels) into(m sdk.Message, i int) (sdk.Message, bool) {
	return withContent(m, func(text string) (string, bool) {
		at := inside(text)
		if at < 0 {
			return text, false
		}
		return text[:at] + s.of(i) + text[at:], true
	})
}

// withContent changes the content of a message, or the first text of its parts that
// change can change.
func withContent(m sdk.Message, change func(string) (string, bool)) (sdk.Message, bool) {
	content := m.Field("content")
	if text, is := sdk.JSONText(content); is {
		text, changed := change(text)
		return sdk.Message{JSON: replace(m.JSON, "content", sdk.JSONQuote(text)), Learn: m.Learn}, changed
	}
	parts, err := sdk.JSONElements(content)
	if err != nil {
		return m, false
	}
	for i, part := range parts {
		text, is := sdk.JSONText(sdk.Message{JSON: part}.Field("text"))
		if !is {
			continue
		}
		if text, changed := change(text); changed {
			parts[i] = replace(part, "text", sdk.JSONQuote(text))
			return sdk.Message{JSON: replace(m.JSON, "content", "["+strings.Join(parts, ", ")+"]"), Learn: m.Learn}, true
		}
	}
	return m, false
}

// replace gives a key of a JSON object another value; its keys keep their order.
func replace(object, key, value string) string {
	fields, err := sdk.JSONFields(object)
	if err != nil {
		return object
	}
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		if f.Key == key {
			f.Value = value
		}
		b.WriteString(sdk.JSONQuote(f.Key) + ": " + f.Value)
	}
	return "{" + b.String() + "}"
}

// thinkEnd ends a thought, which templates drop from earlier turns.
const thinkEnd = "</think>"

// inside is a place in a text where a word may stand without a template taking the
// text for another kind: between two letters of a word that is in no tag, behind
// thoughts; or at the end. -1 where the text is blank.
func inside(text string) int {
	from := max(0, strings.LastIndex(text, thinkEnd))
	if from > 0 {
		from += len(thinkEnd)
	}
	inTag, word := false, false
	for i, r := range text[from:] {
		isWord := unicode.IsLetter(r) || unicode.IsDigit(r)
		switch {
		case r == '<':
			inTag = true
		case r == '>' || unicode.IsSpace(r):
			inTag = false
		case isWord && word && !inTag:
			return from + i
		}
		word = isWord
	}
	end := len(strings.TrimRightFunc(text, unicode.IsSpace))
	if end <= from {
		return -1
	}
	return end
}
