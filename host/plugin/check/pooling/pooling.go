// Package pooling has the checks of poolings, which run a pooling's program on
// generated hidden states. All lists them in the order of a report.
package pooling

import (
	"fmt"
	"math/rand/v2"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// All are the checks of a pooling, in the order of a report.
var All = []*check.Check{
	{
		Name: "storage",
		Doc:  "states may be stored in any order, with unused ones in between",
		Run:  on((*pooling).storage),
	},
	{
		Name: "sequences",
		Doc:  "sequences do not affect each other",
		Run:  on((*pooling).sequences),
	},
	{
		Name: "ids",
		Doc:  "no token id matters except the end token's",
		Run:  on((*pooling).ids),
	},
	{
		Name: "constant",
		Doc:  "equal states pool to themselves, times a power of their number",
		Run:  on((*pooling).constant),
	},
	{
		Name: "own",
		Doc:  "every sequence pools to something of its own, even without an end token",
		Run:  on((*pooling).own),
	},
	{
		Name: "tokens",
		Doc:  "no token is left out while its neighbours count",
		Run:  on((*pooling).tokens),
	},
	{
		Name: "units",
		Doc:  "all elements of a state are treated the same",
		Run:  on((*pooling).units),
	},
	{
		Name: "finite",
		Doc:  "finite in float32 with large states, with only end tokens and without any",
		Run:  on((*pooling).finite),
	},
	{
		Name: "gradient",
		Doc:  "gradients match central differences in float64, to 1e-6",
		Run:  on((*pooling).gradient),
	},
	{
		Name: "detach",
		Doc:  "what is detached does not contribute to the slope; a pooling with an intended constant says so with Allow",
		Run:  on((*pooling).detach),
	},
	{
		Name:   "settings",
		Doc:    "every parameter changes something, by itself or together with others",
		Except: check.Given,
		Run:    on((*pooling).settings),
	},
}

// pooling is a pooling under one set of parameters, as its checks see it.
type pooling struct {
	*check.Trial
	p   *sdktest.Traced
	rng *rand.Rand
}

// on turns a method into a check.
func on(ask func(p *pooling) error) func(*check.Trial) error {
	return func(t *check.Trial) error {
		return ask(&pooling{t, t.Program, rand.New(rand.NewPCG(t.Seed(), 2))})
	}
}

// eos is the end token's id in the probes, width that of the hidden states.
const (
	eos   = 2
	width = 3
)

// batch draws sequences of the given lengths. Every second one ends in the end
// token, which also occurs inside, as when it separates turns.
func (p *pooling) batch(lengths ...int) sdktest.PoolInputs {
	in := sdktest.PoolInputs{EOS: eos}
	for n, length := range lengths {
		var states [][]float64
		var ids []int
		for i := range length {
			states = append(states, p.state())
			id := 3 + p.rng.IntN(20)
			if i == length-1 && n%2 == 0 || i == 1 && length > 3 {
				id = eos
			}
			ids = append(ids, id)
		}
		in.Hidden = append(in.Hidden, states)
		in.IDs = append(in.IDs, ids)
	}
	return in
}

// state draws a hidden state.
func (p *pooling) state() []float64 {
	state := make([]float64, width)
	for i := range state {
		state[i] = numbers.Rounded(2*p.rng.NormFloat64() - 1)
	}
	return state
}

// probes are batches of several sizes, sequences of one token included.
func (p *pooling) probes() []sdktest.PoolInputs {
	return []sdktest.PoolInputs{p.batch(1), p.batch(3, 1, 4), p.batch(2, 5, 1, 1, 3), p.batch(4, 6)}
}

// pool runs the pooling and returns one vector a sequence.
func (p *pooling) pool(in sdktest.PoolInputs) ([][]float64, error) {
	if p.Late() {
		return nil, check.ErrLate
	}
	rows, err := p.p.Pooled(in)
	if err != nil {
		return nil, cannotRun(in, err)
	}
	return rows, nil
}

// cannotRun is an error that only shows when the program runs.
func cannotRun(in sdktest.PoolInputs, err error) error {
	return fmt.Errorf("cannot be run: %w\n  batch   %v", err, in)
}

// each checks every probe, up to the first fault.
func (p *pooling) each(ask func(in sdktest.PoolInputs) ([]sdktest.Fault, error)) error {
	for _, in := range p.probes() {
		if p.Late() {
			return check.ErrLate
		}
		faults, err := ask(in)
		if err != nil {
			return cannotRun(in, err)
		}
		if len(faults) > 0 {
			p.Find(check.Finding{
				Text:  faults[0].Text,
				Cause: faults[0].Cause,
				Probe: in.String(),
			})
			return nil
		}
	}
	return nil
}

// storage stores the states in another order, with unused ones in between, as
// prefix sharing does.
func (p *pooling) storage() error {
	p.Note = "hidden states in any order, with unused ones in between"
	return p.each(p.p.Storage)
}

// sequences reorders sequences, then puts each into a separate batch.
func (p *pooling) sequences() error {
	p.Note = "sequences by themselves and in any order"
	return p.each(p.p.Sequences)
}

// ids changes token ids: apart from whether it is the end token, an id must not
// matter to a pooling, unless a parameter names one.
func (p *pooling) ids() error {
	for _, param := range p.Component.Params {
		if param.Type == sdk.IntParam {
			p.Note = "a parameter may name an id"
			return nil
		}
	}
	p.Note = "no token id matters except the end token's"
	return p.each(func(in sdktest.PoolInputs) ([]sdktest.Fault, error) {
		base, err := p.pool(in)
		if err != nil {
			return nil, err
		}
		for _, other := range []int{0, 1} {
			const cause = "ids are compared with a fixed number, such as a padding id: sequences have no padding, and only EOS() is known"
			what := fmt.Sprintf("with every token but the end token turned into id %d", other)
			faults, err := p.p.Expect(base, reidentified(in, other, false), what, cause)
			if faults != nil || err != nil {
				return faults, err
			}
		}
		return nil, nil
	})
}

// reidentified gives tokens another id, end tokens only if ends is set.
func reidentified(in sdktest.PoolInputs, to int, ends bool) sdktest.PoolInputs {
	out := in
	out.IDs = nil
	for _, sequence := range in.IDs {
		ids := append([]int(nil), sequence...)
		for i, id := range ids {
			if id != eos || ends {
				ids[i] = to
			}
		}
		out.IDs = append(out.IDs, ids)
	}
	return out
}

// units reorders the elements of all states: a pooling must treat all elements
// the same.
func (p *pooling) units() error {
	p.Note = "elements of a state in any order"
	return p.each(func(in sdktest.PoolInputs) ([]sdktest.Fault, error) {
		base, err := p.pool(in)
		if err != nil {
			return nil, err
		}
		for n, state := range base {
			base[n] = numbers.Rotated(state)
		}
		const cause = "a reduction or running sum goes along the elements of a state (axis 1) instead of along a sequence's tokens"
		return p.p.Expect(
			base,
			mapped(in, numbers.Rotated),
			"with the elements of every state in another order",
			cause,
		)
	})
}

// mapped applies f to every state.
func mapped(in sdktest.PoolInputs, change func(state []float64) []float64) sdktest.PoolInputs {
	out := in
	out.Hidden = nil
	for _, states := range in.Hidden {
		var changed [][]float64
		for _, state := range states {
			changed = append(changed, change(state))
		}
		out.Hidden = append(out.Hidden, changed)
	}
	return out
}

// settings checks that every parameter changes the program.
func (p *pooling) settings() error {
	_, err := p.Effects(func(_, _ map[string]any) (bool, error) { return false, nil })
	return err
}
