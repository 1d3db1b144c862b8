package lora

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/nearest"
	"llmhost/host/nn"
)

// heads of sequences are named together by every adapter that PEFT makes for
// SEQ_CLS; a model has one of them.
var sequenceHeads = []string{"classifier", "score"}

// modules are all modules of the model that have weights, their own or below, from the
// outermost, each once.
func (a *Adapter) modules() (names []string) {
	seen := map[string]bool{}
	add := func(module string) {
		for _, m := range withAncestors(module) {
			if !seen[m] && !strings.HasPrefix(m, prefix) {
				seen[m] = true
				names = append(names, m)
			}
		}
	}
	for _, l := range a.params.Linears() { // those in 4 bits are no parameters
		add(l.Name)
	}
	for _, q := range a.params.All() {
		for _, m := range append(a.modulesOf(q), q.Module()) {
			add(m)
		}
	}
	return names
}

// unfreeze trains the parameters that are saved whole: those of the modules that
// modules_to_save names by their ends, with all below them, as PEFT does, and heads.
func (a *Adapter) unfreeze(heads []string) error {
	if err := a.checkSaved(); err != nil {
		return err
	}
	for _, q := range a.params.All() {
		if slices.ContainsFunc(a.modulesOf(q), a.Config.saves) || a.Config.saves(q.Module()) || slices.Contains(heads, q.Name) {
			a.train(q)
		}
	}
	return nil
}

// modulesOf are the modules that have the parameter, by PEFT's names: one, or two
// where it is tied.
func (a *Adapter) modulesOf(q nn.Param) (modules []string) {
	for _, name := range a.namesOf(q) {
		modules = append(modules, nn.Param{Name: name}.Module())
	}
	return modules
}

// namesOf are PEFT's names of a parameter: one, or two where it is tied.
func (a *Adapter) namesOf(q nn.Param) []string {
	if second := a.params.TiedTo(q.Name); second != "" {
		return []string{peftName(q.Name), peftName(second)}
	}
	return []string{peftName(q.Name)}
}

// peftName is PEFT's name of a parameter of the model: that of transformers' module, which
// for the head of GPT-NeoX is not that of its files any more.
func peftName(name string) string {
	if of, old := strings.CutPrefix(name, "embed_out."); old {
		return "lm_head." + of
	}
	return name
}

// train has a parameter trained and saved whole, a tied one under both its names, or
// PEFT would untie it.
func (a *Adapter) train(q nn.Param) {
	a.saved = append(a.saved, nn.Param{Name: q.Name, Tensor: q.Tensor.RequireGrad()})
	modules := a.modulesOf(q)
	a.Config.TieWeights = a.Config.TieWeights || len(modules) > 1
	for _, module := range modules {
		if !a.Config.saves(module) {
			a.Config.ModulesToSave = append(a.Config.ModulesToSave, nn.LastPart(module))
		}
	}
}

// checkSaved reports names of modules_to_save that PEFT cannot save, and what
// cannot be trained.
func (a *Adapter) checkSaved() error {
	for _, m := range a.modules() {
		if list, ofLayers := listOf(m); ofLayers && a.Config.names(list) {
			return fmt.Errorf("modules_to_save fits %s, the list of the layers; want modules in it, such as %s", list, m)
		}
		outer := m[:max(0, strings.LastIndex(m, "."))]
		if a.Config.names(m) && a.Config.saves(outer) {
			return fmt.Errorf("modules_to_save fits %s and, around it, a module of %s, which PEFT cannot read again; want one of them", m, outer)
		}
	}
	for _, l := range a.params.Linears() {
		if !l.Weight.Defined() && a.Config.saves(l.Name) {
			return fmt.Errorf("modules_to_save fits %s, which load_in_4bit keeps in 4 bits, where it cannot be trained; want one of them", l.Name)
		}
	}
	return nil
}

// listOf is the list of layers that a module is an entry of.
func listOf(module string) (list string, is bool) {
	last := nn.LastPart(module)
	return strings.TrimSuffix(module, "."+last), strings.Trim(last, "0123456789") == ""
}

// isSaved tells whether a module's weights are trained and saved whole.
func (a *Adapter) isSaved(module string) bool {
	return slices.ContainsFunc(a.saved, func(q nn.Param) bool { return slices.Contains(a.modulesOf(q), module) })
}

// Notes are what a user should know about the adapter: names that fit nothing.
func (a *Adapter) Notes() (notes []string) {
	c := a.Config
	modules := a.modules()
	note := func(key string, names []string) {
		if len(names) > 0 {
			notes = append(notes, fmt.Sprintf("%s: nothing in the model fits %s%s", key, strings.Join(names, ", "), a.nearestOf(names)))
		}
	}
	unused := func(key string, patterns []string) {
		if len(patterns) > 0 {
			notes = append(notes, fmt.Sprintf("%s: no map with an adapter fits %s", key, strings.Join(patterns, ", ")))
		}
	}
	if len(a.otherHeads) > 0 {
		notes = append(notes, fmt.Sprintf("the adapter is that of another task: its %s has no use here, and what is saved is without it", strings.Join(a.otherHeads, " and ")))
	}
	note(c.TargetsName, absent(c.Targets.Names, modules, isModule))
	note("exclude_modules", absent(c.Exclude.Names, modules, isModule))
	saved := absent(c.ModulesToSave, modules, strings.HasSuffix)
	if slices.ContainsFunc(sequenceHeads, a.isSaved) {
		saved = slices.DeleteFunc(saved, func(name string) bool { return slices.Contains(sequenceHeads, name) })
	}
	note("modules_to_save", saved)
	var adapted []string
	for _, l := range a.maps {
		adapted = append(adapted, l.Name)
	}
	unused("rank_pattern", c.RankPattern.unmatched(adapted))
	unused("alpha_pattern", c.AlphaPattern.unmatched(adapted))
	return notes
}

// absent are the names that fit none of the modules.
func absent(names, modules []string, fits func(module, name string) bool) (none []string) {
	for _, name := range names {
		if !slices.ContainsFunc(modules, func(m string) bool { return fits(m, name) }) && !slices.Contains(none, name) {
			none = append(none, name)
		}
	}
	return none
}

// nearestOf suggests a module for the first of names that is near one, "" for none.
func (a *Adapter) nearestOf(names []string) string {
	var have []string
	for _, m := range a.modules() {
		have = append(have, nn.LastPart(m))
	}
	for _, name := range names {
		if hint := nearest.Hint(nn.LastPart(name), have); hint != "" {
			return hint
		}
	}
	return ""
}
