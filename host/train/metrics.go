package train

import (
	"fmt"
	"math"
	"strings"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/sdk/program"
)

// Metrics totals the metrics of a program over batches.
type Metrics struct{ list []metric }

type metric struct {
	name       string
	sum, count float64
	exp        bool
}

// Add takes in the metrics of one batch.
func (m *Metrics) Add(p *program.Program, found []exec.Fraction) {
	if m.list == nil {
		for _, d := range p.Metrics {
			m.list = append(m.list, metric{name: d.Name, exp: d.Exp})
		}
	}
	for i, f := range found {
		sum, count := f.Read()
		m.list[i].sum += sum
		m.list[i].count += count
	}
}

// Join takes in the metrics of another part of the same run.
func (m *Metrics) Join(other Metrics) {
	if m.list == nil {
		m.list = append(m.list, other.list...)
		return
	}
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

// positions names records, the first few of many.
func positions(sources []data.Position) string {
	const shown = 4
	var names []string
	for _, s := range sources {
		names = append(names, s.String())
	}
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
