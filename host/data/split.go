package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"llmhost/host/data/source"
)

// Split says which examples of some files are held out. It is decided by a hash of the
// seed and of what the formatter made of a record: examples of equal content are on one
// side, wherever they are.
//
// Under a share the side of an example depends on nothing else, and records that are
// appended change that of none. Under a count the least hashes are held out, so that
// records which are appended may take places of those, and an example that was trained
// on is never held out later.
type Split struct {
	Share float64 `json:"share"` // of the examples, below 1; about, since each is decided by itself
	Count int     `json:"count"` // or so many, more where the last one has equals; 0 = by share
	Seed  uint64  `json:"seed"`
}

// Parts are the two sides of a split, each in the order of the files.
type Parts struct {
	Train, Held Set
}

// partKey is what the survey of one side depends on besides that of both.
type partKey struct {
	Split Split `json:"split"`
	Held  bool  `json:"held"`
}

// Source is files with how they are read.
type Source struct {
	Files   source.Files
	Options Options
}

// LoadSplit is Load for several sources with some examples held out, and returns the two
// sides of each. digest is over the content of all that is held out. Nothing is tokenised
// for it that Load has tokenised before. Records that were dropped count for the side
// that is trained on. A side may be left with none.
func LoadSplit(ctx context.Context, split Split, sources ...Source) (parts []Parts, digest string, err error) {
	var all []loaded
	var hashes [][]uint64
	for _, s := range sources {
		l, err := s.Options.open(ctx, s.Files)
		if err != nil {
			return nil, "", err
		}
		content, err := l.contents()
		if err != nil {
			return nil, "", err
		}
		all = append(all, l)
		hashes = append(hashes, content)
	}
	isHeld := split.Holds(slices.Concat(hashes...))
	sum := sha256.New()
	for i, l := range all {
		p, err := l.divide(sources[i].Options, split, hashes[i], isHeld)
		if err != nil {
			return nil, "", err
		}
		for _, hash := range hashes[i] {
			if isHeld(hash) {
				_ = binary.Write(sum, binary.LittleEndian, hash)
			}
		}
		parts = append(parts, p)
	}
	return parts, hex.EncodeToString(sum.Sum(nil)), nil
}

// divide makes two sets of the examples of files.
func (l loaded) divide(o Options, split Split, hashes []uint64, isHeld func(uint64) bool) (p Parts, err error) {
	var sides [2][]uint32
	for i, hash := range hashes {
		side := 0
		if isHeld(hash) {
			side = 1
		}
		sides[side] = append(sides[side], uint32(i))
	}
	whole := l
	l.examples = picked{whole.examples, sides[0]}
	l.records -= len(sides[1])
	if p.Train, err = l.set(o, &partKey{split, false}); err != nil {
		return p, err
	}
	l.tokenised = tokenised{examples: picked{whole.examples, sides[1]}, records: len(sides[1])}
	p.Held, err = l.set(o, &partKey{split, true})
	return p, err
}

// Holds tells for each hash of content of these whether it is held out.
func (s Split) Holds(hashes []uint64) func(hash uint64) bool {
	seed := mix(s.Seed + 0x9e3779b97f4a7c15)
	if s.Count == 0 {
		bound := uint64(math.Ldexp(s.Share, 64))
		return func(hash uint64) bool { return mix(hash^seed) < bound }
	}
	keyed := make([]uint64, 0, len(hashes))
	for _, hash := range hashes {
		keyed = append(keyed, mix(hash^seed))
	}
	if len(keyed) == 0 {
		return func(uint64) bool { return false }
	}
	slices.Sort(keyed)
	last := keyed[min(s.Count, len(keyed))-1]
	return func(hash uint64) bool { return mix(hash^seed) <= last }
}

// picked is some of the examples of others: 4 bytes for each.
type picked struct {
	of Examples
	at []uint32
}

func (p picked) Len() int { return len(p.at) }

func (p picked) At(i int) (Example, error) { return p.of.At(int(p.at[i])) }

// Sizes are those of the ones picked.
func (p picked) Sizes(share bool) ([]int32, error) {
	all, err := Sizes(p.of, share)
	if err != nil {
		return nil, err
	}
	sizes := make([]int32, 0, len(p.at))
	for _, i := range p.at {
		sizes = append(sizes, all[i])
	}
	return sizes, nil
}
