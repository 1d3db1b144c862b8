package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
)

// However early the time is over, a sound plugin is not called wrong: what was not
// looked at is skipped, which is said and is no success.
func TestTheEndOfTheTimeIsNoFault(t *testing.T) {
	for _, limit := range []time.Duration{time.Nanosecond, 5 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond} {
		for _, spec := range []string{"dpo", "rejection_sampling", "pooling"} {
			report := checkedIn(t, plugin.Options{Builtin: builtin.All()}, spec, check.Options{Time: limit})
			require.False(t, report.Wrong(), report.Text())
			if limit == time.Nanosecond {
				require.False(t, report.OK(), report.Text())
				require.Contains(t, report.Text(), "nothing found, but not everything was looked at: ")
				require.Contains(t, report.Text(), "the time for this plugin was over; allow more with --time")
			}
		}
	}
}
