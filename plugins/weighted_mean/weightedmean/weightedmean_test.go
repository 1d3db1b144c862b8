package weightedmean_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/plugins/weighted_mean/weightedmean"
	"llmhost/sdk/sdktest"
)

var rows = sdktest.PoolInputs{Hidden: [][][]float64{{{1, 2}, {4, 8}, {-1, 0}}, {{5, 7}}, {{1, 1}, {0, 3}}}}

func TestPooling(t *testing.T) {
	for _, scattered := range []bool{false, true} {
		in := rows
		in.Scattered = scattered
		out := sdktest.Pool(weightedmean.Pooling{}, in)
		want := [][]float64{{(1 + 2*4 - 3) / 6.0, (2 + 2*8) / 6.0}, {5, 7}, {1 / 3.0, (1 + 2*3) / 3.0}}
		for i := range want {
			require.InDeltaSlice(t, want[i], out.Output[i], 1e-12)
		}
		require.InDeltaSlice(t, []float64{3 / 6.0, 3 / 6.0}, out.Gradients[0][2], 1e-12)
	}
}

func TestChecks(t *testing.T) { sdktest.CheckPooling(t, weightedmean.Pooling{}, rows) }
