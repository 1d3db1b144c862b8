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
	Digest      string // SHA-256 over the content of what is held out
}

// partKey is what the survey of one side depends on besides that of both.
type partKey struct {
	Split Split `json:"split"`
	Held  bool  `json:"held"`
}

// LoadSplit is Load with some examples held out. Nothing is tokenised for it that Load
// has tokenised before. Records that were dropped count for the side that is trained on.
// A side may be left with none.
func LoadSplit(ctx context.Context, files source.Files, o Options, split Split) (p Parts, err error) {
	all, err := o.open(ctx, files)
	if err != nil {
		return p, err
	}
	hashes, err := all.contents()
	if err != nil {
		return p, err
	}
	var sides [2][]uint32
	isHeld := split.holds(hashes)
	sum := sha256.New()
	for i, hash := range hashes {
		if !isHeld(hash) {
			sides[0] = append(sides[0], uint32(i))
			continue
		}
		sides[1] = append(sides[1], uint32(i))
		_ = binary.Write(sum, binary.LittleEndian, hash)
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
	whole := all
	all.examples = picked{whole.examples, sides[0]}
	all.records -= len(sides[1])
	if p.Train, err = all.set(o, &partKey{split, false}); err != nil {
		return p, err
	}
	all.tokenised = tokenised{examples: picked{whole.examples, sides[1]}, records: len(sides[1])}
	p.Held, err = all.set(o, &partKey{split, true})
	return p, err
}

// holds tells for each hash of these whether it is held out.
func (s Split) holds(hashes []uint64) func(hash uint64) bool {
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
