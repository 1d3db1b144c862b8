package loss

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// tokens checks that every label token of an answer has a share in each term: that
// none is left out always, and, among tokens that are all alike, that none counts
// more than its neighbours.
func (l *loss) tokens() error {
	for _, t := range l.p.Terms {
		for _, input := range []string{"policy.logps", "policy.vocab_mean_logps", "kl.reverse", "kl.forward"} {
			if !l.fromInput(t.Sum, input) {
				continue
			}
			found, err := l.tokenShares(t, input)
			if !found && err == nil {
				err = l.ends(t, input)
			}
			if err != nil {
				return err
			}
		}
	}
	l.Note = "every label token of an answer counts, or none does"
	return nil
}

// tokenGradient is the gradient of a sum by each label token of an input.
func (l *loss) tokenGradient(in sdktest.Inputs, sum int, input string) ([][][]float64, error) {
	e, err := l.evaluate(in)
	if err != nil {
		return nil, err
	}
	return in.Unpadded(e.Gradient(bySum(sum))[input]), nil
}

// alikeLengths are the lengths of answers of tokens that are all alike, and
// fewestAnswers is how many of them must have the same fault.
var alikeLengths = []int{4, 5, 6, 8}

const fewestAnswers = 4

// tokenShares looks at answers whose tokens are all alike, so that nothing but its
// place tells a token from its neighbours.
func (l *loss) tokenShares(t program.Term, input string) (found bool, err error) {
	faults := map[string]*tokenFault{}
	for _, n := range alikeLengths {
		for range 4 {
			in := l.alikeTokens(l.draw.fill([][]int{{n, n}, {n, n}}))
			gradient, err := l.tokenGradient(in, t.Sum, input)
			if err != nil {
				return false, err
			}
			for _, answer := range slices.Concat(gradient...) {
				if share := numbers.SharesOf(answer); share.Text != "" && numbers.AllFinite(answer) {
					note(faults, share, n, in)
				}
			}
		}
	}
	for _, fault := range faults {
		if fault.seen < fewestAnswers || len(fault.lengths) < 2 {
			continue
		}
		l.Find(check.Finding{
			Warning: fault.share.Meant,
			Text:    fmt.Sprintf("term %s, of the label tokens of an answer that are all alike under %s: %s", t.Name, input, fault.share.Text),
			Cause:   "a mask is off by one or too narrow: log-probabilities are already shifted, and every position with a label counts, the end token's included",
			Places:  l.Places(t.Sum), Probe: l.show(fault.probe),
		})
		return true, nil
	}
	return false, nil
}

// tokenFault is one fault, how often it was seen, and at which lengths.
type tokenFault struct {
	share   numbers.Share
	seen    int
	lengths map[int]bool
	probe   sdktest.Inputs
}

func note(faults map[string]*tokenFault, share numbers.Share, length int, probe sdktest.Inputs) {
	f := faults[share.Pattern]
	if f == nil {
		f = &tokenFault{share: share, lengths: map[int]bool{}, probe: probe}
		faults[share.Pattern] = f
	}
	f.seen++
	f.lengths[length] = true
}

// alikeTokens gives all tokens of an answer the same numbers, different for each
// answer.
func (l *loss) alikeTokens(in sdktest.Inputs) sdktest.Inputs {
	even := func(rows [][][]float64) [][][]float64 {
		var out [][][]float64
		for _, prompt := range rows {
			var own [][]float64
			for _, row := range prompt {
				own = append(own, applied(row, true, func(float64) float64 { return row[0] }))
			}
			out = append(out, own)
		}
		return out
	}
	in.Logps, in.RefLogps = even(in.Logps), even(in.RefLogps)
	in.ReverseKL, in.ForwardKL = even(in.ReverseKL), even(in.ForwardKL)
	in.VocabMeanLogps = even(in.VocabMeanLogps)
	return in
}

// ends checks whether the first or the last label token is always left out, of
// answers with any numbers.
func (l *loss) ends(t program.Term, input string) error {
	var ends numbers.Ends
	var probe sdktest.Inputs
	for range 12 {
		probe = l.draw.batch(3, 3, 5)
		gradient, err := l.tokenGradient(probe, t.Sum, input)
		if err != nil {
			return err
		}
		for _, answer := range slices.Concat(gradient...) {
			if len(answer) >= 3 && numbers.AnyNonZero(answer) {
				ends.Add(answer)
			}
		}
	}
	if missing := ends.Missing(); ends.Lists >= 8 && len(missing) > 0 {
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"term %s: the %s label token of an answer never has a gradient, the others of %d answers do",
				t.Name,
				strings.Join(missing, " and the "),
				ends.Lists,
			),
			Cause:  "a mask is off by one: log-probabilities are already shifted, and every position with a label counts, the end token's included",
			Places: l.Places(t.Sum), Probe: l.show(probe),
		})
	}
	return nil
}
