package loss

import (
	"fmt"
	"math"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// named reports whether a metric's name has one of the words, as in
// rank_accuracy.
func named(m program.Metric, words ...string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(m.Name), func(r rune) bool { return strings.ContainsRune("_-./@0123456789", r) }) {
		for _, word := range words {
			if part == word {
				return true
			}
		}
	}
	return false
}

func isShare(m program.Metric) bool {
	return isAccuracy(m) || named(m, "rate", "share", "fraction", "precision", "recall", "probability")
}

func isAccuracy(m program.Metric) bool { return named(m, "accuracy", "accuracies", "acc") }

func isMargin(m program.Metric) bool { return named(m, "margin", "margins") }

func isNLL(m program.Metric) bool { return !m.Exp && named(m, "nll", "ce", "xent", "entropy") }

func isPerplexity(m program.Metric) bool { return named(m, "perplexity", "ppl") }

// read is a metric's value on one batch; false where it has none.
func read(e *sdktest.Evaluation, m program.Metric) (float64, bool) {
	count := e.Number(m.Count)
	if count == 0 {
		return 0, false
	}
	if m.Exp {
		return math.Exp(e.Number(m.Sum) / count), true
	}
	return e.Number(m.Sum) / count, true
}

// metrics checks that values match their names.
func (l *loss) metrics() error {
	if err := l.ranges(); err != nil {
		return err
	}
	for _, m := range l.p.Metrics {
		var err error
		switch {
		case isPerplexity(m):
			err = l.perplexity(m)
		case l.Setting&unusual == 0 && (isAccuracy(m) || isMargin(m)): // at a bound a model may order nothing
			err = l.ordering(m)
		}
		if err != nil {
			return err
		}
	}
	l.Note = fmt.Sprintf("%d metrics", len(l.p.Metrics))
	return nil
}

// ranges checks the metrics of many batches.
func (l *loss) ranges() error {
	seen := map[string]bool{}
	for range 12 {
		in := l.draw.batch(3, 3, 4)
		e, err := l.evaluate(in)
		if err != nil {
			return err
		}
		for _, m := range l.p.Metrics {
			v, has := read(e, m)
			want := ""
			switch {
			case !has || seen["metric "+m.Name]:
			case isShare(m) && (v < -1e-9 || v > 1+1e-9):
				want = "a share is between 0 and 1: is the count the number of cases?"
			case isNLL(m) && v < -1e-9:
				want = "log-probabilities are negative; a likelihood or entropy metric uses their Neg"
			case isPerplexity(m) && v < 1-1e-9:
				want = "a perplexity is at least 1: it is the exponential of a mean of −log-probabilities, with Exp: true"
			}
			if want != "" {
				seen["metric "+m.Name] = true
				l.Find(check.Finding{
					Text:   fmt.Sprintf("metric %s is %s", m.Name, sdktest.Numbers(v)),
					Cause:  want,
					Places: l.Places(m.Sum),
					Probe:  l.show(in),
				})
			}
		}
	}
	return nil
}

// perplexity runs a model that gives every token the probability 1/7.
func (l *loss) perplexity(m program.Metric) error {
	in := mapped(l.draw.batch(3, 2, 5), func(float64) float64 { return -math.Log(7) })
	e, err := l.evaluate(in)
	if err != nil {
		return err
	}
	if v, has := read(e, m); has && math.Abs(v-7) > 1e-6 {
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"metric %s is %s for a model that gives every label token the probability 1/7; its perplexity is 7",
				m.Name,
				sdktest.Numbers(v),
			),
			Cause:  "the count must be the number of label tokens whose log-probabilities the sum has, and logarithms natural",
			Places: l.Places(m.Sum), Probe: l.show(in),
		})
	}
	return nil
}

// ordering runs a model that orders everything right, and one that orders
// everything wrong.
func (l *loss) ordering(m program.Metric) error {
	reads := func(prefix string) bool {
		return l.from(m.Sum, func(i op.Input) bool { return strings.HasPrefix(i.Name, prefix) })
	}
	if !l.draw.scored() || !reads(l.score()) || !reads("policy.logps") && !reads("rewards") {
		return nil
	}
	var found [2]float64
	var in sdktest.Inputs
	for i, better := range []float64{1, -1} {
		in = l.ranked(better)
		e, err := l.evaluate(in)
		if err != nil {
			return err
		}
		v, has := read(e, m)
		if !has {
			return nil
		}
		found[i] = v
	}
	switch {
	case found[0] < found[1]:
		l.Find(check.Finding{Text: fmt.Sprintf(
			"metric %s is %s for a model that ranks candidates by their scores, and %s for one that ranks them the other way round",
			m.Name,
			sdktest.Numbers(found[0]),
			sdktest.Numbers(found[1]),
		),
			Cause: "a comparison is the wrong way round", Places: l.Places(m.Sum), Probe: l.show(in)})
	case isAccuracy(m) && math.Abs(found[0]-1) > 1e-9:
		l.Find(check.Finding{Text: fmt.Sprintf(
			"metric %s is %s for a model that ranks candidates by their scores; want 1",
			m.Name,
			sdktest.Numbers(found[0]),
		),
			Cause: "the count includes what the sum never can: pairs of a candidate with itself, both directions of a pair, or padding", Places: l.Places(m.Count), Probe: l.show(in)})
	}
	return nil
}

// ranked is a batch of answers of equal length whose log-probabilities follow
// their scores: better answers are likelier if better is 1, less likely if -1.
func (l *loss) ranked(better float64) sdktest.Inputs {
	in := l.draw.fill([][]int{{2, 2, 2}, {2, 2}, {2, 2, 2, 2}})
	for b, rewards := range in.Rewards {
		for k := range rewards {
			rewards[k] = better * math.Tanh(in.Columns[l.draw.score][b][k])
		}
	}
	for b, prompt := range in.Logps {
		for k, row := range prompt {
			for i := range row {
				row[i] = -3 + better*math.Tanh(in.Columns[l.draw.score][b][k])
				in.RefLogps[b][k][i] = -3
			}
		}
	}
	return in
}
