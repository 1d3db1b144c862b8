package loss

import (
	"fmt"
	"math"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
)

// twice checks whether a term is a combination of others, so that something is
// learned twice.
func (l *loss) twice() error {
	gradients, err := l.gradients()
	if err != nil {
		return err
	}
	for i, t := range l.p.Terms {
		if t.Coefficient == 0 || !numbers.AnyNonZero(gradients[i]) {
			continue
		}
		if mix := l.mixOf(i, gradients); mix != "" {
			l.Find(check.Finding{
				Text:  fmt.Sprintf("term %s is %s on every batch: the same thing is learned twice", t.Name, mix),
				Cause: "terms are added up by the host; leave out the one that is their total, or report it as a metric",
			})
			return nil
		}
	}
	l.Note = fmt.Sprintf("%d terms, none of them a combination of others", len(l.p.Terms))
	return nil
}

// gradients are those of each term's sum, over several batches.
func (l *loss) gradients() ([][]float64, error) {
	gradients := make([][]float64, len(l.p.Terms))
	for _, size := range [][3]int{{2, 3, 4}, {3, 4, 3}, {3, 2, 5}, {4, 3, 2}} {
		in := l.draw.batch(size[0], size[1], size[2])
		e, err := l.evaluate(in)
		if err != nil {
			return nil, err
		}
		for i, t := range l.p.Terms {
			gradients[i] = append(gradients[i], used(in, e, bySum(t.Sum))...)
		}
	}
	return gradients, nil
}

// mixOf expresses term i as a combination of others, "2 · a + 1 · b", or "" if it
// is none.
func (l *loss) mixOf(i int, gradients [][]float64) string {
	var others [][]float64
	var names []string
	for j, other := range l.p.Terms {
		if j != i && other.Coefficient != 0 && numbers.AnyNonZero(gradients[j]) {
			others = append(others, gradients[j])
			names = append(names, other.Name)
		}
	}
	if len(others) == 0 {
		return ""
	}
	mix, rest := numbers.Fit(gradients[i], others...)
	if rest > 1e-9*numbers.Largest(gradients[i]) {
		return ""
	}
	var parts []string
	for j, c := range mix {
		if math.Abs(c) > 1e-9 {
			parts = append(parts, sdktest.Numbers(c)+" · "+names[j])
		}
	}
	return strings.Join(parts, " + ")
}
