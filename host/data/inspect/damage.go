package inspect

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// inTexts is a check of each text of a record: look says what is wrong with one, "" if nothing is.
func inTexts(look func(text string) string) func(Options) Pass {
	return each(func(i *Item, find Find) {
		for _, t := range i.View.Texts {
			if what := look(t.Text); what != "" {
				find(Finding{Field: t.Field, Text: what})
			}
		}
	})
}

var replacement = &Check{
	Name:     "replacement",
	Doc:      "U+FFFD in a text: something was lost when it was read before",
	Severity: Warning,
	Fix:      "read the source again in its own encoding, or take the character out",
	Start: inTexts(func(text string) string {
		if n := strings.Count(text, "\ufffd"); n > 0 {
			return fmt.Sprintf("holds U+FFFD %s, which stands for what could not be read: %s", times(n), around(text, strings.Index(text, "\ufffd")))
		}
		return ""
	}),
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// around quotes a little of a text around a byte.
func around(text string, at int) string {
	from, to := max(0, at-15), min(len(text), at+20)
	for from > 0 && !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return strconv.Quote(text[from:to])
}

var mojibake = &Check{
	Name:     "mojibake",
	Doc:      "UTF-8 that was read as Latin-1 or Windows-1252: Ã© for é, â€™ for an apostrophe",
	Severity: Warning,
	Fix:      "read the source as UTF-8; in Python text.encode(\"cp1252\").decode() turns it back",
	Start: inTexts(func(text string) string {
		if bad, good, at := misread(text); at >= 0 {
			return fmt.Sprintf("has %q where %q is meant: %s", bad, good, around(text, at))
		}
		return ""
	}),
}

// windows1252 are the characters that the bytes 0x80 to 0x9f mean in Windows-1252.
const windows1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

var byte1252 = func() map[rune]byte {
	bytes := map[rune]byte{}
	b := byte(0x80)
	for _, r := range windows1252 {
		bytes[r] = b
		b++
	}
	for r := rune(0x80); r < 0x100; r++ { // Latin-1, and its controls too
		bytes[r] = byte(r)
	}
	return bytes
}()

// misread finds a run of characters that are, as bytes of Windows-1252, UTF-8 of a
// letter, a quotation mark or an emoji that people use. at is -1 where there is none.
func misread(text string) (bad, good string, at int) {
	for at, r := range text {
		if r < 0xc2 || r > 0xf4 {
			continue
		}
		var b []byte
		end := at
		for _, next := range text[at:] {
			c, is := byte1252[next]
			if !is || len(b) == 4 || len(b) > 0 && c >= 0xc0 {
				break
			}
			b = append(b, c)
			end += utf8.RuneLen(next)
			if len(b) > 1 && utf8.FullRune(b) {
				break
			}
		}
		if decoded, size := utf8.DecodeRune(b); size > 1 && size == len(b) && likely(b) {
			return text[at:end], string(decoded), at
		}
	}
	return "", "", -1
}

// likely tells whether bytes of UTF-8 are of a character that is often misread:
// letters and signs of Latin-1, punctuation, emoji, a byte order mark. Other pairs
// occur by right, as É» does at the end of a quotation.
func likely(b []byte) bool {
	switch b[0] {
	case 0xc2, 0xc3:
		return true
	case 0xe2:
		return b[1] == 0x80 || b[1] == 0x82 || b[1] == 0x84
	case 0xef:
		return b[1] == 0xbb || b[1] == 0xbf
	}
	return b[0] == 0xf0
}

var controlCharacters = &Check{
	Name:     "control-chars",
	Doc:      "NUL and other control characters, marks that change the direction of writing, a byte order mark inside a text",
	Severity: Warning,
	Fix:      "take the characters out",
	Start: inTexts(func(text string) string {
		for at, r := range text {
			if controls(r) {
				return fmt.Sprintf("holds the control character %U: %s", r, around(text, at))
			}
		}
		return ""
	}),
}

func controls(r rune) bool {
	switch {
	case r == '\n', r == '\t', r == '\r', r == 0x85:
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r >= 0xfff9 && r <= 0xfffb
}

var html = &Check{
	Name:     "html",
	Doc:      "remains of HTML, such as <br> and &amp;, in records that are not about HTML",
	Severity: Warning,
	Minor:    0.01, // one tag may be meant
	Fix:      "take the tags out and decode the entities; in Python html.unescape",
	Start: each(func(i *Item, find Find) {
		for _, t := range i.View.Texts {
			if !strings.ContainsAny(t.Text, "<&") {
				continue
			}
			if at := markup.FindStringIndex(t.Text); at != nil && !isAboutMarkup(i) {
				find(Finding{Field: t.Field, Text: fmt.Sprintf("holds %s of HTML: %s", short(t.Text[at[0]:at[1]]), around(t.Text, at[0]))})
				return
			}
		}
	}),
}

// isAboutMarkup tells whether a record has to do with HTML or code by right.
func isAboutMarkup(i *Item) bool {
	for _, t := range i.View.Texts {
		if aboutMarkup.MatchString(t.Text) {
			return true
		}
	}
	return false
}

var (
	markup      = regexp.MustCompile(`(?i)&(?:amp|lt|gt|quot|apos|nbsp|ndash|mdash|[lr][sd]quo|hellip|#\d{2,5}|#x[0-9a-f]{2,5});|</?(?:p|br|div|span|strong|em|ul|ol|li|h[1-6]|table|tr|td|th|font|img|a)(?:\s[^<>]{0,200})?/?>`)
	aboutMarkup = regexp.MustCompile("(?i)```|\\b(?:x?html?5?|xml|svg|css|javascript|jsx|php|markup|web ?page|web ?site|web design|tags?|code|coding|program|url|api)\\b")
)

var specialTokens = &Check{
	Name:     "special-tokens",
	Doc:      "special tokens such as </s> or <|im_end|> that a text spells out",
	Severity: Warning,
	Fix:      "split_special_tokens = true reads them as plain text; or take them out",
	Start: func(o Options) Pass {
		s := &spelled{}
		return Pass{Each: s.see, End: s.end}
	},
}

// spelledOut are the special tokens of common tokenizers. What a tokenizer has beyond
// these is found by its ids.
var spelledOut = regexp.MustCompile(`<\|[A-Za-z0-9_.\-]{2,40}\|>|<｜[^<>｜]{2,40}｜>|</?s>|<(?:pad|unk|bos|eos|mask)>|<(?:start|end)_of_turn>|\[(?:CLS|SEP|MASK|PAD|UNK|/?INST)\]|<</?SYS>>`)

// spelled tells texts that spell a token out by accident from data whose texts are
// laid out with them.
type spelled struct{ records, laidOut int }

func (s *spelled) see(i *Item, find Find) {
	if i.Err != nil {
		return
	}
	s.records++
	for _, t := range i.View.Texts {
		if !strings.ContainsAny(t.Text, "<[") {
			continue
		}
		if at := spelledOut.FindStringIndex(t.Text); at != nil {
			s.laidOut++
			f := Finding{Field: t.Field, Text: fmt.Sprintf("spells out the special token %s: %s", t.Text[at[0]:at[1]], around(t.Text, at[0]))}
			if len(i.View.Chats) > 0 {
				f.Fix = "messages of a chat are encoded as plain text, so that none can end a turn; take the token out, or allow_special_tokens_in_text = true reads it as one"
			}
			find(f)
			return
		}
	}
}

func (s *spelled) end(find Find) {
	if s.records >= fewRecords && s.laidOut == s.records {
		find(Finding{Severity: Note, All: true, Text: "every record spells out special tokens: its texts may be laid out for a template already",
			Fix: "split_special_tokens = false reads them as such; a template would put them there once more"})
	}
}
