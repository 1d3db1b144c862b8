package data

import "sort"

// cluster is a set of rows of an example that share their first tokens; one row alone shares none.
type cluster struct {
	rows   []int // in the example's order
	shared int
}

// clusters divides the rows of an example. It takes the first row that is left,
// shares with those rows, and as many tokens, as save the most, and goes on
// with the rest. So rows cut on the left, which begin elsewhere in the text,
// neither share with the others nor keep the others from sharing.
func clusters(rows []Sequence, share bool) []cluster {
	left := make([]int, len(rows))
	for k := range rows {
		left[k] = k
	}
	var all []cluster
	for len(left) > 0 {
		c := cluster{rows: left[:1]}
		if share {
			c = bestCluster(rows, left)
		}
		all = append(all, c)
		left = without(left, c.rows)
	}
	return all
}

// bestCluster returns the cluster around row left[0] that saves the most tokens: with n
// other rows that have at least s tokens in common with it, n*s.
func bestCluster(rows []Sequence, left []int) cluster {
	first := rows[left[0]].IDs
	others := append([]int(nil), left[1:]...)
	common := map[int]int{}
	for _, k := range others {
		common[k] = commonPrefix(first, rows[k].IDs)
	}
	sort.SliceStable(others, func(i, j int) bool { return common[others[i]] > common[others[j]] })
	best, shared := 0, 0
	for n := 1; n <= len(others); n++ {
		if s := common[others[n-1]]; n*s > best*shared {
			best, shared = n, s
		}
	}
	c := cluster{rows: append([]int{left[0]}, others[:best]...), shared: shared}
	sort.Ints(c.rows)
	return c
}

// without returns the rows of left, in order, that are not in taken.
func without(left, taken []int) []int {
	gone := map[int]bool{}
	for _, k := range taken {
		gone[k] = true
	}
	var rest []int
	for _, k := range left {
		if !gone[k] {
			rest = append(rest, k)
		}
	}
	return rest
}

// commonPrefix returns how many first ids a and b have in common.
func commonPrefix[ID comparable](a, b []ID) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
