package numbers

import (
	"fmt"
	"math"
	"slices"
)

// Share says how the entries of a list, of tokens that are all alike, differ.
type Share struct {
	Text    string // "the second of them is left out"; "" if all have the same share, or if nothing can be said
	Meant   bool   // it can well be meant
	Pattern string // the same for lists of any length with the same fault
}

// SharesOf compares the shares of tokens that are all alike. That one or some in
// between are left out is a fault; that one has another share than all others, or
// that only beginnings or ends take part, can be meant.
func SharesOf(data []float64) Share {
	none := leftOut(data)
	n := len(data)
	switch {
	case n < 3 || len(none) > n-2:
		return Share{} // one alone, such as the last, is a choice
	case len(none) == 0:
		return oddOne(data)
	case len(none) > 1 && none[len(none)-1]-none[0] == len(none)-1:
		return Share{fmt.Sprintf("only %d of %d tokens count", n-len(none), n), true, "window"}
	case len(none) == 1:
		return Share{place(none[0], n) + " is left out", false, "without " + place(none[0], n)}
	}
	return Share{fmt.Sprintf("%d of %d tokens are left out", len(none), n), false, "without some"}
}

func leftOut(data []float64) (none []int) {
	most := Largest(data)
	for i, x := range data {
		if math.Abs(x) <= 1e-12*most {
			none = append(none, i)
		}
	}
	return none
}

// oddOne finds the one entry that differs from all others, which are equal.
func oddOne(data []float64) Share {
	if len(data) < 4 {
		return Share{}
	}
	sorted := slices.Clone(data)
	slices.Sort(sorted)
	usual := sorted[len(sorted)/2]
	odd, at := 0, 0
	for i, x := range data {
		if math.Abs(x-usual) > 1e-6*math.Abs(usual) {
			odd++
			at = i
		}
	}
	if odd != 1 {
		return Share{}
	}
	return Share{fmt.Sprintf("%s counts %.3g times as much as the others", place(at, len(data)), data[at]/usual), true, "odd " + place(at, len(data))}
}

// place names an entry, by the nearer end.
func place(i, n int) string {
	switch {
	case i == 0:
		return "the first"
	case i == n-1:
		return "the last"
	case i == n-2:
		return "the one before the last"
	case i == 1:
		return "the second"
	}
	return fmt.Sprintf("number %d", i+1)
}
