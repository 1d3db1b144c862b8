package check

import (
	"time"

	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// The time that a plugin may take is counted in units of work, since a second of
// one machine is not one of another. A unit is measured when a check begins, and
// again whenever the time seems to be over, since the machine may have become busy.
const (
	// units is what a plugin may take: about half a minute of a laptop.
	units = 300_000

	// usualUnit is a unit on the machine on which the limits were chosen.
	usualUnit = 100 * time.Microsecond

	// measured is how long a unit is measured.
	measured = 20 * time.Millisecond
)

// clock says when the time for a plugin is over.
type clock struct {
	unit  time.Duration
	limit time.Duration // as of unit
	begin time.Time
	fixed bool // the caller chose the limit
}

// newClock starts a clock; limit 0 is one that fits this machine.
func newClock(limit time.Duration) *clock {
	c := &clock{unit: max(unit(), usualUnit), limit: limit, begin: time.Now(), fixed: limit > 0}
	if !c.fixed {
		c.limit = units * c.unit
	}
	return c
}

// late reports whether the time is over.
func (c *clock) late() bool {
	if time.Since(c.begin) < c.limit {
		return false
	}
	if c.fixed {
		return true
	}
	now := unit()
	if now <= c.unit {
		return true
	}
	c.unit, c.limit = now, units*now
	return time.Since(c.begin) >= c.limit
}

// scaled is a limit chosen on the usual machine, for this one.
func (c *clock) scaled(limit time.Duration) time.Duration {
	return time.Duration(float64(limit) * float64(c.unit) / float64(usualUnit))
}

// unit measures how long the reference work takes on average.
func unit() time.Duration {
	p, err := sdktest.Trace(work{})
	if err != nil { // it is our own, and sound
		panic(err)
	}
	begin := time.Now()
	n := 0
	for time.Since(begin) < measured {
		a, err := batch.Arguments()
		if err != nil {
			panic(err)
		}
		e, err := p.Evaluate(a)
		if err != nil {
			panic(err)
		}
		e.Gradient(e.LossSeeds())
		n++
	}
	return time.Since(begin) / time.Duration(n)
}

// work is the loss whose value and gradient on batch are a unit.
type work struct{}

// Trace is a ranking loss.
func (work) Trace(g *sdk.Graph) sdk.Objective {
	p := g.Logps().Sum(-1).Div(g.LabelMask().Sum(-1).ClampMin(1))
	better := g.Column("score").Unsqueeze(2).Gt(g.Column("score").Unsqueeze(1)).And(g.Real().Unsqueeze(2))
	gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
	return sdk.Objective{Terms: []sdk.Term{{
		Name:        "rank",
		Sum:         gap.LogSigmoid().Neg().Where(better, 0).Sum(),
		Count:       better.Sum(),
		Coefficient: 1,
	}}}
}

var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -2, -0.5, -0.1}, {-0.5, -1}, {-3}}, {{-1, -1, -2}, {-0.2, -0.3, -4, -1}}, {{-1}, {-2, -2}, {-0.7, -0.1, -0.4}}},
	Score: [][]float64{{1, 0, 2}, {0, 1}, {3, -1, 0.5}},
}
