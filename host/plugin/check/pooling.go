package check

import (
	"fmt"
	"math/rand/v2"

	"llmhost/host/plugin"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// poolingChecks are the checks of a pooling, in the order of the report.
var poolingChecks = []struct {
	name string
	run  func(p *pooling) error
}{
	{"storage", (*pooling).storage},
	{"rows", (*pooling).rows},
	{"ids", (*pooling).ids},
	{"constant", (*pooling).constant},
	{"own", (*pooling).own},
	{"tokens", (*pooling).tokens},
	{"units", (*pooling).units},
	{"finite", (*pooling).finite},
	{"gradient", (*pooling).gradient},
	{"detach", (*pooling).detach},
}

// pooling is a pooling under one set of parameters.
type pooling struct {
	*scope
	p   *sdktest.Traced
	rng *rand.Rand
}

func (r *run) pooling(c *plugin.Component, p *sdktest.Traced, v variant) {
	for _, check := range poolingChecks {
		r.finish(&scope{run: r, component: c, check: check.name, params: v.values}, func(s *scope) error {
			return check.run(&pooling{s, p, rand.New(rand.NewPCG(r.options.Seed, 2))})
		})
	}
}

// eos is the end token's id in the probes, width that of the hidden states.
const (
	eos   = 2
	width = 3
)

// batch draws rows of the given lengths. Every second one ends in the end
// token; the end token also occurs inside, as it does where it separates turns.
func (p *pooling) batch(lengths ...int) sdktest.PoolInputs {
	in := sdktest.PoolInputs{EOS: eos}
	for n, length := range lengths {
		var states [][]float64
		var ids []int
		for i := range length {
			state := make([]float64, width)
			for j := range state {
				state[j] = rounded(2*p.rng.NormFloat64() - 1)
			}
			id := 3 + p.rng.IntN(20)
			if i == length-1 && n%2 == 0 || i == 1 && length > 3 {
				id = eos
			}
			states, ids = append(states, state), append(ids, id)
		}
		in.Hidden, in.IDs = append(in.Hidden, states), append(in.IDs, ids)
	}
	return in
}

// probes are batches of several sizes, rows of one token among them.
func (p *pooling) probes() []sdktest.PoolInputs {
	return []sdktest.PoolInputs{p.batch(1), p.batch(3, 1, 4), p.batch(2, 5, 1, 1, 3), p.batch(4, 6)}
}

// pool runs the pooling and returns one vector a row.
func (p *pooling) pool(in sdktest.PoolInputs) ([][]float64, *sdktest.Evaluation, error) {
	if p.run.late() {
		return nil, nil, errLate
	}
	e, err := p.p.Evaluate(in.Arguments())
	if err != nil {
		return nil, nil, fmt.Errorf("cannot be run: %w\n  batch   %v", err, in)
	}
	var rows [][]float64
	for data := e.Values[p.p.Output].Data; len(data) > 0; data = data[width:] {
		rows = append(rows, data[:width])
	}
	return rows, e, nil
}

// compare pools a batch that was changed in a way that must not matter: row n
// must be row from[n] of the unchanged one.
func (p *pooling) compare(what, cause string, base [][]float64, in, changed sdktest.PoolInputs, from []int) (same bool, err error) {
	rows, _, err := p.pool(changed)
	if err != nil {
		return false, err
	}
	for n, row := range rows {
		if !sameAll(row, base[from[n]]) {
			p.find(Finding{Text: fmt.Sprintf("%s, row %d becomes %s instead of %s", what, n, listed(row), listed(base[from[n]])), Cause: cause, Probe: in.String()})
			return false, nil
		}
	}
	return true, nil
}

// storage stores the states in another order, with states between them that
// are no row's, as prefix sharing does.
func (p *pooling) storage() error {
	for _, in := range p.probes() {
		base, _, err := p.pool(in)
		if err != nil {
			return err
		}
		scattered := in
		scattered.Scattered = true
		ok, err := p.compare("with the hidden states stored in another order", "Hidden is read directly; a row's states are Hidden().IndexSelect(0, Token())", base, in, scattered, identity(len(base)))
		if !ok || err != nil {
			return err
		}
	}
	p.note = "hidden states in any order, with others between them"
	return nil
}

func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// rows puts rows in another order, and each into a batch of its own.
func (p *pooling) rows() error {
	for _, in := range p.probes() {
		base, _, err := p.pool(in)
		if err != nil {
			return err
		}
		const cause = "a row reads another's states: index from the row's own first entry, and keep within its SegmentCount"
		order := shifted(len(base))
		ok, err := p.compare("with the rows in another order", cause, base, in, in.Pick(order...), order)
		for n := 0; ok && err == nil && n < len(base); n++ {
			ok, err = p.compare(fmt.Sprintf("with row %d in a batch of its own", n), cause, base, in, in.Pick(n), []int{n})
		}
		if !ok || err != nil {
			return err
		}
	}
	p.note = "rows by themselves and in any order"
	return nil
}

// ids gives tokens other ids: but for being the end token or not, an id means
// nothing to a pooling, unless a parameter names one.
func (p *pooling) ids() error {
	for _, param := range p.component.Params {
		if param.Type == sdk.IntParam {
			p.note = "a parameter may name an id"
			return nil
		}
	}
	for _, in := range p.probes() {
		base, _, err := p.pool(in)
		if err != nil {
			return err
		}
		for _, other := range []int{0, 1} {
			ok, err := p.compare(fmt.Sprintf("with every token but the end token turned into id %d", other),
				"ids are compared with a fixed number, such as a padding id: rows have no padding, and only EOS() is known", base, in, reidentified(in, other, false), identity(len(base)))
			if !ok || err != nil {
				return err
			}
		}
	}
	p.note = "no id but the end token's means anything"
	return nil
}

// reidentified gives tokens another id, end tokens only where ends says so.
func reidentified(in sdktest.PoolInputs, to int, ends bool) sdktest.PoolInputs {
	out := in
	out.IDs = nil
	for _, row := range in.IDs {
		ids := append([]int(nil), row...)
		for i, id := range ids {
			if id != eos || ends {
				ids[i] = to
			}
		}
		out.IDs = append(out.IDs, ids)
	}
	return out
}

// constant pools rows whose states are all alike, which any choice or mean
// gives back; a sum gives n of them.
func (p *pooling) constant() error {
	var weights [2][]float64
	for i, level := range []float64{1, -1} {
		for n := 2; n <= longest; n++ {
			in := p.batch(n, n)
			for _, states := range in.Hidden {
				for _, state := range states {
					for j := range state {
						state[j] = level
					}
				}
			}
			rows, _, err := p.pool(in)
			if err != nil {
				return err
			}
			weights[i] = append(weights[i], rows[0][0]*level)
		}
	}
	switch {
	case weights[0][0] != 0 && weights[1][0] == 0:
		p.find(Finding{Text: fmt.Sprintf("rows whose states are all 1 pool to %s, those whose states are all -1 to 0", number(weights[0][0])), Cause: "a 0 takes part in a maximum, or negative states are cut off"})
	case short(weights[0]):
		p.find(Finding{Text: fmt.Sprintf("rows of 2, 3, 4, … states that are all 1 pool to %s: short rows to less", listed(weights[0])), Cause: "a row is divided by a fixed number of tokens that it may not have; divide by how many were taken"})
	case positive(weights[0]) && p.badLength("rows of 2, 3, 4, … states that are all 1 pool to ", weights[0]):
		return nil
	}
	p.note = fmt.Sprintf("rows of 2 to %d equal states", longest)
	return nil
}

func positive(weights []float64) bool {
	for _, w := range weights {
		if !(w > 0) || !isFinite(w) {
			return false
		}
	}
	return true
}

// short says whether rows pool to one level from some length on, and to less
// of it when they are shorter.
func short(weights []float64) bool {
	level := weights[len(weights)-1]
	if !positive(weights) || !same(weights[len(weights)-2], level) || same(weights[0], level) {
		return false
	}
	for i := 1; i < len(weights); i++ {
		if weights[i] < weights[i-1] && !same(weights[i], weights[i-1]) {
			return false
		}
	}
	return true
}
