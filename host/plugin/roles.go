package plugin

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/nearest"
	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// useEntry is the JSON form of what a loss declares about a column.
type useEntry struct {
	Input, Role string
	Values      []float64
	Min, Max    *float64
	Optional    bool
}

// readUses returns what a loss declares about its columns, one use for each
// column that the program reads, in the order of its inputs.
func readUses(p *program.Program, entries []useEntry) ([]sdk.ColumnUse, error) {
	var uses []sdk.ColumnUse
	for _, input := range p.Inputs {
		if isColumnInput(input.Name) {
			uses = append(uses, sdk.ColumnUse{Input: input.Name})
		}
	}
	for _, e := range entries {
		at := slices.IndexFunc(uses, func(u sdk.ColumnUse) bool { return u.Input == e.Input })
		role := sdk.ColumnRole(e.Role)
		switch {
		case at < 0:
			return nil, fmt.Errorf("its trace declares the column %q, which it does not read", plain(e.Input))
		case !role.Known():
			return nil, unknownRole("its "+e.Input, e.Role)
		case len(e.Values) > maxParts:
			return nil, fmt.Errorf(
				"its %s has %d example values; at most %d are allowed",
				e.Input,
				len(e.Values),
				maxParts,
			)
		}
		uses[at] = sdk.ColumnUse{
			Input:    e.Input,
			Role:     role,
			Values:   e.Values,
			Min:      e.Min,
			Max:      e.Max,
			Optional: e.Optional,
		}
	}
	return uses, nil
}

func isColumnInput(name string) bool {
	kind, _, _ := strings.Cut(name, ".")
	return kind == string(sdk.CandidateColumn) || kind == string(sdk.ExampleColumn)
}

// DataColumn is a column of a run's examples, as declared by the formatter that
// gives it and the loss that reads it.
type DataColumn struct {
	Name       string
	PerExample bool // one number an example, not one a candidate
	Role       sdk.ColumnRole
	Padding    float64 // of a padding candidate
}

// DataColumns merges, by kind and name, the columns that a formatter gives with
// those that a loss reads. If both name a role the loss's wins, since it is
// about what is computed. The padding is the formatter's, or else that of the
// role.
func DataColumns(gives []sdk.Output, uses []sdk.ColumnUse) []DataColumn {
	var columns []DataColumn
	byInput := map[string]sdk.ColumnRole{}
	for _, use := range uses {
		byInput[use.Input] = use.Role
	}
	for _, output := range gives {
		if output.Kind == sdk.ClassLabel {
			continue
		}
		if role := byInput[output.Input()]; role != sdk.NumberRole {
			output.Role = role
		}
		delete(byInput, output.Input())
		columns = append(columns, DataColumn{output.Name, output.Kind == sdk.ExampleColumn, output.Role, output.PaddingValue()})
	}
	for _, use := range uses {
		if _, left := byInput[use.Input]; left {
			kind, name, _ := strings.Cut(use.Input, ".")
			columns = append(columns, DataColumn{name, kind == string(sdk.ExampleColumn), use.Role, use.Role.Padding()})
		}
	}
	return columns
}

// checkHeadName refuses a head that no model has.
func checkHeadName(task, head string) error {
	heads := op.Heads()
	if head == "" || slices.Contains(heads, head) {
		return nil
	}
	return fmt.Errorf(
		"task %s: head is %q; want lm, score or classes%s",
		task,
		plain(head),
		nearest.Hint(head, heads),
	)
}

// headWords describe in errors what each head gives.
var headWords = map[string]string{
	op.LMHead:    "log-probabilities of tokens",
	op.ScoreHead: "rewards of candidates",
	op.ClassHead: "logits of classes",
}

// CheckHead compares the head that the task names with what its loss, traced
// with the run's parameters, reads. A task may name either head of a loss that
// reads two; a task without one accepts whatever is read.
func (t *Task) CheckHead(loss *program.Program) error {
	reads := map[string][]string{} // names of inputs by head
	for _, input := range loss.Inputs {
		if input.Head != "" {
			reads[input.Head] = append(reads[input.Head], input.Name)
		}
	}
	if t.Head == "" || len(reads[t.Head]) > 0 {
		return nil
	}
	var found, want []string
	for _, head := range op.Heads() {
		if names := reads[head]; len(names) > 0 {
			found = append(found, fmt.Sprintf("%s (%s)", headWords[head], strings.Join(names, ", ")))
			want = append(want, fmt.Sprintf("%q", head))
		}
	}
	return fmt.Errorf("task %s: head is %q, and its loss reads %s; want head %s",
		t.Name, t.Head, strings.Join(found, " and "), strings.Join(want, " or "))
}
