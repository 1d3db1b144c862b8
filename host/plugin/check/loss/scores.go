package loss

import (
	"fmt"
	"math"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// scores checks that terms that only depend on the order of scores do so for
// every score: negative, 0, and all equal.
func (l *loss) scores() error {
	if !l.draw.scored() {
		l.Note = "reads no scores"
		return nil
	}
	if c := l.draw.columns[l.score()]; c.min != nil || c.max != nil {
		l.Note = "scores are bounded, so that they cannot be moved"
		return nil
	}
	ranking := 0
	for _, t := range l.p.Terms {
		in := l.draw.fill([][]int{{2, 2, 2}, {2, 2, 2}, {2, 2, 2, 2}})
		if wrong, err := l.noDirection(t, in); wrong || err != nil {
			return err
		}
		base, ordered, err := l.byOrder(t, in)
		if err != nil {
			return err
		}
		if !ordered {
			continue
		}
		ranking++
		for _, check := range []func(program.Term, sdktest.Inputs, float64) (bool, error){l.shiftedScores, l.noOrder} {
			if wrong, err := check(t, in, base); wrong || err != nil {
				return err
			}
		}
	}
	l.Note = fmt.Sprintf("%d terms depend only on the order of scores", ranking)
	return nil
}

// score is the input that orders candidates.
func (l *loss) score() string { return "column." + l.draw.score }

// moved is the batch with c added to every score; c may depend on the prompt's scores.
func (l *loss) moved(in sdktest.Inputs, c func(scores []float64) float64) sdktest.Inputs {
	out := withColumn(in, func(string) bool { return false }, nil)
	for b, scores := range in.Columns[l.draw.score] {
		by := c(scores)
		for k, s := range scores {
			out.Columns[l.draw.score][b][k] = s + by
		}
	}
	return out
}

func constant(c float64) func([]float64) float64 { return func([]float64) float64 { return c } }

// sum is a term's sum on a batch.
func (l *loss) sum(t program.Term, in sdktest.Inputs) (float64, error) {
	e, err := l.evaluate(in)
	if err != nil {
		return 0, err
	}
	return e.Number(t.Sum), nil
}

// byOrder reports whether, for positive scores, a term depends on nothing but
// their order.
func (l *loss) byOrder(t program.Term, in sdktest.Inputs) (base float64, ordered bool, err error) {
	above := l.moved(in, constant(20))
	spread := withColumn(in, only(l.score()), func(x float64) float64 { return 20 + 2.5*x })
	mirrored := withColumn(above, only(l.score()), func(x float64) float64 { return 40 - x })
	var sums []float64
	for _, batch := range []sdktest.Inputs{above, l.moved(in, constant(27.3)), spread, mirrored} {
		v, err := l.sum(t, batch)
		if err != nil {
			return 0, false, err
		}
		sums = append(sums, v)
	}
	return sums[0], sdktest.Near(sums[0], sums[1]) &&
		sdktest.Near(sums[0], sums[2]) &&
		!sdktest.Near(sums[0], sums[3]), nil
}

// shiftedScores moves all scores below 0, and one of each prompt to 0.
func (l *loss) shiftedScores(t program.Term, in sdktest.Inputs, base float64) (wrong bool, err error) {
	for _, to := range []struct {
		what string
		by   func(scores []float64) float64
	}{
		{"all scores below 0", constant(-20)},
		{"one score of each prompt at 0", func(scores []float64) float64 { return -scores[0] }},
		{"the highest score of each prompt at 0", func(scores []float64) float64 { best, _ := extremes(scores); return -scores[best] }},
	} {
		other := l.moved(in, to.by)
		v, err := l.sum(t, other)
		if err != nil {
			return true, err
		}
		if !sdktest.Near(v, base) {
			l.Find(check.Finding{
				Text: fmt.Sprintf(
					"the sum of term %s depends only on the order of scores while they are positive, and is %s; in the same order, but with %s, it is %s",
					t.Name,
					sdktest.Numbers(base),
					to.what,
					sdktest.Numbers(v),
				),
				Cause:  "a score of 0 or less is treated as padding: Real() marks the real candidates, and any finite number is a score",
				Places: l.Places(t.Sum), Probe: l.show(other),
			})
			return true, nil
		}
	}
	return false, nil
}

// ranks reports whether a term only ranks: it stays the same when all
// log-probabilities and rewards fall by the same amount.
func (l *loss) ranks(t program.Term, in sdktest.Inputs) (bool, error) {
	before, err := l.sum(t, in)
	if err != nil {
		return false, err
	}
	lower := mapped(in, func(x float64) float64 { return x - 0.25 })
	lower.RefLogps = in.RefLogps
	lower.Rewards = applied2(in.Rewards, func(x float64) float64 { return x - 0.25 })
	after, err := l.sum(t, lower)
	return sdktest.Near(before, after), err
}

// noDirection reports a term that ranks candidates, reads scores, and stays the
// same when the best becomes the worst.
func (l *loss) noDirection(t program.Term, in sdktest.Inputs) (wrong bool, err error) {
	if !l.fromInput(t.Sum, l.score()) {
		return false, nil
	}
	ranks, err := l.ranks(t, in)
	if !ranks || err != nil {
		return err != nil, err
	}
	turned := withColumn(in, only(l.score()), func(x float64) float64 { return -x })
	was, err := l.sum(t, in)
	if err != nil {
		return true, err
	}
	is, err := l.sum(t, turned)
	if err != nil || !sdktest.Near(was, is) || math.Abs(was) < 1e-12 {
		return err != nil, err
	}
	l.Find(check.Finding{
		Text: fmt.Sprintf(
			"term %s ranks candidates and reads their scores, but is %s whether the highest score is the best or the worst",
			t.Name,
			sdktest.Numbers(was),
		),
		Cause:  "every pair is taken in both orders (Ne or Abs instead of Gt), so each is pushed both up and down: take the pairs whose first score is above the second",
		Places: l.Places(t.Sum), Probe: l.show(in),
	})
	return true, nil
}

// noOrder checks terms that only rank: without an order there is nothing to rank.
func (l *loss) noOrder(t program.Term, in sdktest.Inputs, _ float64) (wrong bool, err error) {
	if ranks, err := l.ranks(t, in); !ranks || err != nil {
		return err != nil, err
	}
	equal := withColumn(in, only(l.score()), func(float64) float64 { return 1 })
	gradient, err := l.logpGradient(equal, t.Sum)
	if err != nil {
		return true, err
	}
	pairs, err := l.pairwise(t, equal)
	if err != nil {
		return true, err
	}
	for _, prompt := range perCandidate(gradient) {
		if pairs && numbers.Largest(prompt) > 1e-12 {
			l.Find(check.Finding{
				Text: fmt.Sprintf(
					"term %s ranks candidates whose scores are equal: it pushes those of one prompt by %s",
					t.Name,
					sdktest.Numbers(prompt...),
				),
				Cause: "Ge or Le is used instead of Gt or Lt: equal scores define no order",
				Probe: l.show(equal),
			})
			return true, nil
		}
	}
	single := l.draw.fill([][]int{{2}})
	if v, err := l.sum(t, single); err != nil || len(single.Logps[0]) > 1 || math.Abs(v) < 1e-12 {
		return err != nil, err
	} else {
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"term %s is %s for a prompt with a single candidate, which leaves nothing to rank",
				t.Name,
				sdktest.Numbers(v),
			),
			Cause: "a candidate is paired with itself: Ge is used instead of Gt, or the diagonal is not masked",
			Probe: l.show(single),
		})
		return true, nil
	}
}

// pairwise reports whether a term of a prompt with three candidates is the sum
// over its pairs. A softmax over a list is not, and may well include equal
// candidates.
func (l *loss) pairwise(t program.Term, in sdktest.Inputs) (bool, error) {
	if len(in.Logps[0]) != 3 {
		return true, nil
	}
	total := 0.0
	for _, part := range []struct {
		candidates []int
		times      float64
	}{{[]int{0, 1, 2}, 1}, {[]int{0, 1}, -1}, {[]int{0, 2}, -1}, {[]int{1, 2}, -1}, {[]int{0}, 1}, {[]int{1}, 1}, {[]int{2}, 1}} {
		v, err := l.sum(t, in.Pick(0).Reorder(func(int) []int { return part.candidates }))
		if err != nil {
			return false, err
		}
		total += part.times * v
	}
	return sdktest.Near(total, 0), nil
}
