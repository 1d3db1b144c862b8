package inspect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// format is the version of what JSON writes: additions do not change it.
const format = 1

// JSON writes the report for programs: the fields of Report, the version of the
// form, and the worst severity of what was found.
func (r *Report) JSON() []byte {
	out, err := json.MarshalIndent(struct {
		Format int      `json:"llmhost_data_check"`
		Worst  Severity `json:"worst"`
		*Report
	}{format, r.Worst(), r}, "", "  ")
	if err != nil { // every field is plain data
		panic(err)
	}
	return append(out, '\n')
}

// Text writes the report for people, with so many findings of each check.
func (r *Report) Text(shown int) string {
	var b strings.Builder
	for _, f := range r.Files {
		f.write(&b)
	}
	if r.Lengths != nil {
		r.Lengths.write(&b)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, g := range r.Groups {
		g.write(&b, shown)
	}
	for _, u := range r.Unseen {
		fmt.Fprintf(&b, "\nnot looked at: %s\n  %s\n", strings.Join(u.Checks, ", "), u.Why)
	}
	return b.String() + "\n" + r.verdict() + "\n"
}

func (f FileReport) write(b *strings.Builder) {
	split := "train"
	if f.Eval {
		split = "eval "
	}
	fmt.Fprintf(b, "%s  %s: %s, %d records", split, f.Path, f.Kind, f.Records)
	if f.Format != "" {
		fmt.Fprintf(b, " of %s", f.Format)
	}
	if f.Bad > 0 {
		fmt.Fprintf(b, ", %d of them unreadable", f.Bad)
	}
	b.WriteByte('\n')
}

func (l *Lengths) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%d sequences, %d tokens, %d of them learned\n", l.Sequences, l.Tokens, l.Learned)
	fmt.Fprintf(b, "tokens a sequence: shortest %d, median %d, 95%% have at most %d, longest %d (%s)\n", l.Shortest, l.Median, l.P95, l.Longest, l.At)
	most, width := 0, 0
	for _, bin := range l.Histogram {
		most = max(most, bin.Count)
		width = max(width, len(fmt.Sprint(bin.To)))
	}
	for _, bin := range l.Histogram {
		mark := ""
		if bin.From <= l.MaxLength && l.MaxLength <= bin.To && l.Longest > l.MaxLength {
			mark = fmt.Sprintf("  max_length %d, %d are longer", l.MaxLength, l.Cut)
		}
		fmt.Fprintf(b, "  %*d to %*d  %s %d%s\n", width, bin.From, width, bin.To, bar(float64(bin.Count)/float64(most), 40), bin.Count, mark)
	}
	fmt.Fprintf(b, "BOS %s; EOS %s\n", howOften(l.BOS), howOften(l.EOS))
}

// howOften says how many sequences have a token how often: "once in 98, never in 2".
func howOften(counts map[int]int) string {
	var parts []string
	for i, n := range slices.Sorted(maps.Keys(counts)) {
		if i == 4 {
			parts = append(parts, "more often in others")
			break
		}
		name := map[int]string{0: "never", 1: "once", 2: "twice"}[n]
		if name == "" {
			name = fmt.Sprintf("%d times", n)
		}
		parts = append(parts, fmt.Sprintf("%s in %d", name, counts[n]))
	}
	return strings.Join(parts, ", ")
}

// write writes the findings of a check with the first places, each fix once.
func (g Group) write(b *strings.Builder, shown int) {
	how := string(g.Severity)
	if g.Allowed {
		how = "allowed"
	}
	fmt.Fprintf(b, "\n%-7s  %s: %s\n", how, g.Check, g.Doc)
	shown = min(shown, len(g.Findings))
	for i, f := range g.Findings[:shown] {
		place := f.place()
		if place != "" {
			place += ": "
		}
		fmt.Fprintf(b, "         %s%s\n", place, f.Text)
		if last := i+1 == shown || g.Findings[i+1].Fix != f.Fix; last && f.Fix != "" {
			fmt.Fprintf(b, "           fix: %s\n", f.Fix)
		}
	}
	if more := g.Count - shown; more > 0 {
		fmt.Fprintf(b, "         and %d more\n", more)
	}
}

// verdict is the last line.
func (r *Report) verdict() string {
	counts := map[Severity]int{}
	records := 0
	for _, f := range r.Files {
		records += f.Records
	}
	for _, g := range r.Groups {
		if !g.Allowed {
			counts[g.Severity]++
		}
	}
	var parts []string
	for _, s := range []Severity{Error, Warning, Note} {
		if n := counts[s]; n == 1 {
			parts = append(parts, fmt.Sprintf("1 %s", s))
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, s))
		}
	}
	if parts == nil {
		parts = []string{"nothing found"}
	}
	return fmt.Sprintf("%d records: %s", records, strings.Join(parts, ", "))
}
