package train

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"llmhost/host/jsonerror"
	"llmhost/host/tensor"
)

// progress is what a loop keeps from step to step besides weights, optimizer
// and order: the sums of the unfinished log entry, and what was done.
type progress struct {
	TrainedTokens int64         `json:"trained_tokens"`
	Evaluated     int           `json:"evaluated"` // the step of the last evaluation
	Steps         int           `json:"steps"`     // of the unfinished log entry, as all below
	Loss          number        `json:"loss"`
	Terms         []number      `json:"terms"`
	Metrics       []metricSums  `json:"metrics"`
	Tokens        int           `json:"tokens"`
	Spent         time.Duration `json:"nanoseconds"`
	Best          *bestSoFar    `json:"best,omitempty"`
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

// Progress returns what a checkpoint keeps so that after Restore another loop
// writes the same log entries.
func (l *Loop) Progress() json.RawMessage {
	w := l.window
	p := progress{
		TrainedTokens: l.TrainedTokens,
		Evaluated:     l.evaluated,
		Steps:         w.steps,
		Tokens:        w.tokens,
		Spent:         w.spent,
	}
	if l.Best.Metric != "" {
		p.Best = &l.best
	}
	if w.steps > 0 {
		p.setSums(w.read())
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err) // p holds plain values alone
	}
	return text
}

// setSums sets the sums of an unfinished log entry.
func (p *progress) setSums(sums Measured) {
	p.Loss = number(sums.Loss)
	for _, term := range sums.Terms {
		p.Terms = append(p.Terms, number(term))
	}
	for _, m := range sums.Metrics.list {
		p.Metrics = append(p.Metrics, metricSums{m.name, number(m.sum), number(m.count), m.exp})
	}
}

// sums lays out what setSums set, as stepSums.values does.
func (p *progress) sums() []float64 {
	values := []float64{float64(p.Loss)}
	for _, term := range p.Terms {
		values = append(values, float64(term))
	}
	for _, m := range p.Metrics {
		values = append(values, float64(m.Sum), float64(m.Count))
	}
	return append(values, 0) // a gradient norm is not added up
}

// Restore restores what Progress returned, before Run.
func (l *Loop) Restore(saved json.RawMessage) error {
	var p progress
	if err := json.Unmarshal(saved, &p); err != nil {
		return fmt.Errorf("progress of the run: %w", jsonerror.Explain(saved, err))
	}
	l.TrainedTokens = p.TrainedTokens
	l.evaluated = p.Evaluated
	if p.Best != nil && p.Best.Metric == l.Best.Metric { // that of another metric says nothing
		l.best = *p.Best
	}
	if p.Steps == 0 {
		return nil
	}
	loss := l.Trainer.Objective
	if terms, metrics := len(loss.Program().Terms), len(loss.Program().Metrics); len(p.Terms) != terms ||
		len(p.Metrics) != metrics {
		return fmt.Errorf(
			"progress of the run: it has sums of %d terms and %d metrics; want the %d and %d of the loss",
			len(p.Terms),
			len(p.Metrics),
			terms,
			metrics,
		)
	}
	l.window = window{
		program: loss.Program(),
		steps:   p.Steps,
		pace:    pace{p.Tokens, p.Spent},
	}
	l.window.sums = tensor.Of(loss.Device(), p.sums()).Own()
	return nil
}
