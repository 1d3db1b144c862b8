package nn_test

import (
	"testing"

	"llmhost/host/nn"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// The speeds that transformers 5.23.0 computes, in float32, for a head_dim of 24.
func TestInverseAgainstTransformers(t *testing.T) {
	for _, c := range []struct {
		rope nn.RopeScaling
		want []float64
	}{
		{nn.RopeScaling{Type: "default", Theta: 10000}, []float64{1.0, 0.464158893, 0.215443447, 0.100000001, 0.046415884, 0.0215443484,
			0.00999999978, 0.00464158971, 0.00215443433, 0.00100000005, 0.000464158948, 0.000215443419}},
		{nn.RopeScaling{Type: "linear", Theta: 10000, Factor: 4}, []float64{0.25, 0.116039723, 0.0538608618, 0.0250000004, 0.011603971,
			0.00538608711, 0.00249999994, 0.00116039743, 0.000538608583, 0.000250000012, 0.000116039737, 5.38608547e-05}},
		// Wavelengths below 8 positions, between 8 and 32, and above.
		{nn.RopeScaling{Type: "llama3", Theta: 50000, Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxSeen: 32}, []float64{1.0,
			0.177084476, 0.0205943622, 0.00835925434, 0.00339302141, 0.00137722807, 0.000559017004, 0.000226905089, 9.21007668e-05,
			3.73837211e-05, 1.51740587e-05, 6.15914951e-06}},
		{nn.RopeScaling{Type: "yarn", Theta: 10000, Factor: 4, OriginalMaxSeen: 64}, []float64{1.0, 0.377129108, 0.134652153, 0.043750003, 0.011603971,
			0.00538608711, 0.00249999994, 0.00116039743, 0.000538608583, 0.000250000012, 0.000116039737, 5.38608547e-05}},
		{nn.RopeScaling{Type: "yarn", Theta: 10000, Factor: 8, OriginalMaxSeen: 32, BetaFast: 4, BetaSlow: 0.5, Truncate: new(bool)}, []float64{1.0,
			0.361432046, 0.0981811434, 0.0132751297, 0.00580198551, 0.00269304356, 0.00124999997, 0.000580198714, 0.000269304292, 0.000125000006,
			5.80198684e-05, 2.69304273e-05}},
	} {
		t.Run(c.rope.Type, func(t *testing.T) {
			c.rope.Settle(nn.RopeDefaults{Partial: 1})
			got := c.rope.Inverse(24)
			require.Len(t, got, len(c.want))
			for i, want := range c.want {
				require.InEpsilon(t, want, got[i], 3e-7, "pair %d", i)
			}
		})
	}
}

// A share of the channels that is not a whole number of pairs is rounded up to one:
// 0.3 of 24 channels are 7, which rotate as 8 do, at speeds of 7.
func TestSharesOfChannels(t *testing.T) {
	share := 0.3
	r := nn.RopeScaling{Theta: 10000, Partial: &share}
	r.Settle(nn.RopeDefaults{Partial: 1})
	require.NoError(t, r.Validate(24))
	require.InDeltaSlice(t, []float64{1.0, 0.0719685555, 0.0051794732, 0.000372759328}, r.Inverse(24), 1e-7)
}

// The factor of yarn for rotated channels, as in transformers 5.23.0.
func TestMagnitudes(t *testing.T) {
	factor := 1.25
	for _, c := range []struct {
		rope nn.RopeScaling
		want float64
	}{
		{nn.RopeScaling{Type: "yarn", Factor: 4}, 1.138629436111989},
		{nn.RopeScaling{Type: "yarn", Factor: 8, MScale: 0.8, MScaleAllDim: 0.4}, 1.0767904145467408},
		{nn.RopeScaling{Type: "yarn", Factor: 2, AttentionFactor: &factor}, 1.25},
		{nn.RopeScaling{Type: "yarn", Factor: 1}, 1},
		{nn.RopeScaling{Type: "linear", Factor: 4}, 1},
		{nn.RopeScaling{Type: "llama3", Factor: 4, AttentionFactor: &factor}, 1},
	} {
		require.InDelta(t, c.want, c.rope.Magnitude(), 1e-15, "%+v", c.rope)
	}
}

func TestScalingsThatCannotBe(t *testing.T) {
	share := func(v float64) *float64 { return &v }
	for want, r := range map[string]nn.RopeScaling{
		`rope_type is "longrope", whose angles depend on the longest sequence of a batch; use the variant of the model with a short context`: {Type: "longrope", Theta: 1e4},
		`partial_rotary_factor is 1.5; want a share above 0 and up to 1`:                                                                     {Theta: 1e4, Partial: share(1.5)},
		`partial_rotary_factor is 0.01; want more, as none of 10 channels would be rotated`:                                                  {Theta: 1e4, Partial: share(0.01)},
		`rope_theta is -1; want a positive number`:                                                                                           {Theta: -1},
	} {
		r.Settle(nn.RopeDefaults{Partial: 1})
		require.EqualError(t, r.Validate(10), want)
	}
}

// A table with a magnitude rotates and scales.
func TestTablesStretch(t *testing.T) {
	tensor.Scoped(func() {
		plain, stretched := nn.NewRopeTable(tensor.CPU, speeds, 1), nn.NewRopeTable(tensor.CPU, speeds, 1.5)
		defer plain.Free()
		defer stretched.Free()
		x, at := tensor.Randn(tensor.CPU, tensor.Float64, 1, 2, 1, 4), tensor.Of(tensor.CPU, []int64{0, 9})
		require.InDeltaSlice(t, plain.At(at, 10).Apply(x).MulScalar(1.5).Floats(), stretched.At(at, 10).Apply(x).Floats(), 1e-6)
	})
}
