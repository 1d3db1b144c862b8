package check_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/testdata/mutants"
	"llmhost/sdk"
)

// Every mutant is caught, by a check that is about its bug. Of one that can be meant
// a note is enough.
func TestMutantsAreCaught(t *testing.T) {
	all := mutants.All()
	require.GreaterOrEqual(t, len(all), 275)
	for i, m := range all {
		t.Run(m.Plugin.Name, func(t *testing.T) {
			tried := suite
			if i%everyCheck != 0 {
				tried = only(m.Checks)
			}
			if m.Plugin.Formatters == nil || !slices.Contains(tried.Names(), "memory") { // that is measured of this process
				t.Parallel()
			}
			report := checkedBeside(t, tried, m.Plugin)
			require.True(t, m.Noted || report.Wrong(), "%s\n%s", m.Bug, report.Text())
			caught := slices.ContainsFunc(report.Findings, func(f check.Finding) bool {
				return slices.Contains(m.Checks, f.Check) && (m.Noted || !f.Warning)
			})
			require.True(t, caught, "%s\n%s", m.Bug, report.Text())
		})
	}
}

// everyCheck is of how many mutants one is tried with every check, to save time.
const everyCheck = 6

// only is the suite with the checks of these names, and what they need: records.
func only(names []string) check.Suite {
	some := func(all []*check.Check) (out []*check.Check) {
		for _, c := range all {
			if slices.Contains(names, c.Name) || c.Name == "records" {
				out = append(out, c)
			}
		}
		return out
	}
	return check.Suite{Task: some(suite.Task), Loss: some(suite.Loss), Pooling: some(suite.Pooling), Formatter: some(suite.Formatter)}
}

// checkedBeside checks a plugin whose tasks may name builtin parts. What cannot be
// described is found before any check.
func checkedBeside(t *testing.T, tried check.Suite, p sdk.Plugin) *check.Report {
	t.Helper()
	ctx := context.Background()
	c, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: append([]sdk.Plugin{p}, builtin.All()...)})
	if err != nil {
		return &check.Report{Findings: []check.Finding{{Check: "load", Text: err.Error()}}}
	}
	defer c.Close(ctx)
	return tried.Plugin(ctx, c, p.Name, check.Options{Time: time.Minute}) // the machine may be busy with other tests
}
