package train

import (
	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/metrics"
	"llmhost/sdk/program"
)

// totals adds up what the means over a step are made of.
type totals struct {
	globals     []program.Global
	sums, count []float64
}

func newTotals(p *program.Program) *totals {
	globals := p.Globals()
	return &totals{globals, make([]float64, len(globals)), make([]float64, len(globals))}
}

// add takes one batch's parts; none where they are known already.
func (t *totals) add(parts []exec.Fraction) {
	for i, part := range parts {
		sum, count := part.Read()
		t.sums[i] += sum
		t.count[i] += count
	}
}

// means are the values by node, 0 for a count of 0.
func (t *totals) means() map[int]float64 {
	means := map[int]float64{}
	for i, g := range t.globals {
		if t.count[i] != 0 {
			means[g.Node] = t.sums[i] / t.count[i]
		} else {
			means[g.Node] = 0
		}
	}
	return means
}

// addPreferences takes the rewards [B*K] of a batch whose candidates are ordered
// by a column.
func addPreferences(c *metrics.Calibration, b *data.Batch, column string, rewards []float64) {
	scores := b.Columns[column]
	if rewards == nil || scores == nil {
		return
	}
	for g := range b.B {
		var r, s []float64
		for k := g * b.K; k < (g+1)*b.K; k++ {
			if b.Real[k] {
				r, s = append(r, rewards[k]), append(s, float64(scores[k]))
			}
		}
		c.AddPreferences(r, s)
	}
}
