package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/data/record"
)

var scores = &Check{
	Name:     "equal-scores",
	Doc:      "a record whose answers all have the same score, or data in which every score is the same",
	Severity: Warning,
	Minor:    0.2, // ties are usual where people grade; where they are a fifth of the data something is wrong
	Fix:      "such records teach a ranking nothing; take them out or grade them again",
	Start: func(Options) Pass {
		v := &scoreValues{}
		return Pass{Each: v.see, End: v.end}
	},
}

var scoreCount = &Check{
	Name:     "score-count",
	Doc:      "a record with another number of scores than of answers",
	Severity: Error,
	Fix:      "give every answer its score",
	Start: each(func(i *Item, find Find) {
		scores := i.Record.Get(i.View.ScoreField)
		if n := len(i.View.Candidates); scores.Kind == record.List && n > 0 && n != len(scores.Items) {
			find(Finding{Field: i.View.ScoreField, Text: fmt.Sprintf("%d scores for %d answers", len(scores.Items), n)})
		}
	}),
}

// scoreValues remembers whether all scores are one number.
type scoreValues struct {
	first   float64
	field   string
	at      Place
	records int
	differ  bool
}

func (v *scoreValues) see(i *Item, find Find) {
	all := i.View.Scores
	if len(all) == 0 {
		return
	}
	if v.records == 0 {
		v.first, v.field, v.at = all[0], i.View.ScoreField, i.Place
	}
	v.records++
	for _, s := range all {
		v.differ = v.differ || s != v.first
	}
	if len(all) > 1 && slices.Min(all) == slices.Max(all) {
		find(Finding{Field: i.View.ScoreField, Text: fmt.Sprintf("all %d scores are %g", len(all), all[0])})
	}
}

// fewRecords is how many records say too little about the data as a whole.
const fewRecords = 4

func (v *scoreValues) end(find Find) {
	if v.records >= fewRecords && !v.differ {
		find(Finding{Field: v.field, All: true, Text: fmt.Sprintf("every score of the data is %g", v.first)}.at(v.at))
	}
}

var labels = &Check{
	Name:     "labels",
	Doc:      "one class only, classes that hardly occur, labels spelt in several ways, labels that only the evaluation data has",
	Severity: Warning,
	Start: func(Options) Pass {
		l := &labelCounts{heads: map[string]*headCounts{}}
		return Pass{Each: l.see, End: l.end}
	},
}

// labelCounts counts the labels of each head.
type labelCounts struct{ heads map[string]*headCounts }

type headCounts struct {
	field   string
	classes map[string]*classCount
	other   int // of more classes than are counted
	records int
	eval    map[string]Place // first occurrence in the evaluation data
}

type classCount struct {
	count int
	first Place
}

// mostClasses bounds how many classes are counted.
const mostClasses = 4096

func (l *labelCounts) see(i *Item, _ Find) {
	classes := i.Classes
	if len(classes) == 0 {
		classes = namedClasses(i)
	}
	for head, class := range classes {
		h := l.heads[head]
		if h == nil {
			h = &headCounts{field: labelField(i, head), classes: map[string]*classCount{}, eval: map[string]Place{}}
			l.heads[head] = h
		}
		h.see(class, i.Place)
	}
}

// labelField is the field of the class under a head.
func labelField(i *Item, head string) string {
	if i.Record.Get(i.View.LabelField).Kind == record.Object {
		return i.View.LabelField + "." + head
	}
	return cmp.Or(i.View.LabelField, head)
}

// namedClasses are the labels of a record, by field or, where one field has several, by
// the name of each.
func namedClasses(i *Item) map[string]string {
	label := i.Record.Get(i.View.LabelField)
	switch {
	case i.View.Label == "":
		return nil
	case label.Kind != record.Object:
		return map[string]string{i.View.LabelField: i.View.Label}
	}
	classes := map[string]string{}
	for _, m := range label.Members {
		if m.Value.Kind == record.String || m.Value.Kind == record.Number || m.Value.Kind == record.Bool {
			classes[m.Name] = m.Value.Text
		}
	}
	return classes
}

func (h *headCounts) see(class string, at Place) {
	if at.Eval {
		if _, seen := h.eval[class]; !seen && len(h.eval) < mostClasses {
			h.eval[class] = at
		}
		return
	}
	h.records++
	c := h.classes[class]
	if c == nil {
		if len(h.classes) == mostClasses {
			h.other++
			return
		}
		c = &classCount{first: at}
		h.classes[class] = c
	}
	c.count++
}

func (l *labelCounts) end(find Find) {
	for _, head := range slices.Sorted(maps.Keys(l.heads)) {
		l.heads[head].end(find)
	}
}

// unbalanced is how many times as often as the rarest class the commonest may occur;
// rareClass is the share of the records that a class should have.
const (
	unbalanced = 10
	rareClass  = 0.05
)

func (h *headCounts) end(find Find) {
	names := slices.SortedFunc(maps.Keys(h.classes), func(a, b string) int {
		return cmp.Or(cmp.Compare(h.classes[b].count, h.classes[a].count), cmp.Compare(a, b))
	})
	if len(names) == 0 {
		return
	}
	commonest, rarest := h.classes[names[0]], h.classes[names[len(names)-1]]
	switch {
	case h.other > 0:
		find(Finding{Field: h.field, All: true, Text: fmt.Sprintf("more than %d classes; the field may not be a label", mostClasses),
			Fix: "cls_data_label_name names another field"}.at(commonest.first))
	case len(names) == 1 && h.records >= fewRecords:
		find(Finding{Field: h.field, All: true, Text: fmt.Sprintf("all %d records have the label %q: there is nothing to tell apart", h.records, names[0]),
			Fix: "add records of other classes; cls_data_label_name names another field"}.at(commonest.first))
	case commonest.count >= unbalanced*rarest.count && float64(rarest.count) < rareClass*float64(h.records):
		find(Finding{Field: h.field, All: true, Text: fmt.Sprintf("%d of %d records have the label %q, the first of them here; %d have %q",
			rarest.count, h.records, names[len(names)-1], commonest.count, names[0]),
			Fix: "add records of the rare class, or weigh the classes (of kto: desirable_weight, undesirable_weight)"}.at(rarest.first))
	}
	h.spellings(names, find)
	for _, class := range slices.Sorted(maps.Keys(h.eval)) {
		if h.classes[class] == nil && h.other == 0 {
			find(Finding{Field: h.field, All: true, Severity: Error, Text: fmt.Sprintf("the label %q is in the evaluation data alone, so that it counts as wrong", class),
				Fix: "correct the label, or add records of it to the training data"}.at(h.eval[class]))
		}
	}
}

// spellings finds classes that differ in case and blanks alone.
func (h *headCounts) spellings(names []string, find Find) {
	first := map[string]string{} // the commonest by its plain spelling
	for _, name := range names {
		plain := strings.ToLower(strings.Join(strings.Fields(strings.NewReplacer("_", " ", "-", " ").Replace(name)), " "))
		common, seen := first[plain]
		if !seen {
			first[plain] = name
			continue
		}
		find(Finding{Field: h.field, All: true, Text: fmt.Sprintf("the label %q differs from %q, which is commoner, by its spelling alone", name, common),
			Fix: "write both the same way: they are two classes now"}.at(h.classes[name].first))
	}
}
