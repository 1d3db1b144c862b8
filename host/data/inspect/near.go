package inspect

import (
	"fmt"
	"math"
	"slices"
)

var nearDuplicates = &Check{
	Name:     "near-duplicates",
	Doc:      "a record most of whose word pairs an earlier one has too; an evaluation record that is nearly one of the training data",
	Severity: Warning,
	Minor:    0.05, // people ask the same things in nearly the same words
	Fix:      "take one of the two out if they say the same; --near sets how much alike they must be",
	Start: func(o Options) Pass {
		n := &nearness{threshold: o.Near, exact: newSeen(), heads: make([][]int32, bands)}
		return Pass{Each: n.see, End: n.end}
	},
}

// Texts are compared by their sets of word pairs, without those that most records
// have. Of each record a sketch is kept: the smallest hashes of its pairs, which
// estimate how alike two sets are, and one hash for each of several bands, which two
// records that are alike share (MinHash with one permutation; Li, Owen and Zhang 2012,
// and its densification by Shrivastava and Li 2014). A sketch takes about 600 bytes.
const (
	bands      = 20
	bandRows   = 5  // 20 bands of 5 rows find 4 of 5 pairs at 0.6, and all but one in 3000 at 0.8
	sketchSize = 96 // hashes, from which a likeness of 0.8 is known within 0.04
	mostNear   = 200_000

	fewPairs    = 6    // below so many word pairs a likeness says nothing
	samplePairs = 1000 // records whose pairs say which of them are usual
	usualShare  = 0.05 // of the records that have a usual pair, such as one of a preamble,
	usualCount  = 10   // and how many have it at least
)

// nearness finds records that are nearly equal.
type nearness struct {
	threshold float64
	exact     *seen
	waiting   []near // until it is known which pairs are usual
	usual     map[uint32]bool
	sketches  []sketch
	heads     [][]int32 // of each band: the newest sketch with a hash, plus one
	left      int       // records that were not compared
}

type near struct {
	at    Place
	field string
	pairs []uint32 // sorted
	find  Find
}

type sketch struct {
	at     Place
	size   int // of the set
	hashes []uint32
	next   [bands]int32 // the sketch before it with the same hash of a band, plus one
}

func (n *nearness) see(i *Item, find Find) {
	content := textOf(i)
	if content == "" {
		return
	}
	if _, again := n.exact.add(hashOf(content), i.Place); again {
		return // which another check finds
	}
	one := near{i.Place, answerField(i), pairsOf(content), find}
	if n.usual == nil {
		n.waiting = append(n.waiting, one)
		if len(n.waiting) == samplePairs {
			n.learn()
		}
		return
	}
	n.compare(one)
}

// pairsOf are the hashes of the word pairs of a text, sorted, each once.
func pairsOf(text string) []uint32 {
	list := words(text)
	var pairs []uint32
	for i := 1; i < len(list); i++ {
		pairs = append(pairs, uint32(hashOf(list[i-1]+" "+list[i])))
	}
	slices.Sort(pairs)
	return slices.Compact(pairs)
}

// learn settles which pairs are usual, and compares the records that waited for it.
func (n *nearness) learn() {
	counts := map[uint32]int{}
	for _, one := range n.waiting {
		for _, p := range one.pairs {
			counts[p]++
		}
	}
	n.usual = map[uint32]bool{}
	least := max(usualCount, int(math.Ceil(usualShare*float64(len(n.waiting)))))
	for p, count := range counts {
		if count >= least {
			n.usual[p] = true
		}
	}
	waiting := n.waiting
	n.waiting = nil
	for _, one := range waiting {
		n.compare(one)
	}
}

func (n *nearness) end(find Find) {
	if n.usual == nil {
		n.learn()
	}
	if n.left > 0 {
		find(Finding{Severity: Note, All: true, Fix: "data in parts",
			Text: fmt.Sprintf("%d records were compared with the first %d alone, so that memory is bounded", n.left, mostNear)})
	}
}

// compare finds the record that one is most like, and remembers it.
func (n *nearness) compare(one near) {
	pairs := slices.DeleteFunc(slices.Clone(one.pairs), func(p uint32) bool { return n.usual[p] })
	if len(pairs) < fewPairs {
		return
	}
	s := sketch{at: one.at, size: len(pairs), hashes: smallest(pairs)}
	keys := bandKeys(pairs)
	best, most := -1, 0.0
	for band, key := range keys {
		for at := n.head(band, key); at > 0; at = n.sketches[at-1].next[band] {
			if alike := likeness(s, n.sketches[at-1]); alike > most {
				best, most = int(at-1), alike
			}
		}
	}
	if best >= 0 && most >= n.threshold {
		n.report(one, n.sketches[best].at, most)
	}
	n.remember(s, keys)
}

func (n *nearness) report(one near, other Place, alike float64) {
	f := Finding{Field: one.field, Text: fmt.Sprintf("about %.0f%% of its word pairs are those of %s", 100*alike, other.Position)}
	if one.at.Eval && !other.Eval {
		f.Text = "nearly a record of the training data: " + f.Text
		f.All = true
		f.Fix = "take it out of the training files, so that the evaluation says something"
	}
	one.find(f)
}

// smallest are the least of the hashes of a set, which is sorted, after a second hash.
func smallest(pairs []uint32) []uint32 {
	mixed := make([]uint32, len(pairs))
	for i, p := range pairs {
		mixed[i] = mix(p)
	}
	slices.Sort(mixed)
	return slices.Clone(mixed[:min(sketchSize, len(mixed))])
}

func mix(p uint32) uint32 {
	p ^= p >> 16
	p *= 0x7feb352d
	p ^= p >> 15
	p *= 0x846ca68b
	return p ^ p>>16
}

// likeness estimates the share of two sets' pairs that both have: among the least
// hashes of the union. Of small sets it is exact.
func likeness(a, b sketch) float64 {
	if small, large := min(a.size, b.size), max(a.size, b.size); small*2 < large {
		return 0
	}
	both, union, i, j := 0, 0, 0, 0
	for union < sketchSize && (i < len(a.hashes) || j < len(b.hashes)) {
		switch {
		case j == len(b.hashes) || i < len(a.hashes) && a.hashes[i] < b.hashes[j]:
			i++
		case i == len(a.hashes) || b.hashes[j] < a.hashes[i]:
			j++
		default:
			both++
			i++
			j++
		}
		union++
	}
	return float64(both) / float64(union)
}

// bandKeys are one hash for each band of a set of pairs.
func bandKeys(pairs []uint32) (keys [bands]uint32) {
	const bins = bands * bandRows
	var least [bins]uint32
	var filled [bins]bool
	for _, p := range pairs {
		h := mix(p ^ 0x9e3779b9)
		bin := int(uint64(h) * bins >> 32)
		if h = mix(h); !filled[bin] || h < least[bin] {
			least[bin], filled[bin] = h, true
		}
	}
	for band := range keys {
		key := uint32(2166136261)
		for row := range bandRows {
			bin := band*bandRows + row
			from := bin
			for step := 1; !filled[from]; step++ { // an empty bin takes the value of another, the same for all sets
				from = int(mix(uint32(bin*bins+step)) % bins)
			}
			key = (key ^ mix(least[from]+uint32(row))) * 16777619
		}
		keys[band] = mix(key)
	}
	return keys
}

// head is the newest sketch with the hash of a band, plus one.
func (n *nearness) head(band int, key uint32) int32 {
	table := n.heads[band]
	if len(table) == 0 {
		return 0
	}
	return table[key%uint32(len(table))]
}

// tableSize is how many heads a band has. Sketches whose hashes meet there by chance
// are told apart by their likeness.
const tableSize = 1 << 16

func (n *nearness) remember(s sketch, keys [bands]uint32) {
	if len(n.sketches) == mostNear {
		n.left++
		return
	}
	for band, key := range keys {
		if n.heads[band] == nil {
			n.heads[band] = make([]int32, tableSize)
		}
		slot := key % tableSize
		s.next[band] = n.heads[band][slot]
		n.heads[band][slot] = int32(len(n.sketches) + 1)
	}
	n.sketches = append(n.sketches, s)
}
