package formatter

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// unaltered puts probes into texts and looks whether they come out as they went
// in. What no parameter turns off is a finding, unless it may well be meant.
func (f *formatter) unaltered(results []sdk.Result) error {
	var changes, cleanings []string
	var probed record
	for _, trial := range f.trials(results) {
		changed, err := f.altered(trial)
		if err != nil {
			return err
		}
		for _, a := range changed {
			text := a.probe.what + " " + a.came
			switch {
			case a.probe.cleaning || a.meant:
				cleanings = once(cleanings, text)
			default:
				changes = once(changes, text)
				probed = a.record
			}
		}
	}
	f.tellAltered(changes, cleanings, probed)
	return nil
}

func once(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// mostTold bounds how many changes one finding lists.
const mostTold = 6

func (f *formatter) tellAltered(changes, cleanings []string, probed record) {
	if n := len(changes); n > 0 {
		f.Find(check.Finding{
			Text:  fmt.Sprintf("texts do not arrive as they are in the record (%d of the things tried): %s", n, strings.Join(changes[:min(n, mostTold)], "; ")),
			Cause: "the formatter changes a text on its way (ToLower, Fields, Replace, Trim, Sprintf, a cut); hand it on as it is, or make the change a parameter",
			Probe: f.show(probed),
		})
	}
	if n := len(cleanings); n > 0 {
		f.Find(check.Finding{
			Warning: true,
			Text:    "texts are changed on their way, which may be meant: " + strings.Join(cleanings[:min(n, mostTold)], "; "),
		})
	}
}

// trial is a set of records that differ in what stands at one place of a text.
type trial struct {
	base   inserted
	probes []inserted
}

// inserted is a record with a probe in it, and the text that must come out.
type inserted struct {
	record
	probe       probe
	left, right string // the words around the probe
}

// want is what must be found in the example.
func (i inserted) want() string { return i.left + i.probe.text + i.right }

// arrivals is how often it is found there.
func (i inserted) arrivals(result sdk.Result) int {
	return strings.Count(wholeText(result), i.want())
}

// between is what stands for the probe in a base record.
func between(p inserted) string {
	if p.left == "" || p.right == "" {
		return ""
	}
	return " "
}

// alteration is a probe that came out otherwise.
type alteration struct {
	inserted
	came  string // how: "becomes …" or "is lost"
	meant bool   // a parameter turns it off
}

// trials are those of a few records, one for each field and place.
func (f *formatter) trials(results []sdk.Result) []trial {
	all := slices.Concat(probes, f.ownProbes(results))
	records, long := f.various(4), longProbes
	if f.Setting&check.Given != 0 {
		records, long = records[:min(1, len(records))], nil
	}
	var trials []trial
	for n, r := range records {
		for i := range r.cells {
			trials = append(trials, f.trial(r, i, all, insideFirst)...)
			trials = append(trials, f.trial(r, i, all, insideLast)...)
			if n == 0 {
				trials = append(trials, f.trial(r, i, long, insideFirst)...)
			}
			trials = append(trials, f.trial(r, i, endings, atEnd)...)
			trials = append(trials, f.trial(r, i, beginnings, atBegin)...)
		}
	}
	return trials
}

// various are good records that differ in their fields and style, the caller's
// and declared ones among them.
func (f *formatter) various(most int) []record {
	var picked []record
	seen := map[string]bool{}
	for _, r := range f.good {
		key := "given"
		if r.plan.present != nil {
			key = fmt.Sprint(r.plan)
		}
		if !seen[key] && len(picked) < most {
			seen[key] = true
			picked = append(picked, r)
		}
	}
	return picked
}

// trial is the one for a field of a record; none if the field has no such place.
func (f *formatter) trial(r record, field int, with []probe, at place) []trial {
	plain := probe{text: " "}
	if !at.left || !at.right {
		plain.text = ""
	}
	base, has := f.insert(r, field, plain, at)
	if !has {
		return nil
	}
	t := trial{base: base}
	for _, p := range with {
		if other, has := f.insert(r, field, p, at); has {
			t.probes = append(t.probes, other)
		}
	}
	return []trial{t}
}

// place is where a probe stands: between two known words, or beside one at an end.
type place struct {
	left, right bool // which of the two words are there
	put         func(text, middle string) (with string, ok bool)
}

var (
	insideFirst = place{true, true, func(text, middle string) (string, bool) {
		return insideAt(gap.FindStringIndex(text), text, middle)
	}}
	insideLast = place{true, true, func(text, middle string) (string, bool) {
		all := gap.FindAllStringIndex(text, -1)
		if len(all) < 2 {
			return "", false
		}
		return insideAt(all[len(all)-1], text, middle)
	}}
	atEnd   = place{true, false, func(text, middle string) (string, bool) { return text + " " + middle, text != "" }}
	atBegin = place{false, true, func(text, middle string) (string, bool) { return middle + " " + text, text != "" }}
)

// gap is between two words, where something can be put in.
var gap = regexp.MustCompile(`[\pL\pN] [\pL\pN]`)

func insideAt(at []int, text, middle string) (string, bool) {
	if at == nil {
		return "", false
	}
	blank := at[0] + strings.Index(text[at[0]:at[1]], " ")
	return text[:blank+1] + middle + text[blank:], true
}

// insert puts a probe into a field of a record; false if the field has no such
// place. Of a list every item is given the same.
func (f *formatter) insert(r record, field int, p probe, at place) (inserted, bool) {
	out := inserted{record: record{cells: slices.Clone(r.cells), plan: r.plan}, probe: p}
	if at.left {
		out.left = anchor(1)
	}
	if at.right {
		out.right = anchor(2)
	}
	cell, ok := out.cells[field], false
	switch {
	case cell.Type == sdk.String:
		cell.Str, ok = at.put(cell.Str, out.want())
	case cell.Type == sdk.JSON && at.left && at.right:
		escaped, _ := json.Marshal(p.text)
		cell.Str, ok = at.put(cell.Str, out.left+string(escaped[1:len(escaped)-1])+out.right)
	case cell.Type == sdk.StringList:
		cell.Strs, ok = putIntoAll(cell.Strs, at, out.want())
	}
	out.cells[field] = cell
	return out, ok
}

func putIntoAll(texts []string, at place, middle string) (all []string, ok bool) {
	for _, text := range texts {
		with, ok := at.put(text, middle)
		if !ok {
			return nil, false
		}
		all = append(all, with)
	}
	return all, len(all) > 0
}

// anchor is a generated word that no record has.
func anchor(n int) string { return madeUp(9_000_000 + n) }

// altered are the probes that came out otherwise.
func (f *formatter) altered(t trial) ([]alteration, error) {
	records := []record{t.base.record}
	for _, p := range t.probes {
		records = append(records, p.record)
	}
	results, err := f.call(records)
	if err != nil {
		return nil, err
	}
	if !isGood(results[0]) || t.base.arrivals(results[0]) == 0 {
		return nil, nil // this text is in no example, or is cut there
	}
	var all []alteration
	for i, p := range t.probes {
		came := outcome(p, results[0], results[i+1])
		if came == "" {
			continue
		}
		a := alteration{inserted: p, came: came, meant: f.Setting&check.Given != 0 || !isGood(results[i+1]) && breachOf(results[i+1].Err, p.record) == nil}
		if !a.meant && !p.probe.cleaning {
			if a.meant, err = f.turnedOff(p); err != nil {
				return nil, err
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// outcome says how a probe came out, "" if as it went in, or if that is no fault.
func outcome(p inserted, base, result sdk.Result) string {
	if !isGood(result) {
		if breachOf(result.Err, p.record) != nil {
			return "ends in: " + result.Err
		}
		if len(p.probe.text) > 1000 && len(p.probe.text) < 50_000 {
			return "has its record left out"
		}
		return "" // refused, which is said in a run
	}
	whole := wholeText(result)
	if p.arrivals(result) >= strings.Count(wholeText(base), p.left+between(p)+p.right) || apart(p, result) {
		return ""
	}
	if p.left == "" || p.right == "" {
		if escapedAtEnd(p, whole) {
			return ""
		}
		return "is lost"
	}
	_, rest, left := strings.Cut(whole, p.left)
	got, _, right := strings.Cut(rest, p.right)
	switch {
	case !left || !right || strings.Contains(got, "\x00"):
		return "loses the text around it"
	case encoded(p, got, wholeText(base)):
		return ""
	}
	return "becomes " + quoted(got)
}

// apart reports whether the probe is where the text was split: the words around it
// are in the prompt and in the answer, or in different candidates.
func apart(p inserted, result sdk.Result) bool {
	if p.left == "" || p.right == "" {
		return false
	}
	left, right := false, false
	for _, c := range result.Example.Candidates {
		for _, side := range []string{c.Prompt, c.Answer} {
			hasLeft, hasRight := strings.Contains(side, p.left), strings.Contains(side, p.right)
			if hasLeft && hasRight {
				return false
			}
			left = left || hasLeft
			right = right || hasRight
		}
	}
	return left && right
}

// blocks are what may stand before each line of a text that is quoted as a block.
var blocks = []string{"> ", "  ", "    ", "\t", "# ", "// ", "| "}

// encoded reports whether a probe came out in a form that keeps it: in quotes as
// JSON, in tags as XML, or as a block of lines.
func encoded(p inserted, got, base string) bool {
	var text string
	before, after, _ := strings.Cut(base, p.left+" "+p.right)
	switch {
	case json.Unmarshal([]byte(`"`+got+`"`), &text) == nil && text == p.probe.text && strings.Contains(before, `"`) && strings.Contains(after, `"`):
		return true
	case strings.Contains(before, ">") && strings.Contains(after, "</") && html.UnescapeString(got) == p.probe.text:
		return true
	}
	return slices.ContainsFunc(blocks, func(block string) bool {
		return strings.Contains(p.probe.text, "\n") && strings.ReplaceAll(p.probe.text, "\n", "\n"+block) == got
	})
}

// escapedAtEnd reports whether a probe at the end of a text came out escaped. A text
// that is escaped without being in quotes or tags shows inside it too.
func escapedAtEnd(p inserted, whole string) bool {
	quote := strconv.Quote(p.probe.text)
	return slices.ContainsFunc([]string{html.EscapeString(p.probe.text), quote[1 : len(quote)-1]}, func(text string) bool {
		return strings.Contains(whole, p.left+text+p.right)
	})
}

// turnedOff reports whether a probe comes out as it went in under other values of
// a parameter: then the change is what that is for.
func (f *formatter) turnedOff(p inserted) (bool, error) {
	for _, param := range f.Component.Params {
		values := f.values(param)
		if isNumber(param) { // such as a limit, of any size
			values = append(values, 0, 1_000_000)
		}
		for _, v := range values {
			with := maps.Clone(f.Params)
			if with == nil {
				with = map[string]any{}
			}
			with[param.Name] = v
			results, err := f.resultsUnder(with, []record{p.record})
			if errors.Is(err, check.ErrLate) {
				return false, err
			}
			if err == nil && p.arrivals(results[0]) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// quoted is a text for a finding.
func quoted(text string) string {
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "…"
	}
	return strconv.Quote(text)
}
