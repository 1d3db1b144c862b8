package llama_test

import (
	"testing"

	"llmhost/host/model/llama"

	"github.com/stretchr/testify/require"
)

// The speeds that transformers 5.23.0 computes, in float32, for a head_dim of 24.
func TestInverseAgainstTransformers(t *testing.T) {
	for _, c := range []struct {
		rope llama.RopeScaling
		want []float64
	}{
		{llama.RopeScaling{Type: "default", Theta: 10000}, []float64{1.0, 0.464158893, 0.215443447, 0.100000001, 0.046415884, 0.0215443484,
			0.00999999978, 0.00464158971, 0.00215443433, 0.00100000005, 0.000464158948, 0.000215443419}},
		{llama.RopeScaling{Type: "linear", Theta: 10000, Factor: 4}, []float64{0.25, 0.116039723, 0.0538608618, 0.0250000004, 0.011603971,
			0.00538608711, 0.00249999994, 0.00116039743, 0.000538608583, 0.000250000012, 0.000116039737, 5.38608547e-05}},
		// Wavelengths below 8 positions, between 8 and 32, and above.
		{llama.RopeScaling{Type: "llama3", Theta: 50000, Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxSeen: 32}, []float64{1.0,
			0.177084476, 0.0205943622, 0.00835925434, 0.00339302141, 0.00137722807, 0.000559017004, 0.000226905089, 9.21007668e-05,
			3.73837211e-05, 1.51740587e-05, 6.15914951e-06}},
	} {
		t.Run(c.rope.Type, func(t *testing.T) {
			got := c.rope.Inverse(24)
			require.Len(t, got, len(c.want))
			for i, want := range c.want {
				require.InEpsilon(t, want, got[i], 3e-7, "pair %d", i)
			}
		})
	}
}
