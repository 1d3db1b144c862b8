package formatter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// show writes a record as JSON would.
func (f *formatter) show(r record) string {
	var parts []string
	for i, cell := range r.cells {
		if cell.Type != 0 {
			parts = append(parts, fmt.Sprintf("%q: %.160s", f.Columns[i].Name, cellText(cell)))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func cellText(c sdk.Cell) string {
	switch c.Type {
	case sdk.String:
		return strconv.Quote(c.Str)
	case sdk.Float:
		return sdktest.Numbers(c.Float)
	case sdk.Bool, sdk.Int:
		return fmt.Sprint(c.Int)
	case sdk.StringList:
		return fmt.Sprintf("%q", c.Strs)
	case sdk.FloatList:
		return fmt.Sprint(c.Floats)
	}
	return c.Str
}

// shown writes a result for a finding.
func shown(r sdk.Result) string {
	switch {
	case r.Err != "":
		return "the error " + strconv.Quote(r.Err)
	case r.Dropped != "":
		return "the drop " + strconv.Quote(r.Dropped)
	}
	return fmt.Sprintf("%.200s", exampleText(r.Example))
}

// exampleText writes an example for a finding.
func exampleText(e sdk.Example) string {
	var all []string
	for _, c := range e.Candidates {
		all = append(all, candidateText(c))
	}
	if len(e.Columns) > 0 {
		all = append(all, check.ParamText(asAny(e.Columns)))
	}
	if len(e.Labels) > 0 {
		all = append(all, fmt.Sprintf("labels %q", e.Labels))
	}
	return strings.Join(all, "; ")
}

func candidateText(c sdk.Candidate) string {
	text := fmt.Sprintf("%q → %q", c.Prompt, c.Answer)
	if len(c.Columns) > 0 {
		text += " " + check.ParamText(asAny(c.Columns))
	}
	return text
}

func asAny(columns map[string]float64) map[string]any {
	out := map[string]any{}
	for name, v := range columns {
		out[name] = v
	}
	return out
}

// sameResult says whether two results are equal.
func sameResult(a, b sdk.Result) bool {
	return a.Err == b.Err &&
		a.Dropped == b.Dropped &&
		maps.Equal(a.Example.Columns, b.Example.Columns) &&
		maps.Equal(a.Example.Labels, b.Example.Labels) &&
		slices.EqualFunc(a.Example.Candidates, b.Example.Candidates, func(x, y sdk.Candidate) bool {
			return x.Prompt == y.Prompt && x.Answer == y.Answer && maps.Equal(x.Columns, y.Columns)
		})
}
