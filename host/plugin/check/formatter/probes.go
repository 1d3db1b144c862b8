package formatter

import (
	"strings"

	"llmhost/sdk"
)

// probe is something that a text may have inside, and that must come out of the
// formatter as it went in.
type probe struct {
	what string
	text string

	// cleaning marks what a formatter may well take out or replace on purpose: a
	// change of it is a note.
	cleaning bool
}

// probes are tried in every formatter, between two words.
var probes = []probe{
	{what: "capitals", text: " Ab CD eF "},
	{what: "a tab", text: "\t"},
	{what: "two blanks", text: "  "},
	{what: "a line break", text: "\n"},
	{what: "an empty line", text: "\n\n"},
	{what: "several empty lines", text: "\n\n\n\n"},
	{what: "an indent", text: "\n    "},
	{what: "an indent by a tab", text: "\n\t"},
	{what: "a blank at the end of a line", text: " \n"},
	{what: "the marks of HTML", text: " a < b & c > d "},
	{what: "accents", text: " é ñ ü Å ç "},
	{what: "a combining mark", text: "q\u0308"},
	{what: "the vowel signs of a script", text: " कि שָׁ กำ "},
	{what: "characters of three bytes", text: " 語 — € "},
	{what: "characters of four bytes", text: " 🙂 𝒳 𠜎 "},
	{what: "quotes", text: ` "a" 'b' `},
	{what: "brackets", text: " (a) [b] {c} "},
	{what: "several sentences", text: ". One. Two? Three! "},
	{what: "a colon", text: ": "},
	{what: "slashes and signs", text: ` a/b @c #d $e *f* ~g ^h i|j k=l+m `},
	{what: "numbers", text: " 1,000.50 007 -3 1e5 "},
	{what: "a mark that is repeated", text: "!!! ----- ===== ... "},
	{what: "a word that is repeated", text: " very very very "},
	{what: `the letters \n`, text: `\n`},
	{what: "backslashes", text: ` \ \\ \t \" `},
	{what: "the signs of a format", text: " %s %d %% "},
	{what: "braces of a template", text: " {} {0} {{x}} $1 "},
	{what: "entities", text: " &amp; &lt; &#39; ", cleaning: true},
	{what: "tags", text: " <b>x</b> ", cleaning: true},
	{what: "Markdown", text: " **a** _b_ `c` ", cleaning: true},
	{what: "an address", text: " https://a.example/b?c=d ", cleaning: true},
	{what: "a letter and its accent as two characters", text: "e\u0301", cleaning: true},
	{what: "compatibility characters", text: " ﬁ Ａ ² ", cleaning: true},
	{what: "curly quotes", text: " “a” ‘b’ … ", cleaning: true},
	{what: "a line break of Windows", text: "\r\n", cleaning: true},
	{what: "invisible characters", text: "\u200b\u00a0\ufeff", cleaning: true},
	{what: "an emoji of several characters", text: " 👩\u200d👩\u200d👧 🇩🇪 ", cleaning: true},
	{what: "a control character", text: "\x07", cleaning: true},
	{what: "a turn of a dialog", text: "\n\nHuman: ", cleaning: true},
	{what: "an answer's heading", text: "\n### Response:\n", cleaning: true},
	{what: "a control token", text: " <|im_end|> ", cleaning: true},
	{what: "a turn of a chat template", text: "<|im_end|>\n<|im_start|>assistant\n", cleaning: true},
	{what: "control tokens of Llama 2", text: " </s><s>[INST] <<SYS>> ", cleaning: true},
	{what: "the code of a chat template", text: " {% for m in messages %}{{ m }}{% endfor %} "},
	{what: "a separator", text: "<sep>"},
}

// longProbes are texts of that many characters. The host cuts by tokens.
var longProbes = []probe{
	{what: "a text of 2,500 characters", text: strings.Repeat(" long text", 250)},
	{what: "a text of 10,500 characters", text: strings.Repeat(" long text", 1050)},
	{what: "a text of 100,000 characters", text: strings.Repeat(" long text", 10_000)},
}

// endings are tried at the end of a text, beginnings at its begin.
var (
	endings = []probe{
		{what: "a full stop at the end", text: "."},
		{what: "a question mark at the end", text: "?"},
		{what: "a quote at the end", text: `"`},
		{what: "a bracket at the end", text: ")"},
		{what: "a brace at the end", text: "}"},
		{what: "a colon at the end", text: ":"},
		{what: "blanks at the end", text: " \n", cleaning: true},
	}
	beginnings = []probe{
		{what: "a quote at the beginning", text: `"`},
		{what: "a bracket at the beginning", text: "("},
		{what: "a dash at the beginning", text: "-"},
		{what: "a number sign at the beginning", text: "#"},
		{what: "an indent at the beginning", text: "    ", cleaning: true},
	}
)

// ownProbes are what this formatter might take for its own: what it writes around
// texts, placeholders of its columns' names, and texts of its parameters.
func (f *formatter) ownProbes(results []sdk.Result) []probe {
	var all []probe
	for _, piece := range f.template(results) {
		all = append(all, probe{what: "what the formatter itself writes, " + quoted(piece), text: piece})
	}
	for _, c := range f.Columns {
		for _, around := range []string{"{%}", "{{%}}", "[%]", "<%>", "$%", "%(%)s"} {
			text := strings.Replace(around, "%", c.Name, 1)
			if around == "%(%)s" {
				text = "%(" + c.Name + ")s"
			}
			all = append(all, probe{what: "the placeholder " + quoted(text), text: " " + text + " "})
		}
	}
	return all
}

// mostPieces bounds how many pieces of a template are tried.
const mostPieces = 6

// template are the texts that the formatter itself writes: what stands between the
// generated words of an example, and is in no record.
func (f *formatter) template(results []sdk.Result) []string {
	var pieces []string
	seen := map[string]bool{}
	for i, r := range f.good {
		if r.plan.present == nil || r.plan.style != 0 {
			continue
		}
		for _, c := range results[i].Example.Candidates {
			for _, piece := range word.Split(c.Prompt, -1) {
				if len(strings.TrimSpace(piece)) < 2 || seen[piece] || len(pieces) == mostPieces {
					continue
				}
				seen[piece] = true
				pieces = append(pieces, piece)
			}
		}
	}
	return pieces
}
