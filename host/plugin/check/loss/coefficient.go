package loss

import (
	"fmt"
	"math"

	"llmhost/host/plugin/check"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// otherCoefficient reports a reference that counts more or less than the model: by
// the same factor for all candidates, or for better and worse ones, also where
// other parts of the term hide that.
func (l *loss) otherCoefficient(t program.Term, in sdktest.Inputs, shares []share) (wrong bool, err error) {
	better, worse, same := factors(shares)
	if !same {
		if shares, err = l.changedShares(t, in); err != nil {
			return true, err
		}
		better, worse, same = factors(shares)
	}
	if !same || near(better, 1)+near(worse, 1) == 2 {
		return false, nil
	}
	f := check.Finding{
		Text:   fmt.Sprintf("in term %s the reference counts %s times as much as the model", t.Name, sdktest.Numbers(better)),
		Cause:  "a coefficient is applied to one of the two: form Logps().Sub(RefLogps()) first and scale that",
		Places: l.Places(t.Sum), Probe: l.show(in),
	}
	if near(better, worse) == 0 {
		f.Text = fmt.Sprintf("in term %s the reference counts %s times as much as the model for better candidates, and %s times for worse ones", t.Name, sdktest.Numbers(better), sdktest.Numbers(worse))
	} else if f.Warning, err = l.byParameter(t); err != nil {
		return true, err
	}
	if f.Warning {
		f.Cause = "a parameter scales the reference alone, which may be meant"
	}
	l.Find(f)
	return true, nil
}

// factors are the shares of better and of worse candidates, if each is the same for
// all of them, and not 0.
func factors(shares []share) (better, worse float64, same bool) {
	if len(shares) < fewestShares {
		return 0, 0, false
	}
	n := 0
	for _, s := range shares {
		of := &worse
		if s.better {
			of = &better
		}
		if *of == 0 {
			*of = s.share
			n++
		}
		if math.Abs(*of) < 1e-3 || near(s.share, *of) == 0 {
			return 0, 0, false
		}
	}
	return better, worse, n == 2
}

// changedShares are the shares of what slopes change by as the model moves: a part
// of the term that reads the model alone, and is linear in it, does not hide them.
func (l *loss) changedShares(t program.Term, in sdktest.Inputs) ([]share, error) {
	moved := in
	moved.Logps = applied3(in.Logps, func(x float64) float64 { return x - 0.3*l.draw.rng.Float64() })
	var slopes [2][][]float64
	for i, batch := range []sdktest.Inputs{in, moved} {
		gradient, err := l.logpGradient(batch, t.Sum)
		if err != nil {
			return nil, err
		}
		slopes[i] = perCandidate(gradient)
	}
	var shares []share
	for b, prompt := range slopes[0] {
		for k, slope := range prompt {
			change := slopes[1][b][k] - slope
			if math.Abs(change) < 1e-4 {
				continue
			}
			before, err := l.referenceSlope(t, in, b, k, every)
			if err != nil {
				return nil, err
			}
			after, err := l.referenceSlope(t, moved, b, k, every)
			if err != nil {
				return nil, err
			}
			shares = append(shares, share{-(after - before) / change, float64(len(in.Logps[b][k])), l.standing(in, b, k) == 1})
		}
	}
	return shares, nil
}

// byParameter reports whether a number among the parameters scales the reference and
// not the model: then it is what that parameter is for.
func (l *loss) byParameter(t program.Term) (bool, error) {
	policy, reference, err := l.slopesAtZero(t.Name, l.Params)
	if err != nil {
		return false, ofOthers(err)
	}
	for _, p := range l.Component.Params {
		for _, v := range check.Inner(p) {
			with := map[string]any{}
			for name, own := range l.Params {
				with[name] = own
			}
			with[p.Name] = v
			otherPolicy, otherReference, err := l.slopesAtZero(t.Name, with)
			if err != nil {
				if err = ofOthers(err); err != nil {
					return false, err
				}
				continue
			}
			if near(policy, otherPolicy) == 1 && near(reference, otherReference) == 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// slopesAtZero are the sizes of a term's slopes by model and reference where both are
// almost certain, so that no other part of the term changes with a coefficient.
func (l *loss) slopesAtZero(term string, params map[string]any) (policy, reference float64, err error) {
	trace, err := l.Retrace(params)
	if err != nil {
		return 0, 0, err
	}
	other := &loss{Trial: l.Trial, p: &sdktest.Traced{Program: trace.Program, Places: trace.Locations}, draw: newDrawer(l.Trial, trace)}
	in := mapped(other.draw.fill([][]int{{2, 3}, {3, 2}}), func(float64) float64 { return -1e-4 })
	in.RefLogps = applied3(in.Logps, func(x float64) float64 { return x })
	for _, t := range trace.Terms {
		if t.Name != term {
			continue
		}
		gradient, err := other.logpGradient(in, t.Sum)
		if err != nil {
			return 0, 0, err
		}
		for b, prompt := range perCandidate(gradient) {
			for k, slope := range prompt {
				own, err := other.referenceSlope(t, in, b, k, every)
				if err != nil {
					return 0, 0, err
				}
				policy += math.Abs(slope)
				reference += math.Abs(own)
			}
		}
	}
	return policy, reference, nil
}
