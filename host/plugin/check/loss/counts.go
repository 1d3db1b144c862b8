package loss

import (
	"fmt"
	"math"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// counts checks that a host can divide by the counts.
func (l *loss) counts() error {
	for _, s := range scenes {
		in := s.make(l)
		e, err := l.evaluate(in)
		if err != nil {
			return fmt.Errorf("with %s it %w", s.name, err)
		}
		for _, t := range l.p.Terms {
			sum := e.Number(t.Sum)
			count := e.Number(t.Count)
			f := check.Finding{Places: l.Places(t.Count), Probe: l.show(in)}
			switch {
			case count < 0:
				f.Text = fmt.Sprintf(
					"with %s, the count of term %s is %s, which reverses the loss",
					s.name,
					t.Name,
					sdktest.Numbers(count),
				)
				f.Cause = "a count is a sum over a column that may be negative; count entries instead"
			case count == 0 && numbers.Finite(sum) && math.Abs(sum) > 1e-9:
				f.Text = fmt.Sprintf(
					"with %s, the count of term %s is 0 while its sum is %s",
					s.name,
					t.Name,
					sdktest.Numbers(sum),
				)
				f.Cause = "the count counts other things than the sum adds up"
			default:
				continue
			}
			l.Find(f)
			return nil
		}
	}
	l.mixedReductions()
	l.Note = "0 only where the sum is, and never negative"
	return nil
}

// mixedReductions reports a plain sum beside a term that is divided by its count.
func (l *loss) mixedReductions() {
	plain, counted := "", ""
	for _, t := range l.p.Terms {
		switch {
		case t.Coefficient == 0:
		case t.Count == program.None:
			plain = t.Name
		default:
			counted = t.Name
		}
	}
	if plain != "" && counted != "" {
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"term %s is a plain sum, which grows with the batch, and term %s is divided by its count, and does not: their balance depends on the batch size",
				plain,
				counted,
			),
			Cause: "a Count is missing: give every term one, or none",
		})
	}
}
