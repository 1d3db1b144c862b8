package formatter

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// The words in names of fields that say which of two texts is better, which
// number rates a text, and which answer was liked.
var (
	betterNames = []string{"chosen", "better", "preferred", "winner", "accepted"}
	worseNames  = []string{"rejected", "worse", "dispreferred", "loser"}
	ratingNames = []string{"score", "scores", "reward", "rewards", "rating", "ratings"}
	likedNames  = []string{"label", "desirable", "good", "correct", "accepted", "preferred", "liked", "chosen"}
)

// hasWord reports whether a name has one of the words, as in chosen_response.
func hasWord(name string, words []string) bool {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("_-. ", r) })
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(words, part) })
}

// scores checks that what is better in a record is better in its example.
func (f *formatter) scores() error {
	results, err := f.call(f.good)
	if err != nil {
		return err
	}
	f.Note = "what is better in a record has the higher score"
	if f.ratings(results) || f.chosen(results) {
		return nil
	}
	return f.liked()
}

// rated reports whether a column of candidates says how good they are.
func (f *formatter) rated(name string) bool {
	for _, o := range f.Gives {
		if o.Name == name && o.Role != sdk.NumberRole {
			return o.Role == sdk.ScoreRole || o.Role == sdk.RewardRole
		}
	}
	return hasWord(name, ratingNames) || hasWord(name, likedNames)
}

// rates reports whether a field of records holds such numbers.
func rates(c sdk.Column) bool {
	if c.Role != sdk.NumberRole {
		return c.Role == sdk.ScoreRole || c.Role == sdk.RewardRole
	}
	return hasWord(c.Name, ratingNames)
}

// ratings compares the order of the numbers beside texts with that of the
// candidates' scores.
func (f *formatter) ratings(results []sdk.Result) (found bool) {
	if !slices.ContainsFunc(f.Columns, func(c sdk.Column) bool { return c.Type == sdk.FloatList && rates(c) }) {
		return false
	}
	same, turned, at := 0, 0, 0
	for i, r := range f.good {
		texts, numbers := listsOf(r)
		if texts == nil || len(texts) != len(numbers) {
			continue
		}
		s, t := f.orders(texts, numbers, results[i].Example.Candidates)
		if t > 0 {
			at = i
		}
		same, turned = same+s, turned+t
	}
	if turned == 0 {
		return false
	}
	f.Find(check.Finding{
		Text:  fmt.Sprintf("of the pairs of texts whose numbers differ, %d keep their order in the candidates' scores, and %d are turned round: %s", same, turned, exampleText(results[at].Example)),
		Cause: "a score is negated, loses its sign, or is a rank with 1 for the best: a higher score is a better candidate",
		Probe: f.show(f.good[at]),
	})
	return true
}

// orders counts the pairs of candidates that have the order of their numbers, and
// those that have the opposite one.
func (f *formatter) orders(texts []string, numbers []float64, candidates []sdk.Candidate) (same, turned int) {
	for i, a := range candidates {
		for _, b := range candidates[:i] {
			x, y := owner(texts, a.Answer), owner(texts, b.Answer)
			if x < 0 || y < 0 || numbers[x] == numbers[y] {
				continue
			}
			for name, v := range a.Columns {
				if !f.rated(name) || v == b.Columns[name] {
					continue
				}
				if (v > b.Columns[name]) == (numbers[x] > numbers[y]) {
					same++
				} else {
					turned++
				}
			}
		}
	}
	return same, turned
}

// owner is the text that an answer is from, -1 if none is.
func owner(texts []string, answer string) int {
	own := -1
	for i, text := range texts {
		if last := lastWord(text); last != "" && strings.Contains(answer, last) {
			own = i
		}
	}
	return own
}

// chosen checks that the candidate of a field called chosen has a higher score than
// that of one called rejected, or comes first where nothing else tells them apart.
func (f *formatter) chosen(results []sdk.Result) (found bool) {
	better, worse := f.sideColumn(betterNames), f.sideColumn(worseNames)
	if better < 0 || worse < 0 {
		return false
	}
	verdicts := map[string]int{}
	at := 0
	for i, r := range f.good {
		a := candidateOf(results[i].Example, wordsOf(r.cells[better].Str))
		b := candidateOf(results[i].Example, wordsOf(r.cells[worse].Str))
		if r.plan.present == nil || a < 0 || b < 0 || a == b {
			continue
		}
		verdicts[f.verdict(results[i].Example.Candidates, a, b)]++
		at = i
	}
	if len(verdicts) != 1 || verdicts[""] > 0 {
		return false
	}
	for verdict := range verdicts {
		f.Find(check.Finding{
			Text:  fmt.Sprintf("the candidate of %q %s that of %q: %s", f.Columns[better].Name, verdict, f.Columns[worse].Name, exampleText(results[at].Example)),
			Cause: "the two are mixed up: a higher score is a better candidate, and without scores the better one comes first",
			Probe: f.show(f.good[at]),
		})
	}
	return true
}

// verdict compares two candidates, of which the first should be the better one; ""
// if it is.
func (f *formatter) verdict(candidates []sdk.Candidate, better, worse int) string {
	seen := false
	for name, v := range candidates[better].Columns {
		other := candidates[worse].Columns[name]
		switch {
		case !f.rated(name):
			continue
		case v > other:
			return ""
		case v < other:
			return "has a lower " + name + " than"
		}
		seen = true
	}
	switch {
	case seen:
		return "has the same score as"
	case better > worse && len(candidates[better].Columns) == 0:
		return "comes after"
	}
	return ""
}

// sideColumn is the field of texts whose name has one of the words, -1 for none.
func (f *formatter) sideColumn(words []string) int {
	return slices.IndexFunc(f.Columns, func(c sdk.Column) bool { return c.Type == sdk.String && hasWord(c.Name, words) })
}

// candidateOf is the candidate whose answer has the last of the words, -1 for none.
func candidateOf(e sdk.Example, words []string) int {
	if len(words) == 0 {
		return -1
	}
	return slices.IndexFunc(e.Candidates, func(c sdk.Candidate) bool { return strings.Contains(c.Answer, words[len(words)-1]) })
}

// liked checks that true, or 1, in a field such as desirable is the higher score.
func (f *formatter) liked() error {
	for i, column := range f.Columns {
		number := column.Type == sdk.Bool || column.Type == sdk.Int || column.Type == sdk.Float
		if !number || !hasWord(column.Name, likedNames) && !rates(column) {
			continue
		}
		for _, r := range f.good {
			yes, no := withCell(r, i, sdk.Cell{Type: column.Type, Int: 1, Float: 1}), withCell(r, i, sdk.Cell{Type: column.Type})
			results, err := f.call([]record{yes, no})
			if err != nil {
				return err
			}
			if !isGood(results[0]) || !isGood(results[1]) {
				continue
			}
			a, b := results[0].Example, results[1].Example
			for name, v := range a.Candidates[0].Columns {
				if f.rated(name) && v < b.Candidates[0].Columns[name] {
					f.Find(check.Finding{
						Text:  fmt.Sprintf("%s is %v where %q is %s, and %v where it is %s", name, v, column.Name, cellText(yes.cells[i]), b.Candidates[0].Columns[name], cellText(no.cells[i])),
						Cause: "good and bad are mixed up: a higher number is a better answer",
						Probe: f.show(yes),
					})
					return nil
				}
			}
			break
		}
	}
	return nil
}

// withCell is a record with another cell for field i.
func withCell(r record, i int, cell sdk.Cell) record {
	out := record{cells: slices.Clone(r.cells), plan: r.plan}
	out.cells[i] = cell
	return out
}

// weights checks that a record without a weight counts as one of weight 1.
func (f *formatter) weights() error {
	f.Note = "reads no weight that may be absent"
	for i, column := range f.Columns {
		isWeight := column.Role == sdk.WeightRole || column.Role == sdk.NumberRole && hasWord(column.Name, []string{"weight", "weights"})
		isNumber := column.Type == sdk.Float || column.Type == sdk.Int || column.Type == sdk.FloatList
		if column.Required || !isWeight || !isNumber {
			continue
		}
		f.Note = "a record without a weight counts as one of weight 1"
		for _, r := range f.good {
			wrong, err := f.absent(r, i)
			if wrong || err != nil {
				return err
			}
		}
	}
	return nil
}

// absent compares a record without a weight with those of weight 1 and 0.
func (f *formatter) absent(r record, i int) (wrong bool, err error) {
	kind := f.Columns[i].Type
	each := func(x float64) sdk.Cell {
		return sdk.Cell{Type: kind, Float: x, Int: int64(x), Floats: slices.Repeat([]float64{x}, items(r))}
	}
	none, one, zero := withCell(r, i, sdk.Cell{}), withCell(r, i, each(1)), withCell(r, i, each(0))
	results, err := f.call([]record{none, one, zero})
	if err != nil {
		return false, err
	}
	if !isGood(results[0]) || !isGood(results[1]) || sameResult(results[0], results[1]) || sameResult(results[1], results[2]) {
		return false, nil
	}
	name, v := differingColumn(results[0].Example, results[1].Example)
	f.Find(check.Finding{
		Warning: v > 0,
		Text:    fmt.Sprintf("without %q the column %s is %v, and with %q of 1 it is not: a record that says nothing does not count as one record", f.Columns[i].Name, name, v, f.Columns[i].Name),
		Cause:   "an absent field reads as 0: ask Has first, and use 1 where it is absent",
		Probe:   f.show(none),
	})
	return true, nil
}

// items is how many entries the lists of a record have.
func items(r record) int {
	n := 0
	for _, cell := range r.cells {
		n = max(n, len(cell.Strs), len(cell.Floats))
	}
	return n
}

// differingColumn is the first column in which two examples differ, and its value
// in the first.
func differingColumn(a, b sdk.Example) (name string, value float64) {
	for _, name := range sortedNames(a.Columns) {
		if a.Columns[name] != b.Columns[name] {
			return name, a.Columns[name]
		}
	}
	for k := range min(len(a.Candidates), len(b.Candidates)) {
		for _, name := range sortedNames(a.Candidates[k].Columns) {
			if v := a.Candidates[k].Columns[name]; v != b.Candidates[k].Columns[name] {
				return name, v
			}
		}
	}
	return "", 0
}
