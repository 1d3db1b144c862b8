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

func isAccuracy(m program.Metric) bool {
	return named(m, "accuracy", "accuracies", "acc", "win", "wins", "winrate")
}

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
		case isNLL(m):
			err = l.natural(m)
		case isAccuracy(m) && l.ofClasses(m):
			err = l.classAccuracy(m)
		case l.Setting&unusual == 0 && l.sideOf(m) != 0:
			err = l.sided(m)
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

// natural runs a model that gives every token the probability 1/7 past a likelihood.
func (l *loss) natural(m program.Metric) error {
	e, err := l.evaluate(mapped(l.draw.batch(3, 2, 5), func(float64) float64 { return -math.Log(7) }))
	if err != nil {
		return err
	}
	v, has := read(e, m)
	for unit, of := range map[string]float64{"bits": math.Log2(7), "powers of ten": math.Log10(7)} {
		if has && math.Abs(v-of) < 1e-6 {
			l.Find(check.Finding{
				Text:   fmt.Sprintf("metric %s is %s for a model that gives every label token the probability 1/7: it counts in %s, while losses and log-probabilities are in nats", m.Name, sdktest.Numbers(v), unit),
				Cause:  "a logarithm of another base; leave it natural, or say the unit in the name",
				Places: l.Places(m.Sum),
			})
		}
	}
	return nil
}

// ofClasses reports whether a metric compares class logits with labels.
func (l *loss) ofClasses(m program.Metric) bool {
	reads := func(prefix string) bool {
		return l.from(m.Sum, func(i op.Input) bool { return strings.HasPrefix(i.Name, prefix) })
	}
	return reads("logits.") && reads("label.")
}

// classAccuracy runs a model that gives every prompt its class, and one that gives
// it another.
func (l *loss) classAccuracy(m program.Metric) error {
	var found [2]float64
	in := l.draw.batch(4, 1, 2)
	for i, off := range []int{0, 1} {
		e, err := l.evaluate(l.certain(in, off))
		if err != nil {
			return err
		}
		v, has := read(e, m)
		if !has {
			return nil
		}
		found[i] = v
	}
	if found[0] > found[1] && math.Abs(found[0]-1) < 1e-9 {
		return nil
	}
	l.Find(check.Finding{
		Text:   fmt.Sprintf("metric %s is %s for a model that gives every prompt the class of its label, and %s for one that gives it another; want 1, and less", m.Name, sdktest.Numbers(found[0]), sdktest.Numbers(found[1])),
		Cause:  "the least likely class is taken, another head's, or the count includes what the sum never can",
		Places: l.Places(m.Sum), Probe: l.show(l.certain(in, 0)),
	})
	return nil
}

// certain is the batch of a model that is certain of the class off from each label.
func (l *loss) certain(in sdktest.Inputs, off int) sdktest.Inputs {
	logits := map[string][][]float64{}
	for head, rows := range in.Logits {
		for b, row := range rows {
			own := make([]float64, len(row))
			if labels := in.Labels[head]; labels != nil {
				own[(labels[b]+off)%len(row)] = 10
			}
			logits[head] = append(logits[head], own)
		}
	}
	in.Logits = logits
	return in
}

// sideOf is 1 for a metric whose name says that it is about the better candidates,
// -1 for the worse ones, else 0.
func (l *loss) sideOf(m program.Metric) int {
	better, worse := named(m, "chosen", "better", "preferred"), named(m, "rejected", "worse")
	switch {
	case better == worse || !l.draw.scored():
		return 0
	case better:
		return 1
	}
	return -1
}

// sided raises what the model computes of the best candidates, and then of the worst
// ones: a metric must be about those that its name says.
func (l *loss) sided(m program.Metric) error {
	in := l.ranked(1)
	var moved [2]float64
	for i, standing := range []float64{1, 0} {
		raise := func(b, k int) float64 {
			if l.standing(in, b, k) == standing {
				return 0.1
			}
			return 0
		}
		was, err := l.evaluate(in)
		if err != nil {
			return err
		}
		is, err := l.evaluate(raised(in, raise))
		if err != nil {
			return err
		}
		before, has := read(was, m)
		after, _ := read(is, m)
		if !has {
			return nil
		}
		moved[i] = math.Abs(after - before)
	}
	own, other := moved[0], moved[1]
	if l.sideOf(m) < 0 {
		own, other = other, own
	}
	if own < 1e-9 && other > 1e-6 {
		l.Find(check.Finding{
			Text:   fmt.Sprintf("metric %s does not change with the candidates that its name says, and changes with the others", m.Name),
			Cause:  "chosen and rejected are mixed up: the chosen candidate of a pair is the one of the higher score",
			Places: l.Places(m.Sum), Probe: l.show(in),
		})
	}
	return nil
}

// raised adds to log-probabilities and rewards of each candidate.
func raised(in sdktest.Inputs, by func(b, k int) float64) sdktest.Inputs {
	out := mapped(in, func(x float64) float64 { return x })
	out.RefLogps = in.RefLogps
	for b, prompt := range out.Logps {
		for k, row := range prompt {
			for i := range row {
				row[i] += by(b, k)
			}
		}
	}
	out.Rewards = applied2(in.Rewards, func(x float64) float64 { return x })
	for b, row := range out.Rewards {
		for k := range row {
			row[k] += by(b, k)
		}
	}
	return out
}

// ordering runs a model that orders everything right, and one that orders
// everything wrong.
func (l *loss) ordering(m program.Metric) error {
	reads := func(prefix string) bool {
		return l.from(m.Sum, func(i op.Input) bool { return strings.HasPrefix(i.Name, prefix) })
	}
	if !l.draw.scored() || !reads(l.score()) {
		return nil
	}
	if !l.from(m.Sum, func(i op.Input) bool { return i.FromModel }) {
		l.ofData(m)
		return nil
	}
	if !reads("policy.logps") && !reads("rewards") {
		return nil
	}
	var found [3]float64
	var in sdktest.Inputs
	for i, better := range []float64{1, -1, 0} {
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
	case isAccuracy(m) && math.Abs(found[0]-1) < 1e-9 && math.Abs(found[2]-1) < 1e-9:
		l.Find(check.Finding{Text: fmt.Sprintf(
			"metric %s is 1 for a model to which all candidates are the same: it counts a tie as right",
			m.Name,
		),
			Cause: "Ge is used instead of Gt: a model that is its reference, as at the first step, would be right about everything", Places: l.Places(m.Sum), Probe: l.show(in)})
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

// ofData reports an accuracy that does not depend on the model.
func (l *loss) ofData(m program.Metric) {
	if !isAccuracy(m) {
		return
	}
	l.Find(check.Finding{
		Text:   fmt.Sprintf("metric %s is computed from data alone, whatever the model says", m.Name),
		Cause:  "the scores are compared with themselves; compare what the model gives",
		Places: l.Places(m.Sum),
	})
}

// ranked is a batch of answers of equal length whose log-probabilities follow
// their scores: better answers are likelier if better is 1, less likely if -1, and as
// likely as others if 0.
func (l *loss) ranked(better float64) sdktest.Inputs {
	in := l.draw.fill([][]int{{2, 2, 2}, {2, 2}, {2, 2, 2, 2}})
	in.States = nil // the same for all models that are compared
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
