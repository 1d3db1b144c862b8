package loss

import (
	"fmt"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
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
			columns[i] = append(columns[i], used(in, e, bySum(t.Sum))...)
		}
	}
	for i, t := range l.p.Terms {
		var others [][]float64
		var names []string
		for j, other := range l.p.Terms {
			if j != i && other.Coefficient != 0 && numbers.AnyNonZero(columns[j]) {
				others, names = append(others, columns[j]), append(names, other.Name)
			}
		}
		if t.Coefficient == 0 || !numbers.AnyNonZero(columns[i]) || len(others) == 0 {
			continue
		}
		mix, rest := numbers.Fit(columns[i], others...)
		if rest > 1e-9*numbers.Largest(columns[i]) {
			continue
		}
		var parts []string
		for j, c := range mix {
			if math.Abs(c) > 1e-9 {
				parts = append(parts, sdktest.Numbers(c)+" · "+names[j])
			}
		}
		l.Find(check.Finding{
			Text:  fmt.Sprintf("term %s is %s on every batch: the same thing is learned twice", t.Name, strings.Join(parts, " + ")),
			Cause: "terms are added up by the host; leave out the one that is their total, or report it as a metric",
		})
		return nil
	}
	l.Note = fmt.Sprintf("%d terms, none of them a mix of others", len(l.p.Terms))
	return nil
}
