package chat

import (
	"sort"
	"strings"

	"llmhost/sdk"
)

// ExtractPrompt cuts two conversations where they begin to differ, as TRL 1.16's
// extract_prompt does: the prompt is what they have in common. Where one is the
// beginning of the other, the last message of the shorter one is still an answer.
func ExtractPrompt(chosen, rejected []sdk.Message) (prompt, better, worse []sdk.Message) {
	n := min(len(chosen), len(rejected))
	at := n - 1
	for i := range n {
		if !same(chosen[i], rejected[i]) {
			at = i
			break
		}
	}
	at = max(at, 0)
	return chosen[:at], chosen[at:], rejected[min(at, len(rejected)):]
}

// same tells whether two messages have the same keys and values, in any order.
func same(a, b sdk.Message) bool {
	if a == b {
		return true
	}
	return a.Learn == b.Learn && canonical(a) == canonical(b)
}

// canonical is a message with its keys in order and its texts in one spelling.
func canonical(m sdk.Message) string {
	pairs, _ := sdk.JSONFields(m.JSON)
	sort.Slice(pairs, func(i, j int) bool { return pairs[i].Key < pairs[j].Key })
	for i, f := range pairs {
		pairs[i].Value = strings.TrimSpace(f.Value)
		if text, is := sdk.JSONText(f.Value); is {
			pairs[i].Value = sdk.JSONQuote(text)
		}
	}
	return objectOf(pairs)
}

// IsList tells whether a field holds a list of objects with the key, or a text that
// holds one.
func IsList(value, key string) bool {
	elements, err := sdk.JSONElements(Unquoted(value))
	if err != nil || len(elements) == 0 {
		return false
	}
	pairs, err := sdk.JSONFields(elements[0])
	for _, f := range pairs {
		if err == nil && f.Key == key {
			return true
		}
	}
	return false
}

// IsObject tells whether a value is a JSON object.
func IsObject(value string) bool { return strings.HasPrefix(strings.TrimSpace(value), "{") }

// CommonStart is where two texts begin to differ, in bytes, as TRL 1.16's
// extract_prompt has it: a blank before that place belongs to the answers, and where
// one text is the beginning of the other, its last character is still an answer.
// (Where the texts differ from their first character on, that function looks for the
// blank at the other end of the text; here the prompt is empty.)
func CommonStart(a, b string) int {
	first, second := []rune(a), []rune(b)
	n := min(len(first), len(second))
	at := max(n-1, 0)
	for i := range n {
		if first[i] == second[i] {
			continue
		}
		if at = i; i > 0 && first[i-1] == ' ' {
			at--
		}
		break
	}
	return len(string(first[:at]))
}
