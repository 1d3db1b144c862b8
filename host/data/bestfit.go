package data

// bestFit divides examples into bins of at most capacity tokens: the longest first,
// each into the bin with the least space that has room for it, of several such bins
// into the oldest (best-fit decreasing, as TRL packs). Examples of one size are taken
// as order has them, so the sizes that a bin holds depend on sizes alone. An example
// beyond capacity has a bin of its own.
func bestFit(sizes []int32, capacity int, order []int32) runs {
	p := packer{free: newSpaces(capacity), first: make([]int32, capacity+1), last: make([]int32, capacity+1)}
	byLength := longestToShortest(sizes, order)
	bins := make([]int32, len(byLength))
	for i, e := range byLength {
		bins[i] = p.put(min(int(sizes[e]), capacity))
	}
	return gather(byLength, bins, len(p.next))
}

// packer fills bins. The bins with some space form a list, the oldest first.
type packer struct {
	free        *spaces
	first, last []int32 // bins of each space, from 1; 0 = none
	next        []int32 // the bin after each bin in its list
}

// put gives size tokens a bin and returns the bin's number.
func (p *packer) put(size int) int32 {
	space := p.free.atLeast(max(size, 1))
	bin := int32(len(p.next))
	if space == 0 {
		space = len(p.first) - 1
		p.next = append(p.next, 0)
	} else {
		bin = p.take(space)
	}
	p.give(bin, space-size)
	return bin
}

// take removes the oldest bin with so much space from its list.
func (p *packer) take(space int) int32 {
	bin := p.first[space] - 1
	p.first[space] = p.next[bin]
	if p.first[space] == 0 {
		p.free.set(space, false)
	}
	return bin
}

// give puts a bin at the end of the list of its space.
func (p *packer) give(bin int32, space int) {
	if space == 0 {
		return
	}
	p.next[bin] = 0
	if p.first[space] == 0 {
		p.first[space] = bin + 1
		p.free.set(space, true)
	} else {
		p.next[p.last[space]-1] = bin + 1
	}
	p.last[space] = bin + 1
}

// spaces is a set of numbers from 1 to a largest, in which the least number that is
// not below another is found in the logarithm of the largest. Node n of the tree holds
// the largest member below it, 0 for none; its children are 2n and 2n+1.
type spaces struct {
	leaves int
	tree   []int32
}

func newSpaces(largest int) *spaces {
	leaves := 1
	for leaves <= largest {
		leaves *= 2
	}
	return &spaces{leaves: leaves, tree: make([]int32, 2*leaves)}
}

func (s *spaces) set(n int, member bool) {
	node := s.leaves + n
	s.tree[node] = int32(n * count(member))
	for node > 1 {
		node /= 2
		s.tree[node] = max(s.tree[2*node], s.tree[2*node+1])
	}
}

// atLeast is the least member that is not below n, 0 where there is none.
func (s *spaces) atLeast(n int) int {
	if int(s.tree[1]) < n {
		return 0
	}
	node := 1
	for node < s.leaves {
		node *= 2
		if int(s.tree[node]) < n {
			node++
		}
	}
	return int(s.tree[node])
}

// longestToShortest sorts examples by size, those of one size as order has them.
func longestToShortest(sizes, order []int32) []int32 {
	longest := int32(0)
	for _, size := range sizes {
		longest = max(longest, size)
	}
	at := make([]int32, longest+2) // where the examples of each size begin
	for _, e := range order {
		at[longest-sizes[e]+1]++
	}
	for i := range at[1:] {
		at[i+1] += at[i]
	}
	sorted := make([]int32, len(order))
	for _, e := range order {
		slot := &at[longest-sizes[e]]
		sorted[*slot] = e
		*slot++
	}
	return sorted
}

// gather lists examples by the bin that each is in.
func gather(examples, bins []int32, n int) runs {
	r := runs{members: make([]int32, len(examples)), ends: make([]int32, n)}
	for _, bin := range bins {
		r.ends[bin]++
	}
	begin := int32(0)
	for bin, size := range r.ends {
		r.ends[bin] = begin
		begin += size
	}
	for i, bin := range bins {
		r.members[r.ends[bin]] = examples[i]
		r.ends[bin]++ // in the end that of the bin
	}
	return r
}
