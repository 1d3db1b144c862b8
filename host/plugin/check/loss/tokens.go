package loss

import (
	"fmt"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
)

// tokens checks whether the first or the last label token of an answer is
// always left out, as by a mask that is off by one.
func (l *loss) tokens() error {
	for _, t := range l.p.Terms {
		var ends numbers.Ends
		var probe sdktest.Inputs
		for range 12 {
			probe = l.draw.batch(3, 3, 5)
			gradient, err := l.logpGradient(probe, t.Sum)
			if err != nil {
				return err
			}
			for _, answer := range slices.Concat(gradient...) {
				if len(answer) >= 3 && numbers.AnyNonZero(answer) {
					ends.Add(answer)
				}
			}
		}
		if ends.Lists < 8 {
			continue
		}
		for _, end := range ends.Missing() {
			l.Find(check.Finding{
				Text: fmt.Sprintf(
					"term %s: the %s label token of an answer never has a gradient, the others of %d answers do",
					t.Name,
					end,
					ends.Lists,
				),
				Cause:  "a mask is off by one: policy.logps is already shifted, and every position with a label counts, the end token's included",
				Places: l.Places(t.Sum), Probe: l.show(probe),
			})
		}
	}
	l.Note = "every label token of an answer counts, or none does"
	return nil
}
