package conformance_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// fixedKey stands between a padding side and a pooling in the name of a tensor
// that follows the rule, not what llm_codebase returned.
const fixedKey = ".fixed."

// poolingSide is the sequences of one padding side, with the rewards that a score
// head makes of each pooling's vectors.
type poolingSide struct {
	IDs    array                           `json:"input_ids"`
	Mask   array                           `json:"attention_mask"`
	Logits map[string]map[string][]float64 `json:"rm_logits"` // by pooling, then "fixed" or "reference"
}

func checkPooling(t *testing.T, f fixtures, name string) {
	c := read[struct {
		Model string
		Cases map[string]poolingSide
	}](t, f, "pooling", name)
	eos := endOf(t, f, c.Model)
	golden := tensors(t, f, "pooling", name)
	require.NotEmpty(t, c.Cases)
	for _, side := range slices.Sorted(maps.Keys(c.Cases)) {
		kinds := fixedPoolings(golden, side)
		require.NotEmpty(t, kinds, "no tensor is called %s%sPOOLING", side, fixedKey)
		for _, kind := range kinds {
			for _, transport := range transportsOf("pooling", kind) {
				t.Run(side+"/"+kind+"/"+transport.name, func(t *testing.T) {
					p := trace(t, plugin.Pooling, transport.spec(t), nil)
					tensor.Scoped(func() { requirePooled(t, p, pooled(t, golden, side, eos), fetch(t, golden, side+fixedKey+kind)) })
				})
			}
			t.Run(side+"/"+kind+"/rewards", func(t *testing.T) {
				if why := skipModel(f, c.Model); why != "" {
					t.Skip(why)
				}
				m := loadHeads(t, filepath.Join(f.root, "models", c.Model), tensor.Float32)
				requireRewards(t, c.Cases[side], kind, eos, m)
			})
		}
	}
}

// fixedPoolings names the poolings that have a tensor of their own for a side.
func fixedPoolings(golden *safetensors.File, side string) (kinds []string) {
	for _, name := range golden.Names() {
		if kind, found := strings.CutPrefix(name, side+fixedKey); found {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// endOf is the id of a model's end token.
func endOf(t *testing.T, f fixtures, model string) int64 {
	t.Helper()
	return read[struct {
		EOS int64 `json:"eos_token_id"`
	}](t, f, filepath.Join("models", model), "config").EOS
}

func requirePooled(t *testing.T, p *program.Program, in exec.Given, want array) {
	t.Helper()
	got := exec.Compile(p, exec.Target{Device: tensor.CPU, Real: tensor.Float32}).Pool(in)
	require.Equal(t, want.shape, got.Shape())
	require.InDeltaSlice(t, want.values, got.Floats(), logitsTolerance)
}

// requireRewards compares the reward of each sequence by a model and a pooling: the
// mean over that sequence alone.
func requireRewards(t *testing.T, c poolingSide, kind string, eos int64, m *model.Model) {
	t.Helper()
	objective := objective.New(trace(t, plugin.Loss, "reward", nil), tensor.CPU, tensor.Float32)
	objective.Pooling, objective.EOS = trace(t, plugin.Pooling, kind, nil), eos
	objective.Optional = optional
	mean := slices.IndexFunc(objective.Program().Metrics, func(m program.Metric) bool { return m.Name == "mean_reward" })
	for i, row := range examples(map[string]array{"input_ids": c.IDs, "attention_mask": c.Mask}) {
		row.Columns["score"] = []float64{0}
		b := data.Pack([]data.Example{row}, true)
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				reward, rows := objective.Run(m, &b, nil, nil).Metrics[mean].Read()
				require.EqualValues(t, 1, rows)
				require.InDelta(t, c.Logits[kind]["fixed"][i], reward, logitsTolerance, "reward of sequence %d", i)
			})
		})
	}
}

// pooled packs the hidden states of padded sequences, as a batch has them.
func pooled(t *testing.T, golden *safetensors.File, side string, eos int64) exec.Given {
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
	return exec.Given{
		Inputs: map[string]tensor.Tensor{
			"hidden": tensor.Of(tensor.CPU, states, m, width), "token": tensor.Of(tensor.CPU, token), "sequence": tensor.Of(tensor.CPU, row),
			"ids": tensor.Of(tensor.CPU, rowIDs), "eos_token_id": tensor.Scalar(tensor.CPU, eos),
		},
		Sizes: map[string]int64{"P": m, "H": width, "M": m, "N": ids.shape[0]},
	}
}
