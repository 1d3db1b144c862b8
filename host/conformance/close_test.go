package conformance_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireClose compares two numbers relative to the one wanted.
func requireClose(t *testing.T, want, got, tolerance float64, what string) {
	t.Helper()
	require.InDelta(t, want, got, tolerance*math.Abs(want), what)
}

// requireGradient compares two gradients by the norm of their difference.
func requireGradient(t *testing.T, want, got []float64, tolerance float64, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	gap := make([]float64, len(want))
	for i := range gap {
		gap[i] = got[i] - want[i]
	}
	require.LessOrEqual(t, norm(gap), tolerance*norm(want), "norm of the difference of %s against the tolerance", what)
}

// requireFirst compares the first elements of a tensor, one by one.
func requireFirst(t *testing.T, want, got []float64, tolerance float64, what string) {
	t.Helper()
	require.GreaterOrEqual(t, len(got), len(want), what)
	for i := range want {
		require.InDelta(t, want[i], got[i], tolerance, "element %d of %s", i, what)
	}
}

func norm(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v * v
	}
	return math.Sqrt(total)
}
