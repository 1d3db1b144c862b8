package host

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/classname"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/lm"
	"llmhost/host/model"
	"llmhost/host/task"
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

// settleClasses settles which classes each head of the loss has.
func settleClasses(s config.Settings, t *task.Task, src lm.Source, sets dataset, out *console.Console) ([]model.ClassHead, error) {
	names := t.Program.Needs().Classes
	config, err := model.ReadConfig(src.Weights)
	if err != nil {
		return nil, err
	}
	named := !t.PoolsLastToken && !model.IsEncoder(config.ModelType)
	var wanted []lm.HeadClasses
	for _, name := range names {
		wanted = append(wanted, lm.HeadClasses{
			Head:        name,
			Coefficient: t.Program.CoefficientOf("logits." + name),
			Named:       named,
			Found:       foundClasses(sets.train.Survey, name),
			Declared:    declaredClasses(sets.train, name),
		})
	}
	heads, notes, err := lm.SettleClasses(src, wanted, sets.train.Survey.Heads(), s.IgnoreMismatched)
	out.Notes(notes)
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	for _, set := range sets.eval {
		for i, name := range names {
			if c, unseen := set.data.Survey.Unseen(name, heads[i].Labels); unseen {
				out.Notef(
					"%s: the class %q of %s is not among the trained classes; it and others like it count as wrong",
					c.First,
					c.Name,
					name,
				)
			}
		}
	}
	return heads, nil
}

// labelerOf numbers the classes of the loss's heads as the settled heads do.
func labelerOf(t *task.Task, heads []model.ClassHead) data.Labeler {
	classes := map[string][]string{}
	for i, name := range t.Program.Needs().Classes {
		classes[name] = heads[i].Labels
	}
	return data.NewLabeler(classes)
}

// foundClasses are the classes that the surveyed examples have under a head.
func foundClasses(s data.Survey, head string) (found []lm.FoundClass) {
	for _, name := range s.ClassNames(head) {
		first := slices.IndexFunc(s.Classes[head], func(c data.Class) bool { return c.Name == name })
		found = append(found, lm.FoundClass{
			Name:  name,
			First: first,
			At:    s.Classes[head][first].First.String(),
		})
	}
	return found
}

// declaredClasses are the classes of a head in the order in which the files declare them:
// those of the one ClassLabel that has all classes found; nil where there is none, or the
// files do not agree.
func declaredClasses(set data.Set, head string) (declared []string) {
	found := set.Survey.ClassNames(head)
	for _, file := range set.Files {
		fits := 0
		for _, names := range file.Classes {
			classes := make([]string, len(names))
			for i, name := range names {
				classes[i] = classname.Of(name)
			}
			if slices.ContainsFunc(found, func(class string) bool { return !slices.Contains(classes, class) }) {
				continue
			}
			if fits++; declared != nil && !slices.Equal(declared, classes) {
				return nil
			}
			declared = classes
		}
		if fits == 0 {
			return nil
		}
	}
	return declared
}
