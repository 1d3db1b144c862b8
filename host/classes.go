package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nearest"
	"llmhost/host/train"
)

// openClasses settles which classes each head of the loss has, and numbers those
// of all records: those of the model where it has that head, else those of the
// training data.
func (r *run) openClasses() error {
	names := train.NeedsOf(r.task.program).Classes
	if len(names) == 0 {
		return nil
	}
	path, old, err := r.oldClasses()
	if err != nil {
		return err
	}
	classes := map[string][]string{}
	for _, name := range names {
		head := model.ClassHead{Name: name, Coefficient: r.task.program.CoefficientOf("logits." + name)}
		if len(names) == 1 && len(old) == 1 && old[0].Name == "" || len(names) == 1 && len(old) == 0 {
			head.Name = ""
		}
		if err := r.settleClasses(name, &head, path, old); err != nil {
			return err
		}
		r.classHeads = append(r.classHeads, head)
		classes[name] = head.Labels
	}
	data.SetLabels(r.data.train.Examples, classes)
	for _, set := range r.data.eval {
		if g, head := data.SetLabels(set.Examples, classes); g != nil {
			r.from.notes = append(r.from.notes, fmt.Sprintf("%s: the class %q of %s is not among those that are trained; it and its like count as wrong", g.Source, g.Classes[head], head))
		}
	}
	return nil
}

// oldClasses are the heads of classes that there are, and the folder that says so:
// the adapter's where the run goes on with one that has any, else the model's.
func (r *run) oldClasses() (path string, heads []model.ClassHead, err error) {
	if path = r.adapterFolder(); path != "" {
		if heads, err = lora.ReadClasses(path); err != nil || heads != nil {
			return path, heads, err
		}
	}
	path = r.modelFolder()
	heads, err = model.ReadClassHeads(path)
	return path, heads, err
}

// settleClasses settles the classes of a head that the loss calls name: those that
// the model has for it, of which the training data may have no other, or those of
// the training data.
func (r *run) settleClasses(name string, head *model.ClassHead, path string, old []model.ClassHead) error {
	found := data.ClassNames(r.data.train.Examples, name)
	at := slices.IndexFunc(old, func(have model.ClassHead) bool { return have.Name == head.Name })
	if at >= 0 {
		have := old[at].Labels
		if placeholders(have) && len(found) == len(have) {
			have = found
		}
		g, _ := data.SetLabels(r.data.train.Examples, map[string][]string{name: have})
		if g == nil {
			head.Labels = have
			return nil
		}
		if !r.settings.IgnoreMismatched {
			return fmt.Errorf("%s: the class %q of %s is none of those of %s, which are %s%s; set ignore_mismatched_sizes = true to begin the head anew with the classes of the data",
				g.Source, g.Classes[name], name, path, strings.Join(have, ", "), nearest.Hint(g.Classes[name], have))
		}
		head.Fresh = true
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("no training record has a class of %s; the data has those of %s", name, strings.Join(r.classNames(), ", "))
	case 1:
		return fmt.Errorf("all training records have the class %q of %s; want two classes at least", found[0], name)
	}
	head.Labels = found
	return nil
}

// placeholders tells whether classes have the names that transformers gives
// those without any.
func placeholders(names []string) bool {
	for i, name := range names {
		if name != fmt.Sprintf("LABEL_%d", i) {
			return false
		}
	}
	return true
}

// classNames are the heads that the training data has classes for.
func (r *run) classNames() (names []string) {
	for _, g := range r.data.train.Examples {
		for name := range g.Classes {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// calibrationBins are the numbers of bins that rewards are measured with.
func calibrationBins(s config.Settings) (bins []int) {
	if !s.RMCalibration {
		return nil
	}
	for _, text := range s.CalibrationBins {
		n, _ := strconv.Atoi(text) // the settings are checked
		bins = append(bins, n)
	}
	return bins
}
