package conformance_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/exec"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// fixedKey stands between a padding side and a pooling in the name of a tensor
// that follows the rule, not what the reference returned.
const fixedKey = ".fixed."

func checkPooling(t *testing.T, f fixtures, name string) {
	c := read[struct {
		Model string
		Cases map[string]any
	}](t, f, "pooling", name)
	config := read[struct {
		EOS int64 `json:"eos_token_id"`
	}](t, f, filepath.Join("models", c.Model), "config")
	golden := tensors(t, f, "pooling", name)
	for _, side := range slices.Sorted(maps.Keys(c.Cases)) {
		for _, of := range golden.Names() {
			kind, found := strings.CutPrefix(of, side+fixedKey)
			if !found {
				continue
			}
			for _, road := range roadsOf("pooling", kind) {
				t.Run(side+"/"+kind+"/"+road.name, func(t *testing.T) {
					tensor.Scoped(func() {
						p := trace(t, plugin.Pooling, road.spec(t), nil)
						in := pooled(t, golden, side, config.EOS)
						got := exec.Pool(p, exec.Where{Device: tensor.CPU, Real: tensor.Float32}, in)
						want := fetch(t, golden, of)
						require.Equal(t, want.shape, got.Shape())
						require.InDeltaSlice(t, want.values, got.Floats(), logitsTolerance)
					})
				})
			}
		}
	}
}

// pooled packs the hidden states of padded rows, as a batch has them.
func pooled(t *testing.T, golden *safetensors.File, side string, eos int64) exec.Arguments {
	t.Helper()
	hidden, ids, mask := fetch(t, golden, side+".hidden"), fetch(t, golden, side+".input_ids"), fetch(t, golden, side+".attention_mask")
	width := hidden.shape[2]
	var states []float64
	var token, row, rowIDs []int64
	for i, state := range hidden.rows() {
		if mask.values[i] == 0 {
			continue
		}
		token = append(token, int64(len(token)))
		row = append(row, int64(i)/ids.shape[1])
		rowIDs = append(rowIDs, int64(ids.values[i]))
		states = append(states, state...)
	}
	m := int64(len(token))
	return exec.Arguments{
		Inputs: map[string]tensor.Tensor{
			"hidden": tensor.Of(tensor.CPU, states, m, width), "token": tensor.Of(tensor.CPU, token), "row": tensor.Of(tensor.CPU, row),
			"ids": tensor.Of(tensor.CPU, rowIDs), "eos_token_id": tensor.Scalar(tensor.CPU, eos),
		},
		Sizes: map[string]int64{"P": m, "H": width, "M": m, "N": ids.shape[0]},
	}
}
