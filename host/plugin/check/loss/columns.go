package loss

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/formatter"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk"
)

// column is what is known about the numbers of a data column. What the loss
// declares takes precedence, then what the formatter of its task declares and
// gives, and last what the name suggests: see roleByName.
type column struct {
	role     sdk.ColumnRole
	set      []float64 // one of these; nil: any number within the bounds
	min, max *float64  // nil if unbounded
	examples []float64 // example values, where others are possible too
}

// roleByName guesses the role of a column for which neither loss nor formatter
// declares one from its name: the only place where a name means anything.
func roleByName(input string) sdk.ColumnRole {
	switch {
	case input == "column.score":
		return sdk.ScoreRole
	case strings.Contains(input, "weight"):
		return sdk.WeightRole
	}
	return sdk.NumberRole
}

// declared is a column as the loss declares it, with what is known about its
// data.
func declared(use sdk.ColumnUse, seen column, isSeen bool) column {
	c := seen
	if use.Role != sdk.NumberRole {
		c.role = use.Role
	}
	if c.role == sdk.NumberRole {
		c.role = roleByName(use.Input)
	}
	if use.Min != nil || use.Max != nil {
		c.set = nil
		c.min = use.Min
		c.max = use.Max
	}
	switch {
	case use.Values == nil:
	case c.role == sdk.NumberRole && c.min == nil && c.max == nil:
		c.set = use.Values
	default:
		c.examples = use.Values
	}
	switch {
	case c.role == sdk.MaskRole:
		c.set = []float64{0, 1}
	case c.role == sdk.WeightRole && !isSeen && c.min == nil:
		c.min = new(float64)
	}
	return c
}

// free reports whether the column may hold any real number.
func (c column) free() bool { return c.set == nil && c.min == nil && c.max == nil }

// mayBeZero reports whether a column of bounded numbers may hold 0.
func (c column) mayBeZero() bool {
	return c.set == nil && c.min != nil && *c.min <= 0 && (c.max == nil || *c.max >= 0)
}

// number draws one number.
func (c column) number(rng *rand.Rand) float64 {
	const span = 2 // of a column with one bound
	switch {
	case c.set != nil:
		return c.set[rng.IntN(len(c.set))]
	case c.min != nil && c.max != nil:
		x := numbers.Rounded(*c.min + (*c.max-*c.min)*rng.Float64())
		return math.Min(math.Max(x, *c.min), *c.max)
	case c.min != nil:
		return *c.min + numbers.Rounded(0.1*span+0.9*span*rng.Float64())
	case c.max != nil:
		return *c.max - numbers.Rounded(0.1*span+0.9*span*rng.Float64())
	}
	return numbers.Rounded(rng.NormFloat64() * 1.5)
}

// knowledge is what is known about a loss's data.
type knowledge struct {
	columns    map[string]column // by input name
	candidates int               // of every prompt, if always the same number above 1; else 0
}

// learn finds out what a loss is given, by running the formatter of a task that
// uses the loss on generated records.
func learn(t *check.Trial) knowledge {
	for _, task := range t.Tasks() {
		if task.Loss != t.Component || task.Formatter == nil {
			continue
		}
		gives, examples, err := formatter.Examples(t, task.Formatter, nil)
		if err == nil {
			return learned(gives, examples)
		}
	}
	return knowledge{}
}

// learned describes each column by what the formatter declares, and by the
// numbers that occurred.
func learned(gives []sdk.Output, examples []sdk.Example) knowledge {
	seen := map[string][]float64{}
	for _, e := range examples {
		for name, v := range e.Columns {
			seen["example_column."+name] = append(seen["example_column."+name], v)
		}
		for _, c := range e.Candidates {
			for name, v := range c.Columns {
				seen["column."+name] = append(seen["column."+name], v)
			}
		}
	}
	k := knowledge{columns: map[string]column{}, candidates: alwaysAsMany(examples)}
	for name, numbers := range seen {
		if len(numbers) >= 20 {
			k.columns[name] = kindOf(numbers)
		}
	}
	for _, output := range gives {
		c, has := k.columns[output.Input()]
		if has || output.Role != sdk.NumberRole {
			c.role = output.Role
			k.columns[output.Input()] = c
		}
	}
	return k
}

// alwaysAsMany is how many candidates every example has, 0 if that varies or
// there is one.
func alwaysAsMany(examples []sdk.Example) int {
	n := 0
	for _, e := range examples {
		if n > 0 && len(e.Candidates) != n {
			return 0
		}
		n = len(e.Candidates)
	}
	if n < 2 {
		return 0
	}
	return n
}

// kindOf classifies numbers: a few recurring ones, or any.
func kindOf(found []float64) column {
	distinct := slices.Clone(found)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	switch {
	case len(distinct) > 1 && len(distinct) <= 4:
		return column{set: distinct}
	case distinct[0] >= 0:
		return column{min: new(float64)}
	}
	return column{}
}

// described describes the columns that a program reads, by input name.
func described(trace *plugin.Trace, known knowledge) map[string]column {
	columns := map[string]column{}
	for _, use := range trace.Columns {
		seen, isSeen := known.columns[use.Input]
		columns[use.Input] = declared(use, seen, isSeen)
	}
	return columns
}
