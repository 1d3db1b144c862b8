package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mixture is what the TOML is to say of several data sets.
type mixture struct {
	about     string
	sets      []recipe
	evalPaths []string
	comments  []string
}

// TOML writes one set, or several that are read alike, as data_paths, and others under
// [[datasets]].
func (m mixture) TOML() (string, error) {
	for i, r := range m.sets {
		if r.task != m.sets[0].task {
			return "", fmt.Errorf("data sets 1 and %d are for different tasks, %q and %q, and a run learns one; choose some of them", i+1, m.sets[0].task, r.task)
		}
	}
	if m.alike() {
		return m.joined().TOML(), nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", m.about)
	if task := m.sets[0].task; task != "" {
		fmt.Fprintf(&b, "# records for: %s\n", task)
	}
	b.WriteByte('\n')
	for _, s := range m.ofRun() {
		fmt.Fprintf(&b, "%s = %s\n", s[0], s[1])
	}
	if m.evalPaths != nil {
		fmt.Fprintf(&b, "eval_data_paths = %s\n", list(m.evalPaths))
	}
	writeComments(&b, m.comments)
	for i := range m.sets {
		b.WriteString(m.entry(i))
	}
	return strings.Replace(b.String(), "\n\n\n", "\n\n", 1), nil
}

// alike tells whether all sets are read in one way, all of each.
func (m mixture) alike() bool {
	bare := func(r recipe) string {
		r.paths, r.comments = nil, nil
		return r.TOML()
	}
	return !slices.ContainsFunc(m.sets, func(r recipe) bool {
		limited := slices.ContainsFunc(r.settings, func(s [2]string) bool { return s[0] == maxSamples })
		return bare(r) != bare(m.sets[0]) || r.split != "" || limited && len(m.sets) > 1
	})
}

// joined is one recipe for sets that are read alike.
func (m mixture) joined() recipe {
	all := m.sets[0]
	for _, r := range m.sets[1:] {
		all.paths = append(all.paths, r.paths...)
		all.comments = append(all.comments, r.comments...)
	}
	all.about = m.about
	all.evalPaths = m.evalPaths
	all.comments = slices.Compact(append(all.comments, m.comments...))
	return all
}

// maxSamples is the setting that an entry calls max_samples.
const maxSamples = "max_train_samples"

// isOfRun tells whether a run has one value of a setting, whatever set it came from.
func isOfRun(name string) bool { return name == "chat_template" || name == "train_on" }

// ofRun are the settings of the run, of several values the first.
func (m mixture) ofRun() (all [][2]string) {
	for _, r := range m.sets {
		for _, s := range r.settings {
			if isOfRun(s[0]) && !slices.ContainsFunc(all, func(have [2]string) bool { return have[0] == s[0] }) {
				all = append(all, s)
			}
		}
	}
	return all
}

// entry writes a set under [[datasets]].
func (m mixture) entry(i int) string {
	r := m.sets[i]
	var b strings.Builder
	b.WriteString("\n[[datasets]]\n")
	switch len(r.paths) {
	case 0:
	case 1:
		fmt.Fprintf(&b, "path = %s\n", strconv.Quote(r.paths[0]))
	default:
		fmt.Fprintf(&b, "path = %s\n", list(r.paths))
	}
	if r.formatter != "" {
		fmt.Fprintf(&b, "formatter = %q\n", r.formatter)
	}
	if r.split != "" {
		fmt.Fprintf(&b, "split = %q\n", r.split)
	}
	for _, s := range r.settings {
		switch {
		case s[0] == maxSamples:
			fmt.Fprintf(&b, "max_samples = %s\n", s[1])
		case !isOfRun(s[0]):
			fmt.Fprintf(&b, "%s = %s\n", s[0], s[1])
		}
	}
	for _, s := range m.ofRun() {
		own := slices.IndexFunc(r.settings, func(have [2]string) bool { return have[0] == s[0] })
		if own < 0 {
			r.comment("%s is that above, since a run has one; this entry has none", s[0])
		} else if r.settings[own] != s {
			r.comment("%s = %s: a run has one, which is that above", s[0], r.settings[own][1])
		}
	}
	if len(r.paths) == 0 {
		r.comment("write path = FILE here")
	}
	writeComments(&b, r.comments)
	if len(r.columns) > 0 {
		b.WriteString("\n[datasets.columns]\n")
	}
	for _, c := range r.columns {
		fmt.Fprintf(&b, "%s = %s\n", c[0], strconv.Quote(c[1]))
	}
	return b.String()
}

func writeComments(b *strings.Builder, comments []string) {
	for _, c := range comments {
		fmt.Fprintf(b, "# %s\n", strings.ReplaceAll(c, "\n", `\n`))
	}
}
