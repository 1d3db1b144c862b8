package check

import (
	"fmt"
	"math"
	"strings"
)

// twice asks whether a term is a mix of others, so that something is learned
// twice over.
func (l *loss) twice() error {
	columns := make([][]float64, len(l.p.Terms))
	for _, size := range [][3]int{{2, 3, 4}, {3, 4, 3}, {3, 2, 5}, {4, 3, 2}} {
		in := l.draw.batch(size[0], size[1], size[2])
		e, err := l.evaluate(in)
		if err != nil {
			return err
		}
		for i, t := range l.p.Terms {
			columns[i] = append(columns[i], l.termGradient(in, e, map[int][]float64{t.Sum: {1}})...)
		}
	}
	for i, t := range l.p.Terms {
		var others [][]float64
		var names []string
		for j, other := range l.p.Terms {
			if j != i && other.Coefficient != 0 && anyNonZero(columns[j]) {
				others, names = append(others, columns[j]), append(names, other.Name)
			}
		}
		if t.Coefficient == 0 || !anyNonZero(columns[i]) || len(others) == 0 {
			continue
		}
		mix, rest := fit(columns[i], others...)
		if rest > 1e-9*largest(columns[i]) {
			continue
		}
		var parts []string
		for j, c := range mix {
			if math.Abs(c) > 1e-9 {
				parts = append(parts, number(c)+" · "+names[j])
			}
		}
		l.find(Finding{
			Text:  fmt.Sprintf("term %s is %s on every batch: the same thing is learned twice", t.Name, strings.Join(parts, " + ")),
			Cause: "terms are added up by the host; leave out the one that is their total, or report it as a metric",
		})
		return nil
	}
	l.note = fmt.Sprintf("%d terms, none of them a mix of others", len(l.p.Terms))
	return nil
}

func largest(data []float64) float64 {
	most := 0.0
	for _, x := range data {
		most = math.Max(most, math.Abs(x))
	}
	return most
}
