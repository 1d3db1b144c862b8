package formatter

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// texts traces the words of a record: none may be in both prompt and answer of
// one candidate, and none may be cut inside a character.
func (f *formatter) texts() error {
	results, err := f.call(f.good)
	if err != nil {
		return err
	}
	for i, result := range results {
		if !f.different(f.good[i], result) {
			return nil
		}
		for _, c := range result.Example.Candidates {
			for _, w := range wordsOf(c.Answer) {
				if slices.Contains(wordsOf(c.Prompt), w) {
					f.Find(check.Finding{
						Text: fmt.Sprintf(
							"prompt and answer of a candidate both have the text %q: %s",
							w,
							candidateText(c),
						),
						Cause: "the whole text was used as the answer (or the prompt), so the model sees what it is to learn, or learns what it is given",
						Probe: f.show(f.good[i]),
					})
					return nil
				}
			}
		}
	}
	f.unanswered(results)
	f.swapped(results)
	f.marked(results)
	f.glued(results)
	f.foreignPrompt(results)
	f.asGiven(results)
	f.echoed(results)
	f.layout(results)
	f.Note = "each text is in the prompt or in the answer; no character is cut or lost"
	if err := f.wide(); err != nil {
		return err
	}
	return f.unaltered(results)
}

// different checks that different texts become different candidates.
func (f *formatter) different(r record, result sdk.Result) bool {
	seen := map[string]bool{}
	for _, c := range result.Example.Candidates {
		if r.plan.present != nil && len(wordsOf(c.Prompt+c.Answer)) == 0 {
			f.Find(check.Finding{
				Text:  fmt.Sprintf("a candidate has no text of its record: %s", candidateText(c)),
				Cause: "the formatter pads or splits by itself; the host pads batches, and a record that cannot be split is an error",
				Probe: f.show(r),
			})
			return false
		}
		if text := c.Prompt + "\x00" + c.Answer; seen[text] && len(wordsOf(text)) > 0 {
			f.Find(check.Finding{
				Text:  fmt.Sprintf("two candidates of one example are the same: %s", candidateText(c)),
				Cause: "a text is paired with itself: skip equal indices, and pairs of equal scores",
				Probe: f.show(r),
			})
			return false
		}
		seen[c.Prompt+"\x00"+c.Answer] = true
	}
	return true
}

// wide fills texts with multi-byte characters, at many lengths.
func (f *formatter) wide() error {
	for n, r := range f.good {
		if r.plan.present == nil {
			continue
		}
		ascii := record{cells: grownCells(r.cells, strings.Repeat("a", n%4)+strings.Repeat("~", 40*(n+1))), plan: r.plan}
		records := []record{ascii}
		for _, filler := range fillers {
			records = append(records, record{cells: grownCells(r.cells, strings.Repeat("a", n%4)+strings.Repeat(filler, 40*(n+1))), plan: r.plan})
		}
		results, err := f.call(records)
		if err != nil {
			return err
		}
		for i, filler := range fillers {
			if f.cutInside(records[i+1], results[i+1]) ||
				f.lost(records[i+1], results[0], results[i+1], filler) {
				return nil
			}
		}
	}
	return nil
}

// fillers are characters of two, three and four bytes.
var fillers = []string{"é", "語", "🙂"}

// cutInside reports a text that ends inside a character.
func (f *formatter) cutInside(r record, result sdk.Result) bool {
	cut := strings.Contains(result.Err, "is not UTF-8")
	for _, c := range result.Example.Candidates {
		cut = cut || !utf8.ValidString(c.Prompt) || !utf8.ValidString(c.Answer)
	}
	if cut {
		f.Find(check.Finding{
			Text:  "a non-ASCII text is cut inside a character, and is no longer valid UTF-8",
			Cause: "a text is cut at a number of bytes; cut at a rune, or not at all (the host truncates by tokens)",
			Probe: f.show(r),
		})
	}
	return cut
}

// lost reports characters that get lost although ASCII ones do not.
func (f *formatter) lost(r record, plain, result sdk.Result, filler string) bool {
	want := strings.Count(wholeText(plain), "~")
	got := strings.Count(wholeText(result), filler)
	if result.Err != "" || result.Dropped != "" || want == got {
		return false
	}
	f.Find(check.Finding{
		Text:  fmt.Sprintf("%d of %d characters %q survive, while all ASCII ones do", got, want, filler),
		Cause: "a text is treated as bytes: range over runes, or leave it as it is",
		Probe: f.show(r),
	})
	return true
}

func wholeText(r sdk.Result) string {
	var b strings.Builder
	for _, c := range r.Example.Candidates {
		b.WriteString(c.Prompt + "\x00" + c.Answer + "\x00")
	}
	return b.String()
}

// grownCells puts a text appended to every text.
func grownCells(cells []sdk.Cell, more string) []sdk.Cell {
	out := slices.Clone(cells)
	for i := range out {
		if out[i].Type == sdk.String {
			out[i].Str += more
		}
		out[i].Strs, out[i].Floats = slices.Clone(out[i].Strs), slices.Clone(out[i].Floats)
		for j := range out[i].Strs {
			out[i].Strs[j] += more
		}
	}
	return out
}
