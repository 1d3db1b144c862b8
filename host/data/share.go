package data

import "sort"

// cluster is a set of sequences of an example that share their first tokens; a
// single one shares none.
type cluster struct {
	members []int // sequences by index, in the example's order
	shared  int   // tokens
}

// tokens counts what a batch holds of the cluster: the shared tokens once.
func (c cluster) tokens(sequences []Sequence) int {
	total := c.shared
	for _, k := range c.members {
		total += len(sequences[k].IDs) - c.shared
	}
	return total
}

// clusters divides the sequences of an example. It takes the first one that is
// left, forms the cluster around it that saves the most tokens, and continues with
// the rest. So sequences cut on the left, which begin elsewhere in the text,
// neither share with the others nor keep the others from sharing.
func clusters(sequences []Sequence, share bool) []cluster {
	left := make([]int, len(sequences))
	for k := range sequences {
		left[k] = k
	}
	var all []cluster
	for len(left) > 0 {
		c := cluster{members: left[:1]}
		if share {
			c = bestCluster(sequences, left)
		}
		all = append(all, c)
		left = without(left, c.members)
	}
	return all
}

// bestCluster returns the cluster around sequence left[0] that saves the most tokens: with n
// others that have at least s tokens in common with it, n*s.
func bestCluster(sequences []Sequence, left []int) cluster {
	first := sequences[left[0]].IDs
	others := append([]int(nil), left[1:]...)
	common := map[int]int{}
	for _, k := range others {
		common[k] = commonPrefix(first, sequences[k].IDs)
	}
	sort.SliceStable(others, func(i, j int) bool { return common[others[i]] > common[others[j]] })
	best, shared := 0, 0
	for n := 1; n <= len(others); n++ {
		if s := common[others[n-1]]; n*s > best*shared {
			best, shared = n, s
		}
	}
	c := cluster{members: append([]int{left[0]}, others[:best]...), shared: shared}
	sort.Ints(c.members)
	return c
}

// without returns the sequences of left, in order, that are not in taken.
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

// commonPrefix returns how many leading ids a and b have in common.
func commonPrefix[ID comparable](a, b []ID) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
