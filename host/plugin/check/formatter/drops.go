package formatter

import (
	"fmt"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// drops asks whether reasons for leaving a record out are few and hold nothing
// of the record: the host counts drops by reason.
func (f *formatter) drops() error {
	var records []record
	for _, r := range f.good {
		for i := range r.cells {
			records = append(records, blanked(r, i), shortened(r, i))
		}
	}
	results, err := f.call(records)
	if err != nil {
		return err
	}
	reasons := map[string]bool{}
	for i, result := range results {
		if result.Dropped == "" {
			continue
		}
		reasons[result.Dropped] = true
		if len(wordsOf(result.Dropped)) > 0 || len(reasons) > 24 {
			f.Find(check.Finding{
				Text:  fmt.Sprintf("a reason for dropping a record holds the record's own text: %.120q", result.Dropped),
				Cause: "drops are counted by their reason, so the same reason must read the same; give details in an error, or leave them out",
				Probe: f.show(records[i]),
			})
			return nil
		}
	}
	f.Note = fmt.Sprintf("%d reasons", len(reasons))
	return nil
}

// blanked is a record with field i empty; its lists keep their length.
func blanked(r record, i int) record {
	out := record{cells: slices.Clone(r.cells), plan: r.plan}
	cell := out.cells[i]
	cell.Str, cell.Strs = "", make([]string, len(cell.Strs))
	if cell.Type == sdk.JSON {
		cell.Str = "null"
	}
	out.cells[i] = cell
	return out
}

// shortened is a record whose texts of field i end where the answer's last
// words would begin.
func shortened(r record, i int) record {
	out := record{cells: slices.Clone(r.cells), plan: r.plan}
	cell := out.cells[i]
	cell.Strs = slices.Clone(cell.Strs)
	for j, text := range cell.Strs {
		words := word.FindAllStringIndex(text, -1)
		if n := len(words); n > 3 {
			cell.Strs[j] = text[:words[n-3][0]]
		}
	}
	out.cells[i] = cell
	return out
}
