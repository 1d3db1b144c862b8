package preference

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmhost/builtin/chat"
)

// end says where the prompt of a text ends and where its answer begins, in
// bytes; the model does not see what is in between.
type end struct{ prompt, answer int }

// split finds the end of each text's prompt.
func (f Formatter) split(texts []string) ([]end, error) {
	switch f.Split {
	case AtSeparator:
		return each(
			texts,
			f.separator,
			"no "+strconv.Quote(f.Separator)+" in it; prompt_split = sep needs that mark between prompt and answer",
		)
	case AtAssistant:
		return each(
			texts,
			f.assistant,
			"no assistant mark in it; prompt_split = assistant looks for one of "+f.markList(),
		)
	case CommonPrefix:
		return f.commonPrefix(texts), nil
	case CommonStart:
		return commonStart(texts), nil
	}
	if ends, err := each(texts, f.separator, ""); err == nil {
		return ends, nil
	}
	return each(texts, f.assistant, "no "+strconv.Quote(f.Separator)+" in all of them and no assistant mark ("+f.markList()+
		") in this one; set prompt_split to sep, assistant or common_prefix, and sep_token or assistant_marks to the marks of this data")
}

// each finds the end of each text's prompt with find, which returns false where there is none.
func each(texts []string, find func(string) (end, bool), missing string) ([]end, error) {
	ends := make([]end, len(texts))
	for i, text := range texts {
		var found bool
		if ends[i], found = find(text); !found {
			return nil, errors.New("text " + strconv.Itoa(i) + " (" + quoteStart(text) + "): " + missing)
		}
	}
	return ends, nil
}

// quoteStart quotes text, the first few characters of a long one.
func quoteStart(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) <= most {
		return strconv.Quote(text)
	}
	return strconv.Quote(string([]rune(text)[:most])) + "…"
}

// separator splits at the first separator.
func (f Formatter) separator(text string) (end, bool) {
	i := strings.Index(text, f.Separator)
	return end{i, i + len(f.Separator)}, i >= 0
}

// assistant splits after the last assistant mark. A mark at the end of the text
// also counts without its trailing blanks: editors and scrapers strip those, and
// taking the mark of an earlier turn instead would train on the user's words.
func (f Formatter) assistant(text string) (end, bool) {
	at, found := f.lastMark(text)
	for _, mark := range f.marks() {
		if bare := strings.TrimRightFunc(mark, unicode.IsSpace); bare != "" &&
			strings.HasSuffix(text, bare) {
			at, found = len(text), true
		}
	}
	return end{at, at}, found
}

// lastMark returns where the last whole assistant mark of text ends.
func (f Formatter) lastMark(text string) (at int, found bool) {
	for _, mark := range f.marks() {
		if i := strings.LastIndex(text, mark); i >= 0 && i+len(mark) >= at {
			at = i + len(mark)
			found = true
		}
	}
	return at, found
}

// commonPrefix splits all texts at one place: after what they have in common,
// cut back to the last assistant mark in it, else to the last line break, else
// to the last blank, else to nothing.
func (f Formatter) commonPrefix(texts []string) []end {
	common := texts[0]
	for _, text := range texts[1:] {
		common = shared(common, text)
	}
	at, found := f.lastMark(common)
	if !found {
		at = strings.LastIndexByte(common, '\n') + 1
	}
	if at == 0 {
		if i := strings.LastIndexFunc(common, unicode.IsSpace); i >= 0 {
			_, size := utf8.DecodeRuneInString(common[i:])
			at = i + size
		}
	}
	ends := make([]end, len(texts))
	for i := range ends {
		ends[i] = end{at, at}
	}
	return ends
}

// commonStart splits all texts where the first of them begins to differ from
// another, by chat.CommonStart.
func commonStart(texts []string) []end {
	at := len(texts[0])
	for _, text := range texts[1:] {
		at = min(at, chat.CommonStart(texts[0], text))
	}
	ends := make([]end, len(texts))
	for i := range ends {
		ends[i] = end{at, at}
	}
	return ends
}

// Marked tells whether a mark says where the prompt of each text ends.
func (f Formatter) Marked(texts []string) bool {
	_, err := f.split(texts)
	return err == nil
}

// shared returns the longest common prefix of a and b in whole characters.
func shared(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return a[:n]
}

// marks returns the assistant marks, unescaped.
func (f Formatter) marks() []string {
	var marks []string
	var mark strings.Builder
	for rest := f.Assistants; rest != ""; {
		c := rest[0]
		rest = rest[1:]
		switch {
		case c == '|':
			marks = append(marks, mark.String())
			mark.Reset()
			continue
		case c == '\\' && rest != "":
			c, rest = rest[0], rest[1:]
			switch c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			}
		}
		mark.WriteByte(c)
	}
	return append(marks, mark.String())
}

func (f Formatter) markList() string {
	var quoted []string
	for _, mark := range f.marks() {
		quoted = append(quoted, strconv.Quote(mark))
	}
	return strings.Join(quoted, ", ")
}
