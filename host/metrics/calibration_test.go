package metrics_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"llmhost/host/metrics"

	"github.com/stretchr/testify/require"
)

func TestCalibration(t *testing.T) {
	c := metrics.NewCalibration(metrics.Uniform, 2)
	require.Equal(t, []metrics.CalibrationErrors{{Bins: 2}}, c.Errors(), "nothing is 0")
	c.Add(0.5, true) // on an edge, which counts below it
	c.Add(0.3, false)
	c.Add(0.9, true)
	e := c.Errors()[0]
	require.InDelta(t, 2.0/3*0.1+1.0/3*0.1, e.ECE, 1e-12)
	require.InDelta(t, 0.1, e.ACE, 1e-12)
	require.InDelta(t, 0.1, e.MCE, 1e-12)
}

// A pair is predicted in both directions, and candidates of equal scores in none.
func TestCalibrationOfPreferences(t *testing.T) {
	c := metrics.NewCalibration(metrics.Quantile, 1)
	c.AddPreferences([]float64{1, 1, 0}, []float64{2, 2, 0.5})
	require.Equal(t, 4, c.Len())
	require.InDelta(t, 0, c.Errors()[0].ECE, 1e-12, "each prediction and its opposite")
}

// A model that is undecided is not calibrated because both directions of a pair
// cancel out: the calibration of its choices tells.
func TestCalibrationOfChoices(t *testing.T) {
	for _, c := range []struct {
		name           string
		gaps           []float64 // of the rewards of pairs, the better candidate first
		bins           int
		pairs, choices float64
	}{
		{"undecided and wrong", []float64{-0.01, -0.01}, 5, 0, 1 / (1 + math.Exp(-0.01))},
		{"undecided and right", []float64{0.01, 0.01}, 5, 0, 1 - 1/(1+math.Exp(-0.01))},
		{"undecided, half of them right", []float64{0.01, -0.01}, 5, 0, 1/(1+math.Exp(-0.01)) - 0.5},
		{"equal rewards", []float64{0, 0}, 5, 0, 0.5},
		{"decided and right", []float64{2, 2}, 5, 1 - 1/(1+math.Exp(-2)), 1 - 1/(1+math.Exp(-2))},
		{"undecided and wrong, an even number of bins", []float64{-0.01, -0.01}, 4, 1 / (1 + math.Exp(-0.01)), 1 / (1 + math.Exp(-0.01))},
	} {
		t.Run(c.name, func(t *testing.T) {
			pairs, choices := metrics.NewCalibration(metrics.Uniform, c.bins), metrics.NewCalibration(metrics.Uniform, c.bins)
			for i, gap := range c.gaps {
				rewards, scores := []float64{gap, 0}, []float64{1, 0}
				if i%2 == 1 { // the order of candidates changes nothing
					rewards, scores = []float64{0, gap}, []float64{0, 1}
				}
				pairs.AddPreferences(rewards, scores)
				choices.AddChoices(rewards, scores)
			}
			choices.AddChoices([]float64{1, 0}, []float64{1, 1}) // of equal scores neither is right
			require.Equal(t, len(c.gaps), choices.Len())
			require.InDelta(t, c.pairs, pairs.Errors()[0].ECE, 1e-12)
			require.InDelta(t, c.choices, choices.Errors()[0].ECE, 1e-12)
		})
	}
}

// Joined parts give the same as the whole, however they are cut.
func TestCalibrationsAreJoined(t *testing.T) {
	for _, strategy := range []string{metrics.Uniform, metrics.Quantile} {
		rng := rand.New(rand.NewPCG(3, 0))
		whole := metrics.NewCalibration(strategy, 5, 15)
		parts := []*metrics.Calibration{metrics.NewCalibration(strategy, 5, 15), metrics.NewCalibration(strategy, 5, 15), metrics.NewCalibration(strategy, 5, 15)}
		for i := range 300 {
			p := rng.Float64()
			truth := rng.Float64() < p*p
			whole.Add(p, truth)
			parts[i%7%3].Add(p, truth)
		}
		parts[0].Join(parts[2])
		parts[0].Join(parts[1])
		require.Equal(t, whole.Len(), parts[0].Len())
		require.NotEmpty(t, whole.Errors())
		for i, want := range whole.Errors() {
			got := parts[0].Errors()[i]
			require.InDeltaSlice(t, []float64{want.ECE, want.ACE, want.MCE}, []float64{got.ECE, got.ACE, got.MCE}, 1e-12)
		}
	}
}
