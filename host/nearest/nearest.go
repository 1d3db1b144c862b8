// Package nearest finds the name that a misspelt one probably meant, for the
// fix that an error suggests.
package nearest

import "strings"

// Name returns the candidate with the smallest edit distance to name (insert,
// delete, replace or swap two neighbours; case and - against _ cost nothing),
// the first of equals. It returns "" where nothing is near: more than a third
// of the longer name would have to change.
func Name(name string, candidates []string) string {
	best, bestDistance := "", 0
	for _, c := range candidates {
		d := distance(fold(name), fold(c))
		if 3*d > max(len(name), len(c)) {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// Hint is "; did you mean X?" or "" where nothing is near.
func Hint(name string, candidates []string) string {
	if n := Name(name, candidates); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}

func fold(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "-", "_")
}

// distance is Damerau's, in its form with three rows (optimal string alignment).
func distance(a, b string) int {
	before := make([]int, len(b)+1)
	last := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
