package loss

import (
	"fmt"
	"math"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// How many steps states are followed for, and beyond what multiple of where it began
// one counts as running away.
const (
	followed = 60
	runaway  = 1e6
)

// states checks that each state changes, stays within reason and is read.
func (l *loss) states() error {
	if len(l.p.States) == 0 {
		l.Note = "keeps no state"
		return nil
	}
	if l.Late() {
		return check.ErrLate
	}
	steps := append(l.draw.train(l.p, followed), l.updated()...)
	for _, s := range l.p.States {
		largest, moves := 0.0, false
		for _, states := range steps {
			moves = moves || states[s.Name] != s.Initial
			largest = math.Max(largest, math.Abs(states[s.Name]))
		}
		l.stateFindings(s, moves, largest)
	}
	l.Note = fmt.Sprintf("%d states, each of which changes and is read", len(l.p.States))
	return nil
}

func (l *loss) stateFindings(s program.State, moves bool, largest float64) {
	switch {
	case !moves && l.Setting&check.Given != 0 && s.Initial == 0: // a parameter turned it off
	case !moves:
		l.Find(check.Finding{
			Text:   fmt.Sprintf("state %s begins at %s and never changes, on any batch", s.Name, sdktest.Numbers(s.Initial)),
			Cause:  "its Update is the state itself or a constant, or multiplies what begins at 0: compute it from the state and a GlobalMean of the data",
			Places: l.Places(s.Update),
		})
	case largest > runaway*(1+math.Abs(s.Initial)):
		l.Find(check.Finding{
			Warning: true,
			Text:    fmt.Sprintf("state %s reaches %s within %d steps of ordinary batches", s.Name, sdktest.Numbers(largest), followed),
			Cause:   "what is new is added to the state instead of averaged with it",
			Places:  l.Places(s.Update),
		})
	}
	if !l.isRead(s) {
		l.Find(check.Finding{
			Text:  fmt.Sprintf("state %s is kept from step to step, and no term or metric reads it", s.Name),
			Cause: "read it with State, or do not keep it",
		})
	}
}

// updated are the states after one batch each that a state may need to move: models
// far from their reference and near it.
func (l *loss) updated() (after []map[string]float64) {
	for level := 0.02; level < 200; level *= 1.3 {
		in := l.atLevel(level)
		in.States = nil
		e, err := l.evaluate(in)
		if err != nil {
			return after
		}
		states := map[string]float64{}
		for _, s := range l.p.States {
			states[s.Name] = e.Number(s.Update)
		}
		after = append(after, states)
	}
	return after
}

// isRead reports whether a term, a metric or another state is computed from it.
func (l *loss) isRead(s program.State) bool {
	name := "state." + s.Name
	figures := slices.DeleteFunc(l.p.Yields(), func(f sdktest.Figure) bool { return f.Value == s.Update })
	return slices.ContainsFunc(figures, func(f sdktest.Figure) bool { return l.fromInput(f.Value, name) })
}
