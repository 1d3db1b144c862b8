package conformance_test

import (
	"fmt"
	"math"
	"testing"

	"llmhost/host/metrics"

	"github.com/stretchr/testify/require"
)

// covered are the cases of the folder metrics that a training run measures.
var covered = map[string]func(t *testing.T, f fixtures){"ece": checkECE, "reward_metrics": checkRewardMetrics}

func skipMetrics(_ fixtures, name string) string {
	if covered[name] == nil {
		return "not covered yet: llmhost has no command that measures it"
	}
	return ""
}

func checkMetrics(t *testing.T, f fixtures, name string) { covered[name](t, f) }

func checkECE(t *testing.T, f fixtures) {
	all := read[struct {
		Cases []struct {
			Name    string
			Truth   []float64 `json:"y_true"`
			Prob    []float64 `json:"y_prob"`
			Results []struct {
				Strategy      string
				Bins          int
				ECE, ACE, MCE float64
			}
		}
	}](t, f, "metrics", "ece")
	for _, c := range all.Cases {
		var got metrics.Calibration
		for i, p := range c.Prob {
			got.Add(p, c.Truth[i] != 0)
		}
		for _, r := range c.Results {
			t.Run(fmt.Sprintf("%s/%s_%d", c.Name, r.Strategy, r.Bins), func(t *testing.T) {
				e := got.Errors(r.Bins, r.Strategy)
				require.InDeltaSlice(t, []float64{r.ECE, r.ACE, r.MCE}, []float64{e.ECE, e.ACE, e.MCE}, exactTolerance)
			})
		}
	}
}

func checkRewardMetrics(t *testing.T, f fixtures) {
	c := read[struct {
		Rewards, Scores [][]float64
		Bins            []int `json:"calibration_bins"`
		Results         map[string]float64
	}](t, f, "metrics", "reward_metrics")
	var got metrics.Calibration
	for i := range c.Rewards {
		k := 0
		for k < len(c.Scores[i]) && c.Scores[i][k] != padScore {
			k++
		}
		got.AddPreferences(c.Rewards[i][:k], c.Scores[i][:k])
	}
	for _, bins := range c.Bins {
		name := fmt.Sprintf("calibration_ECE_bin%d", bins)
		require.InDelta(t, c.Results[name], got.Errors(bins, metrics.Uniform).ECE, lossTolerance, name)
	}
	require.False(t, math.IsNaN(got.Errors(5, metrics.Quantile).ECE))
}
