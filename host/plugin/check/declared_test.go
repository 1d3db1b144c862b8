package check_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// What plugins declare is what these tests are about: roles, values, examples
// and what is meant.

func checkedLoss(t *testing.T, trace sound) *check.Report {
	t.Helper()
	return checked(t, sdk.Plugin{Name: "declared", Version: "1", Losses: []sdk.LossSpec{sdk.NewLoss("declared", "", trace)}}, check.Options{})
}

func checkedFormatter(t *testing.T, f sdk.Formatter) *check.Report {
	t.Helper()
	return checked(t, sdk.Plugin{Name: "declared", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("declared", "", f)}}, check.Options{})
}

// found are the checks that found something wrong.
func found(r *check.Report) (names []string) {
	for _, f := range r.Findings {
		if !f.Allowed && !f.Warning {
			names = append(names, f.Check)
		}
	}
	return names
}

// weighed multiplies a column into the likelihood, to a power.
func weighed(power float64, name string, options ...sdk.ColumnOption) sound {
	return func(g *sdk.Graph) sdk.Objective {
		w := g.Column(name, options...)
		if power != 1 {
			w = w.Mul(w)
		}
		return objective(g.Logps().Sum(-1).Neg().Mul(w).Sum(), g.Real().Sum())
	}
}

// The role says what a weight is, whatever its name.
func TestARoleMakesAWeight(t *testing.T) {
	report := checkedLoss(t, weighed(1, "share", sdk.Role(sdk.WeightRole)))
	require.True(t, report.OK(), report.Text())
	require.Contains(t, report.Text(), "three times the weight gives three times the sum")
	require.Contains(t, found(checkedLoss(t, weighed(2, "share", sdk.Role(sdk.WeightRole)))), "weights")
	require.NotContains(t, found(checkedLoss(t, weighed(2, "share"))), "weights", "nothing says what it is")
	require.Contains(t, found(checkedLoss(t, weighed(2, "weight"))), "weights", "its name says so, and nothing else does")
	require.NotContains(t, found(checkedLoss(t, weighed(2, "weight", sdk.Role(sdk.RewardRole)))), "weights", "its role says that it is none")
}

// ranked prefers candidates by a column, the wrong way round where up is -1.
func ranked(up float64, name string, options ...sdk.ColumnOption) sound {
	return func(g *sdk.Graph) sdk.Objective {
		score, real := g.Column(name, options...), g.Real()
		better := score.Unsqueeze(2).Gt(score.Unsqueeze(1)).And(real.Unsqueeze(2)).And(real.Unsqueeze(1))
		p := meanLogp(g).MulScalar(up)
		gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
		return objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
	}
}

// The role says what orders candidates, whatever its name.
func TestARoleMakesAScore(t *testing.T) {
	report := checkedLoss(t, ranked(1, "preference", sdk.Role(sdk.ScoreRole)))
	require.True(t, report.OK(), report.Text())
	require.Contains(t, report.Text(), "better candidates are pushed up")
	require.Contains(t, report.Text(), "1 terms depend only on the order of scores")
	require.Contains(t, found(checkedLoss(t, ranked(-1, "preference", sdk.Role(sdk.ScoreRole)))), "direction")
	report = checkedLoss(t, ranked(-1, "preference"))
	require.NotContains(t, found(report), "direction")
	require.Contains(t, report.Text(), "no column says what is better")
	report = checkedLoss(t, ranked(1, "preference", sdk.Role(sdk.ScoreRole), sdk.Range(0, 1)))
	require.True(t, report.OK(), report.Text())
	require.Contains(t, report.Text(), "scores are bounded, so that they cannot be moved")
}

// A column holds the values that are declared, and numbers of its range.
func TestValuesAndRangesAreKept(t *testing.T) {
	logOf := func(options ...sdk.ColumnOption) sound { // infinite where the column is 0 or below
		return func(g *sdk.Graph) sdk.Objective {
			x := g.Column("level", options...).Where(g.Real(), 1)
			return objective(g.Logps().Sum(-1).Neg().Mul(x.Log()).Where(g.Real(), 0).Sum(), g.Real().Sum())
		}
	}
	require.Contains(t, found(checkedLoss(t, logOf())), "finite")
	for _, option := range []sdk.ColumnOption{sdk.Range(0.5, 4), sdk.Values(1, 2.5)} {
		report := checkedLoss(t, logOf(option))
		require.NotContains(t, found(report), "finite", report.Text())
	}
	// Beside a role values are tried too.
	require.Contains(t, found(checkedLoss(t, func(g *sdk.Graph) sdk.Objective {
		far := g.Column("reward", sdk.Role(sdk.RewardRole), sdk.Values(5000)).SubScalar(60).Relu().Exp()
		return objective(g.Logps().Sum(-1).Neg().Mul(far).Where(g.Real(), 0).Sum(), g.Real().Sum())
	})), "finite")
}

// What a loss means is no fault, and the report says why.
func TestAPluginAllowsWhatItMeans(t *testing.T) {
	const why = "the weight is a constant by eq. 5"
	paced := func(allow map[string]string) sound {
		return func(g *sdk.Graph) sdk.Objective {
			p := meanLogp(g)
			o := objective(p.Neg().Mul(p.Exp().Detach()).Where(g.Real(), 0).Sum(), g.Real().Sum())
			o.Allow = allow
			return o
		}
	}
	require.Equal(t, []string{"detach"}, found(checkedLoss(t, paced(nil))))
	require.Equal(t, []string{"detach"}, found(checkedLoss(t, paced(map[string]string{"jumps": why}))))
	report := checkedLoss(t, paced(map[string]string{"detach": why}))
	require.True(t, report.OK(), report.Text())
	require.Contains(t, report.Text(), "allowed by the plugin: "+why+"\n           term loss: by ")
	require.Contains(t, report.Text(), "nothing wrong, 1 to note")
	require.Equal(t, why, report.Findings[0].Why)

	report = checkedLoss(t, paced(map[string]string{"detach": why, "detahc": why}))
	require.Equal(t, []string{"parameters"}, found(report))
	require.Contains(t, report.Text(), "there is no check called detahc; did you mean detach?")
}

// told is a formatter that says what it gives and gives examples of its fields.
type told struct {
	examples []string
	gives    []sdk.Output
	allow    map[string]string
}

func (f told) Columns() []sdk.Column {
	return []sdk.Column{{Name: "code", Type: sdk.String, Required: true, Examples: f.examples}}
}

func (f told) Gives() []sdk.Output      { return f.gives }
func (f told) Allow() map[string]string { return f.allow }

func (f told) Format(r *sdk.Row, o *sdk.Out) error {
	question, answer, isCode := strings.Cut(r.Str(0), " ==> ")
	if !isCode {
		return errors.New("code has no arrow")
	}
	o.Candidate(question, answer).Set("score", 1)
	return nil
}

// Examples of fields are records to try, and must be such.
func TestExamplesOfFieldsAreTried(t *testing.T) {
	report := checkedFormatter(t, told{examples: []string{`"one ==> two"`, `"three ==> four"`}})
	require.True(t, report.OK(), report.Text())
	require.Empty(t, report.Findings)
	require.Contains(t, report.Text(), "2 of 402 records become examples")

	report = checkedFormatter(t, told{examples: []string{`"one -> two"`}})
	require.Equal(t, []string{"records"}, found(report))
	require.Contains(t, report.Text(), `makes no example from its columns' declared examples; the first error: the error "code has no arrow"`)
	report = checkedFormatter(t, told{examples: []string{`"one -> two"`}, allow: map[string]string{"records": "shows what is refused"}})
	require.False(t, report.Wrong(), report.Text())
	require.Contains(t, report.Unseen(), "texts", "without an example there is nothing to look at")
}

// What a formatter says that it gives is what it gives.
func TestOutputsAreGiven(t *testing.T) {
	examples := []string{`"one ==> two"`}
	report := checkedFormatter(t, told{examples: examples, gives: []sdk.Output{{Name: "score", Role: sdk.ScoreRole}}})
	require.True(t, report.OK(), report.Text())
	report = checkedFormatter(t, told{examples: examples, gives: []sdk.Output{{Name: "score", Kind: sdk.ExampleColumn}}})
	require.Equal(t, []string{"columns"}, found(report))
	require.Contains(t, report.Text(), `declares that it gives ["example_column.score"], but its examples have ["column.score"]`)
}
