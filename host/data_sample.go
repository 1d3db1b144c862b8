package host

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"llmhost/host/config"
	"llmhost/host/data/record"
	"llmhost/host/data/sink"
)

// Sampling says which records are taken.
type Sampling struct {
	Out     string
	Force   bool
	Count   int     // how many
	Share   float64 // or which share of them; the other is 0
	Stratum string  // a field each of whose values gets its share; "" for none
}

// SampleData writes a random part of the records of the data files, in their order. The
// same seed takes the same records.
func SampleData(ctx context.Context, s config.Settings, env Env, o Sampling) (out Converted, err error) {
	r := reading{settings: s}
	parts, err := r.trainParts()
	if err != nil {
		return out, err
	}
	if err := mayWrite(o.Out, parts, o.Force); err != nil {
		return out, err
	}
	have := map[string]int{}
	for one, err := range recordsOf(ctx, parts) {
		if err != nil {
			return out, err
		}
		have[o.stratumOf(one)]++
		out.Read++
	}
	take, err := o.allot(have, out.Read)
	if err != nil {
		return out, err
	}
	records := func(yield func(record.Record, error) bool) {
		draws := map[string]*draw{}
		for one, err := range recordsOf(ctx, parts) {
			if err != nil {
				yield(nil, err)
				return
			}
			name := o.stratumOf(one)
			d := draws[name]
			if d == nil {
				d = newDraw(uint64(s.Seed), name, have[name], take[name])
				draws[name] = d
			}
			if d.next() && !yield(one, nil) {
				return
			}
		}
	}
	out.Written, out.Notes, err = sink.Write(o.Out, records)
	return out, err
}

// stratumOf is the value of the field that strata are made of.
func (o Sampling) stratumOf(r record.Record) string {
	if o.Stratum == "" {
		return ""
	}
	return r.Get(o.Stratum).JSON()
}

// mostStrata bounds how many values a field of strata may have.
const mostStrata = 10_000

// allot is how many records of each stratum are taken: its share, rounded so that the
// sum is right, by the largest remainders.
func (o Sampling) allot(have map[string]int, total int) (map[string]int, error) {
	want := o.Count
	if o.Share > 0 {
		want = int(math.Round(o.Share * float64(total)))
	}
	switch {
	case want > total:
		return nil, fmt.Errorf("the sample is to have %d records, and the files have %d", want, total)
	case want == 0:
		return nil, fmt.Errorf("a share of %g of %d records is none", o.Share, total)
	case len(have) > mostStrata:
		return nil, fmt.Errorf("field %q has more than %d values; strata want a field such as a label", o.Stratum, mostStrata)
	}
	type stratum struct {
		name      string
		remainder float64
	}
	take := map[string]int{}
	var all []stratum
	left := want
	for name, n := range have {
		exact := float64(n) * float64(want) / float64(total)
		take[name] = int(exact)
		left -= take[name]
		all = append(all, stratum{name, exact - math.Floor(exact)})
	}
	slices.SortFunc(all, func(a, b stratum) int {
		switch {
		case a.remainder != b.remainder && a.remainder > b.remainder, a.remainder == b.remainder && a.name < b.name:
			return -1
		}
		return 1
	})
	for _, s := range all[:left] {
		take[s.name]++
	}
	return take, nil
}

// draw takes some of a known number of records, each set of them as likely as any
// other (selection sampling; Knuth, The Art of Computer Programming 2, 3.4.2 S).
type draw struct {
	random     *rand.Rand
	have, want int
}

func newDraw(seed uint64, name string, have, want int) *draw {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &draw{rand.New(rand.NewPCG(seed, h.Sum64())), have, want}
}

// next tells whether the next record is taken.
func (d *draw) next() bool {
	if d.have <= 0 { // the file grew while it was read
		return false
	}
	taken := d.random.IntN(d.have) < d.want
	d.have--
	if taken {
		d.want--
	}
	return taken
}
