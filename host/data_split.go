package host

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/data/record"
	"llmhost/host/data/sink"
)

// SplitPart is one file of a split.
type SplitPart struct {
	Out   string
	Count int     // of its records
	Share float64 // or its share of all; where both are 0 it gets the rest
}

// Splitting says how records are divided.
type Splitting struct {
	Parts       []SplitPart
	Force       bool
	Group       string // a field whose equal values stay together; "" is the prompt, or the text where there is none
	Deduplicate bool   // a record whose texts came before is left out
}

// SplitResult says what was written.
type SplitResult struct {
	Read, Repeated int
	Written        []int // of each part
	Notes          []string
}

// SplitData divides the records of the data files, in their order. Records with the
// same prompt, or the same text, are in one part, so that nothing of one is known from
// another. The same seed divides alike.
func SplitData(ctx context.Context, s config.Settings, env Env, o Splitting) (out SplitResult, err error) {
	r := reading{settings: s}
	parts, err := r.trainParts()
	if err != nil {
		return out, err
	}
	for i, p := range o.Parts {
		if err := mayWrite(p.Out, parts, o.Force); err != nil {
			return out, err
		}
		for _, other := range o.Parts[:i] {
			if other.Out == p.Out {
				return out, fmt.Errorf("%s: two parts have this name", p.Out)
			}
		}
	}
	d := divider{Splitting: o, seed: uint64(s.Seed)}
	if err := d.survey(ctx, parts); err != nil {
		return out, err
	}
	return d.write(ctx, parts)
}

// divider divides records by a hash of what must stay together: below one bound a
// record is of the first part, below the next of the second.
type divider struct {
	Splitting
	seed    uint64
	bounds  []uint64       // the last hash of each part
	schemas []*sink.Schema // of each part, nil where its kind needs none
	seen    map[uint64]bool
	read    int
}

// survey goes through the records once and settles the bounds. It keeps 8 bytes of
// each record.
func (d *divider) survey(ctx context.Context, parts []part) error {
	var hashes []uint64
	d.reset()
	for r, err := range recordsOf(ctx, parts) {
		if err != nil {
			return err
		}
		d.read++
		if !d.repeats(r) {
			hashes = append(hashes, d.hash(r))
		}
	}
	slices.Sort(hashes)
	if err := d.settle(hashes); err != nil {
		return err
	}
	return d.findSchemas(ctx, parts)
}

// settle finds the bounds from all hashes, sorted.
func (d *divider) settle(hashes []uint64) error {
	counts, err := d.counts(len(hashes))
	if err != nil {
		return err
	}
	end := 0
	for i, n := range counts {
		end += n
		at := end
		for at > 0 && at < len(hashes) && hashes[at] == hashes[at-1] {
			at++ // what belongs together is not divided
		}
		bound := uint64(math.MaxUint64)
		if i+1 < len(counts) && at < len(hashes) {
			bound = hashes[at] - 1
		}
		d.bounds = append(d.bounds, bound)
	}
	return nil
}

// counts are how many records each part gets of so many.
func (d *divider) counts(total int) (counts []int, err error) {
	left, rest := total, -1
	share := 0.0
	for i, p := range d.Parts {
		n := p.Count
		if p.Share > 0 {
			n = int(math.Round(p.Share * float64(total)))
			share += p.Share
		}
		if p.Count == 0 && p.Share == 0 {
			if rest >= 0 {
				return nil, fmt.Errorf("%s and %s both are to get the rest", d.Parts[rest].Out, p.Out)
			}
			rest = i
		}
		left -= n
		counts = append(counts, n)
	}
	switch {
	case share > 1+1e-9:
		return nil, fmt.Errorf("the shares of the parts add up to %.4g; want at most 1", share)
	case left < -len(d.Parts): // shares are rounded
		return nil, fmt.Errorf("the parts are to have %d records more than the %d that there are", -left, total)
	case rest >= 0:
		counts[rest] = max(0, left)
	case math.Abs(share-1) < 1e-9:
		counts[len(counts)-1] += left
	default:
		return nil, fmt.Errorf("the parts take %d of %d records; give one part without a number, which gets the rest", total-left, total)
	}
	return counts, nil
}

// partOf is the part of a record.
func (d *divider) partOf(r record.Record) int {
	hash := d.hash(r)
	part := 0
	for part+1 < len(d.bounds) && hash > d.bounds[part] {
		part++
	}
	return part
}

// hash is of what must stay together.
func (d *divider) hash(r record.Record) uint64 {
	return digestOf(d.seed, d.key(r))
}

func digestOf(seed uint64, text string) uint64 {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, seed)
	h.Write([]byte(text))
	return binary.LittleEndian.Uint64(h.Sum(nil)) >> 1 // so that a bound below the least is one
}

// key is what must stay together of a record.
func (d *divider) key(r record.Record) string {
	if d.Group != "" {
		return r.Get(d.Group).JSON()
	}
	v := record.Look(r)
	if len(v.Candidates) > 0 {
		if prompt := plainText(v.Candidates[0].Prompt); prompt != "" {
			return prompt
		}
	}
	return texts(v)
}

// texts are those of a record; of one that has none all of it.
func texts(v record.View) string {
	var all []string
	for _, t := range v.Texts {
		all = append(all, plainText(t.Text))
	}
	return strings.Join(all, "\x00")
}

// plainText is a text without case and with one blank where it has several.
func plainText(text string) string {
	return strings.ToLower(strings.Join(strings.Fields(text), " "))
}

func (d *divider) reset() {
	d.read = 0
	d.seen = map[uint64]bool{}
}

// repeats tells whether a record's texts came before, where that matters.
func (d *divider) repeats(r record.Record) bool {
	if !d.Deduplicate {
		return false
	}
	v := record.Look(r)
	key := texts(v)
	if len(v.Texts) == 0 {
		key = r.Value().JSON()
	}
	hash := digestOf(d.seed, fmt.Sprint(key, v.Scores, v.Label))
	again := d.seen[hash]
	d.seen[hash] = true
	return again
}

// findSchemas goes through the records once more where a part's kind of file needs the
// schema of its records.
func (d *divider) findSchemas(ctx context.Context, parts []part) error {
	d.schemas = make([]*sink.Schema, len(d.Parts))
	any := false
	for i, p := range d.Parts {
		needs, err := sink.NeedsSchema(p.Out)
		if err != nil {
			return err
		}
		if needs {
			d.schemas[i] = &sink.Schema{}
			any = true
		}
	}
	if !any {
		return nil
	}
	d.reset()
	for r, err := range recordsOf(ctx, parts) {
		if err != nil {
			return err
		}
		if d.repeats(r) {
			continue
		}
		if schema := d.schemas[d.partOf(r)]; schema != nil {
			if err := schema.Add(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes the parts. All of them appear at the end, or none does for what is wrong
// with a record.
func (d *divider) write(ctx context.Context, parts []part) (out SplitResult, err error) {
	var writers []*sink.Writer
	for i, p := range d.Parts {
		w, err := sink.Create(p.Out, d.schemas[i])
		if err != nil {
			return out, err
		}
		defer w.Abort()
		writers = append(writers, w)
		if d.schemas[i] != nil {
			out.Notes = append(out.Notes, d.schemas[i].Notes()...)
		}
	}
	out.Written = make([]int, len(writers))
	d.reset()
	for r, err := range recordsOf(ctx, parts) {
		if err != nil {
			return out, err
		}
		out.Read++
		if d.repeats(r) {
			out.Repeated++
			continue
		}
		part := d.partOf(r)
		if err := writers[part].Write(r); err != nil {
			return out, err
		}
		out.Written[part]++
	}
	for _, w := range writers {
		if err := w.Commit(); err != nil {
			return out, err
		}
	}
	return out, nil
}
