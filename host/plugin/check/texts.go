package check

import (
	"regexp"
	"slices"
	"strings"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// The values of a string parameter without choices are those that it declares.
// For one that declares none this file guesses them, the only place that reads
// prose: it tries the words of the doc.

// mostWords bounds how many words of a doc are tried.
const mostWords = 24

// spelled matches the words of a doc, with the punctuation of lists.
var spelled = regexp.MustCompile(`[\pL\pN_][\pL\pN_=,.|+-]*`)

// text names a parameter of a component.
type text struct {
	component *plugin.Component
	param     string
}

// texts are values of a string without choices: those that it declares and, if the
// plugin does not accept any string, lists of them. For one that declares none the
// words of its doc serve, of one that accepts any string those that are a list.
func (s *session) texts(c *plugin.Component, p sdk.Param) []string {
	return kept(s, text{c, p.Name}, func() []string { return s.taken(c, p) })
}

func (s *session) taken(c *plugin.Component, p sdk.Param) []string {
	takes := func(text string) bool {
		return text != p.Default &&
			!s.late() &&
			c.Reconfigure(s.ctx, map[string]any{p.Name: text}) == nil
	}
	var taken []string
	strict := !takes(unknownName)
	for _, word := range candidates(p) {
		declared := len(p.Values) > 0
		isList := strings.ContainsAny(word, "=,")
		if (declared || strict || isList) && takes(word) {
			taken = append(taken, word)
		}
	}
	if strict {
		taken = append(taken, lists(p, taken, takes)...)
	}
	return taken
}

// candidates are what a string parameter may take.
func candidates(p sdk.Param) []string {
	if len(p.Values) > 0 {
		return p.Values
	}
	return wordsOfDoc(p.Doc)
}

// wordsOfDoc are the first different words of a doc.
func wordsOfDoc(doc string) []string {
	var words []string
	for _, word := range spelled.FindAllString(doc, -1) {
		word = strings.TrimRight(word, ".,=|+-")
		if !slices.Contains(words, word) && len(words) < mostWords {
			words = append(words, word)
		}
	}
	return words
}

// lists are numbers and lists that a string may hold, among them one of two
// known words.
func lists(p sdk.Param, known []string, takes func(string) bool) []string {
	texts := []string{"0.5", "0.5,2"}
	if first, _ := p.Default.(string); first != "" && len(known) > 0 {
		texts = append(texts, first+","+known[0])
	}
	return slices.DeleteFunc(texts, func(text string) bool {
		return slices.Contains(known, text) ||
			!takes(text)
	})
}
