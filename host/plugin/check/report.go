package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin"
)

// Status is how a check ended.
type Status string

// The ends of a check.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped" // it could not look, or not under all settings
)

// Step is one check that was run.
type Step struct {
	Component string `json:"component,omitempty"` // "loss margin"
	Check     string `json:"check"`
	Status    Status `json:"status"`
	Note      string `json:"note,omitempty"`    // what was checked, or why it was skipped
	Runs      int    `json:"runs"`              // settings that it was to run under
	Missed    int    `json:"missed,omitempty"`  // those under which it was skipped
	Allowed   bool   `json:"allowed,omitempty"` // that it was skipped
}

// Finding is one thing that is wrong.
type Finding struct {
	Component string         `json:"component,omitempty"`
	Check     string         `json:"check"`
	Text      string         `json:"text"`             // what is wrong, with the numbers that show it
	Cause     string         `json:"cause,omitempty"`  // the likely cause, and the fix
	Places    []string       `json:"places,omitempty"` // lines of the author's files
	Probe     string         `json:"probe,omitempty"`  // the batch or record
	Params    map[string]any `json:"params,omitempty"` // if they are not the defaults
	Warning   bool           `json:"warning,omitempty"`
	Allowed   bool           `json:"allowed,omitempty"` // the caller or the plugin allows it
	Why       string         `json:"why,omitempty"`     // the plugin's reason for allowing it
}

// Report is what a check of a plugin found.
type Report struct {
	Spec      string    `json:"spec"`
	Plugin    string    `json:"plugin,omitempty"`
	Version   string    `json:"version,omitempty"`
	Transport string    `json:"transport,omitempty"`
	Digest    string    `json:"sha256,omitempty"`
	SDK       string    `json:"sdk,omitempty"`
	Seconds   float64   `json:"seconds"`
	Steps     []Step    `json:"steps"`
	Findings  []Finding `json:"findings"`
}

// OK reports whether everything was looked at and nothing is wrong, except what was
// allowed or is a warning.
func (r *Report) OK() bool { return !r.Wrong() && len(r.Unseen()) == 0 }

// Wrong reports whether something is wrong that was not allowed.
func (r *Report) Wrong() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return !f.Allowed && !f.Warning })
}

// Unseen are the names of the checks that were skipped, under some settings or all,
// without being allowed to, each once.
func (r *Report) Unseen() []string {
	var names []string
	for _, step := range r.Steps {
		if step.Missed > 0 && !step.Allowed && !slices.Contains(names, step.Check) {
			names = append(names, step.Check)
		}
	}
	return names
}

func (r *Report) identify(p *plugin.Plugin) {
	r.Plugin, r.Version, r.Transport, r.Digest, r.SDK = p.Name, p.Version, string(p.Transport), p.Digest, p.SDK
}

// add enters a step; one check that ran under several parameters is one step.
func (r *Report) add(step Step) {
	step.Runs = 1
	if step.Status == Skipped {
		step.Missed = 1
	}
	for i, have := range r.Steps {
		if have.Component == step.Component && have.Check == step.Check {
			r.Steps[i] = have.and(step)
			return
		}
	}
	r.Steps = append(r.Steps, step)
}

// and is a step with another run of the same check.
func (s Step) and(other Step) Step {
	s.Runs += other.Runs
	s.Missed += other.Missed
	s.Allowed = s.Allowed || other.Allowed
	switch {
	case s.Status == Failed || other.Status == Failed:
		s.Status, s.Note = Failed, ""
	case s.Status != Skipped && other.Status == Skipped:
		s.Status, s.Note = Skipped, other.Note
	case s.Note == "":
		s.Note = other.Note
	}
	return s
}

// note says what was checked, or under how many settings it was not and why.
func (s Step) note() string {
	if s.Missed == 0 || s.Status == Failed {
		return s.Note
	}
	text := s.Note
	if s.Missed < s.Runs {
		text = fmt.Sprintf("under %d of %d settings: %s", s.Missed, s.Runs, text)
	}
	if s.Allowed {
		text = "allowed: " + text
	}
	return text
}

// find enters a finding, unless other parameters led to one from the same lines.
func (r *Report) find(f Finding) {
	for _, have := range r.Findings {
		if have.Component == f.Component &&
			have.Check == f.Check &&
			have.Cause == f.Cause &&
			slices.Equal(have.Places, f.Places) &&
			f.Params != nil {
			return
		}
	}
	r.Findings = append(r.Findings, f)
}

// format is the version of what JSON writes: additions do not change it.
const format = 1

// JSON writes the report for programs: the fields of Report, the version of
// the form, and whether everything was looked at and nothing is wrong.
func (r *Report) JSON() []byte {
	data, err := json.MarshalIndent(struct {
		Format int  `json:"llmhost_check"`
		OK     bool `json:"ok"`
		*Report
	}{format, r.OK(), r}, "", "  ")
	if err != nil { // every field is plain data with finite numbers
		panic(err)
	}
	return append(data, '\n')
}

// Text writes the report for people.
func (r *Report) Text() string {
	var b strings.Builder
	b.WriteString(r.heading())
	owner := ""
	for _, step := range r.Steps {
		if step.Component != owner {
			owner = step.Component
			fmt.Fprintf(&b, "%s\n", owner)
		}
		fmt.Fprintf(&b, "  %-7s  %-12s  %s\n", marks[step.Status], step.Check, step.note())
		for _, f := range r.Findings {
			if f.Component == step.Component && f.Check == step.Check {
				f.write(&b)
			}
		}
	}
	return b.String() + r.verdict()
}

// marks are the prefixes of checks in a text report.
var marks = map[Status]string{
	Passed:  "ok",
	Failed:  "FAILED",
	Skipped: "skipped",
}

func (r *Report) heading() string {
	if r.Plugin == "" {
		return r.Spec + "\n"
	}
	line := fmt.Sprintf("%s: plugin %s %s (%s; sdk %s", r.Spec, r.Plugin, r.Version, r.Transport, r.SDK)
	if r.Digest != "" {
		line += "; sha256 " + r.Digest[:12]
	}
	return line + ")\n"
}

func (r *Report) verdict() string {
	wrong, other := 0, 0
	for _, f := range r.Findings {
		if f.Allowed || f.Warning {
			other++
		} else {
			wrong++
		}
	}
	text := fmt.Sprintf("%s: %d checks in %.1f s, ", r.Spec, len(r.Steps), r.Seconds)
	unseen := r.Unseen()
	switch {
	case wrong > 0:
		text += fmt.Sprintf("%d wrong", wrong)
	case len(unseen) > 0:
		text += "nothing found"
	default:
		text += "nothing wrong"
	}
	if other > 0 && wrong == 0 {
		text += fmt.Sprintf(", %d to note", other)
	}
	if len(unseen) > 0 {
		text += fmt.Sprintf(", but not everything was looked at: %s (if that may be, --allow_skipped %s)", skippedText(len(unseen)), strings.Join(unseen, ","))
	}
	return text + "\n"
}

func skippedText(n int) string {
	if n == 1 {
		return "1 check was skipped"
	}
	return fmt.Sprintf("%d checks were skipped", n)
}

// write writes a finding below its step.
func (f Finding) write(b *strings.Builder) {
	const indent = "           "
	kind := ""
	switch {
	case f.Why != "":
		kind = "allowed by the plugin: " + f.Why + "\n"
	case f.Allowed:
		kind = "allowed: "
	case f.Warning:
		kind = "note: "
	}
	fmt.Fprintf(b, "%s%s\n", indent, strings.ReplaceAll(kind+f.Text, "\n", "\n"+indent))
	for _, place := range f.Places {
		fmt.Fprintf(b, "%s  at      %s\n", indent, place)
	}
	if f.Cause != "" {
		fmt.Fprintf(b, "%s  likely  %s\n", indent, f.Cause)
	}
	if len(f.Params) > 0 {
		fmt.Fprintf(b, "%s  with    %s\n", indent, ParamText(f.Params))
	}
	if f.Probe != "" {
		fmt.Fprintf(b, "%s  batch   %s\n", indent, f.Probe)
	}
}
