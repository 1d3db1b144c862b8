package data

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"io"
	"math"

	"llmhost/host/data/source"
)

// hashOf is a hash of what a formatter made of a record: of its texts and numbers, not
// of where it is or how the file spells it.
func hashOf(f Formatted) uint64 {
	sum := fnv.New64a()
	// JSON has one text for a value: the keys of its maps are sorted.
	if err := json.NewEncoder(sum).Encode(f.Example); err != nil {
		_, _ = io.WriteString(sum, err.Error())
	}
	return mix(sum.Sum64())
}

// Hash is a hash of the content of f, by which eval_split decides.
func (f Formatted) Hash() uint64 { return hashOf(f) }

// Hashes are those of what a formatter makes of the records of files, without bad ones.
// With an error they are those of the records before it.
func Hashes(ctx context.Context, files source.Files, formatter Formatter) (hashes []uint64, err error) {
	files.Columns = formatter.fields()
	_, err = formatEach(ctx, files.Records(), formatter, SkipBadRow, nil, func(portion []Formatted) error {
		for _, f := range portion {
			hashes = append(hashes, hashOf(f))
		}
		return nil
	})
	return hashes, err
}

// mix spreads a hash over all bits, as splitmix64 does.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// sizeOf counts the tokens of an example.
func sizeOf(e Example) (size Size) {
	for _, s := range e.Sequences {
		size.Tokens += int32(min(len(s.IDs), math.MaxInt32))
	}
	for _, c := range clusters(e.Sequences, len(e.Sequences) > 1 && !hasTypes([]Example{e})) {
		size.Shared += int32(c.tokens(e.Sequences))
	}
	return size
}
