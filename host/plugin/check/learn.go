package check

import (
	"context"
	"math"
	"slices"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// knowledge is what is known of the data that a loss is given.
type knowledge struct {
	columns    map[string]values // what columns hold, by input name
	seed       uint64            // of what is drawn
	candidates int               // that every prompt has, where it is always the same number above 1; else 0
}

// learn finds out what a loss is given, by running the formatter of a task that
// uses the loss over made-up records.
func (r *run) learn(ctx context.Context, c *plugin.Component) knowledge {
	none := knowledge{seed: r.options.Seed}
	tasks, err := r.catalog.Tasks(c.Plugin)
	if err != nil {
		return none
	}
	for _, t := range tasks {
		if t.Loss != c || t.Formatter == nil {
			continue
		}
		columns, format, closed, err := opened(ctx, t.Formatter, nil)
		if err != nil {
			continue
		}
		defer closed()
		m := newMaker(t.Formatter, nil, columns, r.options.Seed)
		var records []record
		for range searched {
			records = append(records, m.record(m.plan()))
		}
		if results, err := called(format, records); err == nil {
			k := learned(results)
			k.seed = r.options.Seed
			return k
		}
	}
	return none
}

// learned describes each column by the numbers that came up.
func learned(results []sdk.Result) knowledge {
	seen := map[string][]float64{}
	k := knowledge{columns: map[string]values{}}
	same := true
	for _, r := range results {
		for name, v := range r.Example.Columns {
			seen["example_column."+name] = append(seen["example_column."+name], v)
		}
		if n := len(r.Example.Candidates); n > 0 {
			same = same && (k.candidates == 0 || k.candidates == n)
			k.candidates = n
		}
		for _, c := range r.Example.Candidates {
			for name, v := range c.Columns {
				seen["column."+name] = append(seen["column."+name], v)
			}
		}
	}
	for name, numbers := range seen {
		if len(numbers) >= 20 {
			k.columns[name] = kindOf(numbers)
		}
	}
	if !same || k.candidates < 2 {
		k.candidates = 0
	}
	return k
}

// kindOf says what numbers are like: a few values over and over, or any.
func kindOf(numbers []float64) values {
	distinct := slices.Clone(numbers)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	if len(distinct) <= 4 && len(distinct) > 1 {
		return values{set: distinct}
	}
	least := math.Inf(1)
	for _, v := range numbers {
		least = math.Min(least, v)
	}
	return values{positive: least >= 0}
}
