// Package plugins_test compares the losses of this folder with golden numbers where
// they reduce to losses that are known elsewhere.
package plugins_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/plugins/dpo_shift/dposhift"
	"llmhost/plugins/focal/focal"
	"llmhost/sdk/sdktest"
)

// golden reads a loss of the fixtures; the test is skipped where there are none.
func golden(t *testing.T, name string, into any) {
	t.Helper()
	folder := os.Getenv("LLMHOST_FIXTURES")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "fixtures")
	}
	text, err := os.ReadFile(filepath.Join(folder, "losses", name+".json"))
	if err != nil {
		t.Skipf("no golden numbers: %v; LLMHOST_FIXTURES names their folder", err)
	}
	require.NoError(t, json.Unmarshal(text, into))
}

// variant is one setting of a loss.
type variant struct {
	Params  map[string]float64
	LossF64 float64 `json:"loss_f64"`
}

// goldenTolerance is for numbers that were written with 12 digits, of inputs
// that were written as float32.
const goldenTolerance = 1e-6

// A focal loss with Gamma = 0 is the cross entropy.
func TestFocalIsCrossEntropy(t *testing.T) {
	var c struct {
		Inputs struct {
			Logits struct{ Values [][]float64 }
			Labels struct{ Values []int }
		}
		Variants map[string]variant
	}
	golden(t, "classification", &c)
	out := sdktest.Run(focal.Loss{Head: "class"}, sdktest.Inputs{
		Logits: map[string][][]float64{"class": c.Inputs.Logits.Values}, Labels: map[string][]int{"class": c.Inputs.Labels.Values}})
	require.InDelta(t, c.Variants["mean"].LossF64, out.Loss, goldenTolerance)
}

// DPO-Shift with Shift = 1 is DPO.
func TestDPOShiftIsDPO(t *testing.T) {
	var c struct {
		Inputs   map[string]struct{ Values []float64 }
		Variants map[string]json.RawMessage
	}
	golden(t, "dpo", &c)
	var in sdktest.Inputs
	for i, chosen := range c.Inputs["policy_chosen_logps"].Values {
		in.Logps = append(in.Logps, [][]float64{{chosen}, {c.Inputs["policy_rejected_logps"].Values[i]}})
		in.RefLogps = append(in.RefLogps, [][]float64{{c.Inputs["ref_chosen_logps"].Values[i]}, {c.Inputs["ref_rejected_logps"].Values[i]}})
		in.Score = append(in.Score, []float64{1, 0})
	}
	for _, name := range []string{"sigmoid", "sigmoid_beta_0_5"} {
		var v variant
		require.NoError(t, json.Unmarshal(c.Variants[name], &v))
		out := sdktest.Run(dposhift.Loss{Beta: v.Params["beta"], Shift: 1, Pairs: "best_over_rest"}, in)
		require.InDelta(t, v.LossF64, out.Loss, goldenTolerance, name)
	}
}
