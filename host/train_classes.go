package host

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/console"
	"llmhost/host/data"
)

// shownClasses is how many classes of a head a line lists.
const shownClasses = 8

// describeClasses lists the classes of each head of the loss, and how many records
// of some files have each: all in their order, or of many the most common.
func (d *dataset) describeClasses(s data.Survey) {
	for _, head := range d.heads {
		classes := slices.Clone(s.Classes[head])
		names := s.ClassNames(head)
		slices.SortStableFunc(classes, func(a, b data.Class) int {
			if byCount := cmp.Compare(b.Count, a.Count); len(classes) > shownClasses && byCount != 0 {
				return byCount
			}
			return cmp.Compare(slices.Index(names, a.Name), slices.Index(names, b.Name))
		})
		var shown []string
		for _, c := range classes[:min(shownClasses, len(classes))] {
			shown = append(shown, fmt.Sprintf("%s (%d)", c.Name, c.Count))
		}
		line := fmt.Sprintf("       %s of %s: %s", countClasses(len(classes)), head, strings.Join(shown, ", "))
		if more := len(classes) - len(shown); more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
		d.report = append(d.report, line)
	}
}

func countClasses(n int) string {
	if n == 1 {
		return "1 class"
	}
	return console.Thousands(float64(n)) + " classes"
}

// noteSpellings notes the classes that the files spell in several ways.
func (d *dataset) noteSpellings() {
	var all data.Survey
	for _, s := range d.surveys {
		all = all.Join(s)
	}
	for _, head := range d.heads {
		var joined []string
		for _, c := range all.Classes[head] {
			if len(c.Spellings) > 1 {
				joined = append(joined, c.Name+" "+spelt(c.Spellings))
			}
		}
		if len(joined) == 0 {
			continue
		}
		more := ""
		if n := len(joined) - 3; n > 0 {
			joined, more = joined[:3], fmt.Sprintf(" and %d more", n)
		}
		d.notes = append(d.notes, fmt.Sprintf(
			"numbers of %s that are spelt in several ways are one class each: %s%s",
			head,
			strings.Join(joined, ", "),
			more,
		))
	}
}

// spelt lists spellings and where each first occurs.
func spelt(all []data.Spelling) string {
	var list []string
	for _, s := range all {
		list = append(list, fmt.Sprintf("%s at %s", s.Text, s.First))
	}
	return "(" + strings.Join(list, ", ") + ")"
}
