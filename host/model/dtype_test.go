package model_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// The type that a model is opened in is that of its config.json, or else of its files.
func TestStoredTypes(t *testing.T) {
	const key = `"dtype":   "float32"`
	for _, c := range []struct {
		name, keys    string
		opened, files tensor.DType
	}{
		{"both", key, tensor.Float32, tensor.BFloat16},
		{"the files alone", `"my_own": 1`, tensor.BFloat16, tensor.BFloat16},
		{"null", `"dtype": null, "torch_dtype": null`, tensor.BFloat16, tensor.BFloat16},
		{"before transformers 5", `"torch_dtype": "float16"`, tensor.Float16, tensor.BFloat16},
		{"dtype wins", `"torch_dtype": "float16", "dtype": "bfloat16"`, tensor.BFloat16, tensor.BFloat16},
		{"a type of no weights", `"dtype": "float8_e4m3fn"`, tensor.BFloat16, tensor.BFloat16},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := create(t, configs["llama"], cpu)
			folder := t.TempDir()
			require.NoError(t, m.SaveAs(folder, tensor.BFloat16))
			require.NoError(t, os.WriteFile(filepath.Join(folder, model.ConfigName), []byte(strings.Replace(configs["llama"], key, c.keys, 1)), 0o644))
			opened, files, err := model.StoredTypes(folder)
			require.NoError(t, err)
			require.Equal(t, c.opened.String(), opened.String())
			require.Equal(t, c.files.String(), files.String())
		})
	}
}

// Weights that are too large for float16 do not fit it, and others do.
func TestFits(t *testing.T) {
	m := create(t, configs["llama"], cpu)
	require.True(t, m.Fits(tensor.Float16))
	tensor.Scoped(func() { m.Params().All()[3].Tensor.CopyTensor(tensor.Full(tensor.CPU, tensor.Float32, 70000)) })
	require.False(t, m.Fits(tensor.Float16))
	require.True(t, m.Fits(tensor.BFloat16))
}

// Rounding gives the values that a file of that type holds.
func TestRoundIsWhatIsSaved(t *testing.T) {
	m := create(t, configs["llama"], cpu)
	folder := t.TempDir()
	require.NoError(t, m.SaveAs(folder, tensor.BFloat16))
	before := m.Params().All()[0].Tensor.Floats()
	m.Round(tensor.BFloat16)
	require.NotEqual(t, before, m.Params().All()[0].Tensor.Floats())
	requireSameModel(t, m, load(t, folder, cpu))
}
