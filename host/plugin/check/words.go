package check

import (
	"slices"
	"strconv"
)

// renamed is a text with other made-up words in it, in the same order of the
// alphabet and of the same length.
func renamed(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		n, _ := strconv.Atoi(w[1 : len(w)-1])
		return madeUp(n + renaming)
	})
}

// renaming is how far renamed words are from the old ones.
const renaming = 5_000_000

// renamedRecord is a record with renamed texts.
func renamedRecord(r record) record {
	out := record{cells: slices.Clone(r.cells), plan: r.plan}
	for i, cell := range out.cells {
		cell.Str, cell.Strs = renamed(cell.Str), slices.Clone(cell.Strs)
		for j, text := range cell.Strs {
			cell.Strs[j] = renamed(text)
		}
		out.cells[i] = cell
	}
	return out
}

// wordsOf lists the made-up words of a text.
func wordsOf(text string) []string {
	found := word.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}
