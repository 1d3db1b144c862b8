package check

import (
	"fmt"

	"llmhost/sdk/sdktest"
)

// tokens asks whether the first or the last label token of an answer is left
// out everywhere, which a mask that is off by one does.
func (l *loss) tokens() error {
	for _, t := range l.p.Terms {
		rows, first, last := 0, 0, 0
		var probe sdktest.Inputs
		for range 12 {
			in := l.draw.batch(3, 3, 5)
			e, err := l.evaluate(in)
			if err != nil {
				return err
			}
			for _, prompt := range in.Unpadded(e.Gradient(map[int][]float64{t.Sum: {1}})["policy.logps"]) {
				for _, g := range prompt {
					if len(g) < 3 || !anyNonZero(g) {
						continue
					}
					rows++
					first += zeroAlone(g[0], g[1:])
					last += zeroAlone(g[len(g)-1], g[:len(g)-1])
				}
			}
			probe = in
		}
		for _, c := range []struct {
			n    int
			what string
		}{{first, "first"}, {last, "last"}} {
			if rows >= 8 && c.n == rows {
				l.find(Finding{
					Text:   fmt.Sprintf("term %s: the %s label token of an answer never has a gradient, the others of %d answers do", t.Name, c.what, rows),
					Cause:  "a mask is off by one: policy.logps is shifted already, and every place with a label counts, the end token's too",
					Places: place(l.p, t.Sum), Probe: l.show(probe),
				})
			}
		}
	}
	l.note = "every label token of an answer takes part, or none"
	return nil
}

func anyNonZero(g []float64) bool {
	for _, v := range g {
		if v != 0 {
			return true
		}
	}
	return false
}

// zeroAlone is 1 where one is 0 and none of the others.
func zeroAlone(one float64, others []float64) int {
	if one != 0 {
		return 0
	}
	for _, v := range others {
		if v == 0 {
			return 0
		}
	}
	return 1
}
