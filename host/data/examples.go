package data

import "iter"

// Examples are tokenised examples by number, in the order of their files. Several
// goroutines may read them at once, and change nothing in what they get.
type Examples interface {
	Len() int
	// At returns example i. An error is of the disk that holds it.
	At(i int) (Example, error)
}

// InMemory is Examples that are all in memory.
type InMemory []Example

// Len is how many there are.
func (m InMemory) Len() int { return len(m) }

// At returns example i.
func (m InMemory) At(i int) (Example, error) { return m[i], nil }

// All goes through examples in their order. The first error ends it.
func All(examples Examples) iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		for i := range examples.Len() {
			e, err := examples.At(i)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Collect reads all examples into memory.
func Collect(examples Examples) (InMemory, error) {
	all := make(InMemory, 0, examples.Len())
	for e, err := range All(examples) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// joined is Examples of several, one after the other.
type joined []Examples

func (j joined) Len() (n int) {
	for _, part := range j {
		n += part.Len()
	}
	return n
}

func (j joined) At(i int) (Example, error) {
	at := 0
	for ; i >= j[at].Len(); at++ {
		i -= j[at].Len()
	}
	return j[at].At(i)
}

// Sizes are those of the parts.
func (j joined) Sizes(share bool) (all []int32, err error) {
	for _, part := range j {
		sizes, err := Sizes(part, share)
		if err != nil {
			return nil, err
		}
		all = append(all, sizes...)
	}
	return all, nil
}

// sized is Examples that know their sizes without being read.
type sized interface {
	Sizes(share bool) ([]int32, error)
}

// Sizes are the tokens that a batch holds of each example. share says whether
// sequences share prefixes, as in Pack.
func Sizes(examples Examples, share bool) ([]int32, error) {
	if known, ok := examples.(sized); ok {
		return known.Sizes(share)
	}
	sizes := make([]int32, 0, examples.Len())
	for e, err := range All(examples) {
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, e.size(share))
	}
	return sizes, nil
}

func (e Example) size(share bool) (tokens int32) {
	share = share && len(e.Sequences) > 1 && !hasTypes([]Example{e})
	for _, c := range clusters(e.Sequences, share) {
		tokens += int32(c.tokens(e.Sequences))
	}
	return tokens
}
