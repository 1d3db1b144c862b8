package check_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/testdata/mutants"
)

// Every mutant is caught, by a check that is about its bug.
func TestMutantsAreCaught(t *testing.T) {
	all := mutants.All()
	require.GreaterOrEqual(t, len(all), 90)
	for _, m := range all {
		t.Run(m.Plugin.Name, func(t *testing.T) {
			if m.Plugin.Formatters == nil { // those are measured by this process' memory
				t.Parallel()
			}
			report := checked(t, m.Plugin, check.Options{Time: time.Minute}) // the machine may be busy with other tests
			require.False(t, report.OK(), "%s\n%s", m.Bug, report.Text())
			caught := slices.ContainsFunc(report.Findings, func(f check.Finding) bool { return slices.Contains(m.Checks, f.Check) })
			require.True(t, caught, "%s\n%s", m.Bug, report.Text())
		})
	}
}
