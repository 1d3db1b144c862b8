package train

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// progress is what a loop keeps from step to step besides weights, optimizer
// and order: the sums of the log entry that is under way, and what was done.
type progress struct {
	TrainedTokens int64         `json:"trained_tokens"`
	Evaluated     int           `json:"evaluated"` // the step of the last evaluation
	Steps         int           `json:"steps"`     // of the log entry under way, as all below
	Loss          number        `json:"loss"`
	Terms         []number      `json:"terms"`
	Metrics       []metricSums  `json:"metrics"`
	Tokens        int           `json:"tokens"`
	Spent         time.Duration `json:"nanoseconds"`
}

type metricSums struct {
	Name  string `json:"name"`
	Sum   number `json:"sum"`
	Count number `json:"count"`
	Exp   bool   `json:"exp,omitempty"`
}

// number is a float64 that JSON holds exactly, as a string where it is not finite.
type number float64

// MarshalJSON writes the shortest text that reads back to n.
func (n number) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(n), 'g', -1, 64)
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		text = strconv.Quote(text)
	}
	return []byte(text), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *number) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*n = number(v)
	return err
}

// Progress returns what a checkpoint keeps so that Restore lets another loop go
// on to the same log entries.
func (l *Loop) Progress() json.RawMessage {
	w := l.window
	p := progress{TrainedTokens: l.TrainedTokens, Evaluated: l.evaluated, Steps: w.steps, Loss: number(w.loss), Tokens: w.tokens, Spent: w.spent}
	for _, term := range w.terms {
		p.Terms = append(p.Terms, number(term))
	}
	for _, m := range w.metrics.list {
		p.Metrics = append(p.Metrics, metricSums{m.name, number(m.sum), number(m.count), m.exp})
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // p holds plain values alone
	}
	return text
}

// Restore puts back what Progress returned, before Run.
func (l *Loop) Restore(saved json.RawMessage) error {
	var p progress
	if err := json.Unmarshal(saved, &p); err != nil {
		return fmt.Errorf("progress of the run: %w", err)
	}
	l.TrainedTokens, l.evaluated = p.TrainedTokens, p.Evaluated
	l.window = window{steps: p.Steps, loss: float64(p.Loss), tokens: p.Tokens, spent: p.Spent}
	for _, term := range p.Terms {
		l.window.terms = append(l.window.terms, float64(term))
	}
	for _, m := range p.Metrics {
		l.window.metrics.list = append(l.window.metrics.list, metric{m.Name, float64(m.Sum), float64(m.Count), m.Exp})
	}
	return nil
}
