package train

import (
	"math"

	"llmhost/sdk/program"
)

// Metrics totals the metrics of a program over batches. Those of evaluations are
// totalled by their counts, over all records. Those of steps are too, except for
// exponentials: a perplexity is that of the loss, which is averaged over steps.
type Metrics struct{ list []metric }

type metric struct {
	name       string
	sum, count float64
	exp        bool
}

// newMetrics takes sum and count of each metric of p, in turns.
func newMetrics(p *program.Program, numbers []float64) (m Metrics) {
	for i, d := range p.Metrics {
		m.list = append(m.list, metric{
			name:  d.Name,
			sum:   numbers[2*i],
			count: numbers[2*i+1],
			exp:   d.Exp,
		})
	}
	return m
}

// join adds the metrics of another part of the same run.
func (m *Metrics) join(other Metrics) {
	for i, o := range other.list {
		m.list[i].sum += o.sum
		m.list[i].count += o.count
	}
}

// Values calls f with each metric that had anything to count.
func (m *Metrics) Values(f func(name string, value float64)) {
	for _, d := range m.list {
		if d.count == 0 {
			continue
		}
		value := d.sum / d.count
		if d.exp {
			value = math.Exp(value)
		}
		f(d.name, value)
	}
}
