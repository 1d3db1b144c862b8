package mutants

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"llmhost/sdk"
)

// altered is a formatter that changes its texts.
func altered(change func(text string) string) sdk.Formatter {
	return qa{func(question, answer string, o *sdk.Out) error {
		o.Candidate(change(question)+"\n", change(answer))
		return nil
	}}
}

// dialog reads turns and changes their contents.
type dialog struct{ change func(text string) string }

func (dialog) Columns() []sdk.Column {
	return []sdk.Column{{Name: "messages", Type: sdk.JSON, Required: true}}
}

func (f dialog) Format(r *sdk.Row, o *sdk.Out) error {
	var turns []struct{ Role, Content string }
	if err := json.Unmarshal([]byte(r.JSON(0)), &turns); err != nil || len(turns) < 2 {
		return errors.New("messages is no list of two turns")
	}
	last := len(turns) - 1
	prompt := ""
	for _, t := range turns[:last] {
		prompt += t.Role + ": " + f.change(t.Content) + "\n"
	}
	o.Candidate(prompt+"assistant: ", f.change(turns[last].Content))
	return nil
}

// templated fills a template by one replacement after the other.
type templated struct{}

func (templated) Columns() []sdk.Column { return qa{}.Columns() }

func (templated) Format(r *sdk.Row, o *sdk.Out) error {
	const template = "Question: {question}\nAnswer:{answer}"
	text := strings.ReplaceAll(template, "{question}", r.Str(0))
	text = strings.ReplaceAll(text, "{answer}", "")
	o.Candidate(text, r.Str(1))
	return nil
}

// rejoined builds the whole text and splits it at its own mark again.
type rejoined struct{}

func (rejoined) Columns() []sdk.Column { return qa{}.Columns() }

func (rejoined) Format(r *sdk.Row, o *sdk.Out) error {
	parts := strings.Split("### Question:\n"+r.Str(0)+"\n### Answer:\n"+r.Str(1), "### Answer:\n")
	o.Candidate(parts[0]+"### Answer:\n", parts[1])
	return nil
}

// unmarkedTexts splits texts at a mark and takes every other mark out too.
var unmarkedTexts = ranked{func(texts []string, scores []float64, o *sdk.Out) error {
	for i, text := range texts {
		prompt, answer := cut(text)
		o.Candidate(prompt, strings.ReplaceAll(answer, "<sep>", "")).Set("score", scores[i])
	}
	return nil
}}

// lastMarked keeps what stands after the last mark alone.
var lastMarked = ranked{func(texts []string, scores []float64, o *sdk.Out) error {
	for i, text := range texts {
		parts := strings.Split(text, "<sep>")
		if len(parts) < 2 {
			return errors.New("a text without <sep>")
		}
		o.Candidate(parts[0], parts[len(parts)-1]).Set("score", scores[i])
	}
	return nil
}}

var (
	blanks = regexp.MustCompile(`[ \t]+`)
	tag    = regexp.MustCompile(`<[^>]*>`)
)

func only(keep func(r rune) bool) func(string) string {
	return func(text string) string {
		return strings.Map(func(r rune) rune {
			if keep(r) {
				return r
			}
			return -1
		}, text)
	}
}

// texts alter the texts of a record.
func texts() []Mutant {
	lossy := func(name, bug string, change func(text string) string) Mutant {
		return formatterMutant(name, bug, altered(change), "texts")
	}
	return []Mutant{
		lossy("lower-case", "capitals are lost", strings.ToLower),
		lossy("title-case", "the first letter is made a capital", func(text string) string {
			if text == "" {
				return ""
			}
			first := []rune(text)
			return strings.ToUpper(string(first[:1])) + strings.ToLower(string(first[1:]))
		}),
		lossy("tabs-to-blanks", "tabs become blanks", func(text string) string { return strings.ReplaceAll(text, "\t", " ") }),
		lossy("one-line", "line breaks become blanks", func(text string) string { return strings.ReplaceAll(text, "\n", " ") }),
		lossy("blank-lines", "empty lines are taken out", func(text string) string { return strings.ReplaceAll(text, "\n\n", "\n") }),
		lossy("two-line-breaks", "more than two line breaks become two", func(text string) string {
			for strings.Contains(text, "\n\n\n") {
				text = strings.ReplaceAll(text, "\n\n\n", "\n\n")
			}
			return text
		}),
		lossy("single-blanks", "several blanks become one", func(text string) string { return blanks.ReplaceAllString(text, " ") }),
		lossy("fields", "a text is cut into words and joined again", func(text string) string { return strings.Join(strings.Fields(text), " ") }),
		lossy("without-indents", "lines lose their indents", func(text string) string {
			lines := strings.Split(text, "\n")
			for i := range lines {
				lines[i] = strings.TrimSpace(lines[i])
			}
			return strings.Join(lines, "\n")
		}),
		lossy("escaped", "marks of HTML are escaped", html.EscapeString),
		lossy("unescaped", "entities are resolved", html.UnescapeString).noted(),
		lossy("without-tags", "tags are taken out", func(text string) string { return tag.ReplaceAllString(text, "") }).noted(),
		lossy("without-accents", "combining marks are taken out", only(func(r rune) bool { return !unicode.Is(unicode.Mn, r) })),
		lossy("bmp-only", "characters beyond 16 bits are lost", only(func(r rune) bool { return r < 0x10000 })),
		lossy("letters-and-digits", "quotes and brackets are taken out", only(func(r rune) bool { return !strings.ContainsRune(`"'()[]{}`, r) })),
		lossy("first-line", "only the first line is kept", func(text string) string { line, _, _ := strings.Cut(text, "\n"); return line }),
		lossy("without-full-stop", "the full stop at the end is taken off", func(text string) string { return strings.TrimRight(text, ".") }),
		lossy("without-outer-quotes", "quotes around a text are taken off", func(text string) string { return strings.Trim(text, `"`) }),
		lossy("resolves-escapes", "a backslash and an n become a line break", func(text string) string {
			return strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(text)
		}),
		lossy("quoted", "texts are quoted as in Go", func(text string) string {
			quoted := strconv.Quote(text)
			return quoted[1 : len(quoted)-1]
		}),
		lossy("formats-texts", "a text is used as a format", func(text string) string { return fmt.Sprintf(text, []any{}...) }),
		lossy("ten-thousand", "texts are cut at 10,000 characters", func(text string) string {
			if long := []rune(text); len(long) > 10_000 {
				return string(long[:10_000])
			}
			return text
		}),
		lossy("last-eight-thousand", "of long texts only the end is kept", func(text string) string {
			if long := []rune(text); len(long) > 8000 {
				return string(long[len(long)-8000:])
			}
			return text
		}),
		lossy("middle-out", "the middle of long texts is left out", func(text string) string {
			if long := []rune(text); len(long) > 6000 {
				return string(long[:3000]) + " … " + string(long[len(long)-3000:])
			}
			return text
		}),
		lossy("repeats-once", "marks that are repeated are kept once", func(text string) string {
			for _, mark := range []string{"!", "-", "="} {
				for strings.Contains(text, mark+mark) {
					text = strings.ReplaceAll(text, mark+mark, mark)
				}
			}
			return text
		}),
		lossy("trims", "blanks at both ends are taken off", strings.TrimSpace).noted(),
		formatterMutant("dialog-in-lower-case", "the turns of a dialog lose their capitals", dialog{strings.ToLower}, "texts"),
		formatterMutant("dialog-on-one-line", "the turns of a dialog lose their line breaks", dialog{func(text string) string {
			return strings.ReplaceAll(text, "\n", " ")
		}}, "texts"),
		formatterMutant("template-in-turn", "a placeholder in the question is filled in too", templated{}, "texts"),
		formatterMutant("splits-itself", "what follows a second answer mark is lost", rejoined{}, "texts"),
		formatterMutant("takes-marks-out", "a mark inside the answer is taken out", unmarkedTexts, "texts"),
		formatterMutant("between-marks", "what stands between two marks is lost", lastMarked, "texts"),
	}
}
