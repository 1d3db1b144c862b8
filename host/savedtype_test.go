package host_test

import (
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// halved is the small model with its weights in another type.
func halved(t *testing.T, dtype tensor.DType) string {
	t.Helper()
	folder := copyModel(t)
	m, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.SaveAs(folder, dtype))
	return folder
}

// typesIn are the types of the tensors of a file, and its config's.
func typesIn(t *testing.T, path ...string) (types []safetensors.DType) {
	t.Helper()
	file, err := safetensors.Open(filepath.Join(path...))
	require.NoError(t, err)
	defer file.Close()
	seen := map[safetensors.DType]bool{}
	for _, name := range file.Names() {
		x, err := file.Get(name)
		require.NoError(t, err)
		if !seen[x.DType] {
			seen[x.DType] = true
			types = append(types, x.DType)
		}
	}
	return types
}

// The final model has the type that its base was read in, or the one asked for;
// checkpoints keep every digit, and a resumed run ends with the same bytes.
func TestSaveDType(t *testing.T) {
	for _, c := range []struct {
		name, setting string
		base          tensor.DType
		want          safetensors.DType
	}{
		{"as it was read", "auto", tensor.BFloat16, safetensors.BF16},
		{"as it was read, float16", "auto", tensor.Float16, safetensors.F16},
		{"float32 of bfloat16", "float32", tensor.BFloat16, safetensors.F32},
		{"bfloat16 of float32", "bfloat16", tensor.Float32, safetensors.BF16},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ranking(t)
			s.Model, s.SaveDType, s.EvalStrategy = halved(t, c.base), c.setting, "no"
			s.MaxSteps, s.SaveSteps = 4, 2
			opened := map[safetensors.DType]string{safetensors.BF16: "bfloat16", safetensors.F16: "float16", safetensors.F32: "float32"}[c.want]
			said := "; weights in " + opened
			if c.want == safetensors.F32 {
				said = ""
			}
			require.Contains(t, mustTrain(t, s), "(Hugging Face layout, with its tokenizer"+said+")")
			require.Equal(t, []safetensors.DType{c.want}, typesIn(t, s.OutputDir))
			require.Contains(t, contents(t, s.OutputDir, model.ConfigName), `"dtype": "`+opened+`"`)
			require.Equal(t, []safetensors.DType{safetensors.F32}, typesIn(t, s.OutputDir, "checkpoint-4"))
			require.Contains(t, contents(t, s.OutputDir, "checkpoint-4", model.ConfigName), `"dtype": "float32"`)

			halfway := s
			halfway.OutputDir = filepath.Join(t.TempDir(), "branch")
			halfway.Resume = filepath.Join(s.OutputDir, "checkpoint-2")
			mustTrain(t, halfway)
			require.Equal(t, weights(t, s.OutputDir), weights(t, halfway.OutputDir))
			require.Equal(t, contents(t, s.OutputDir, model.ConfigName), contents(t, halfway.OutputDir, model.ConfigName))
		})
	}
}

// An adapter has the types that PEFT gives it, and the merged model that of its base.
func TestSaveDTypeOfAnAdapter(t *testing.T) {
	s := adapted(t)
	s.Model, s.MaxSteps, s.SaveStrategy = halved(t, tensor.BFloat16), 2, "no"
	s.RefModel, s.ModulesToSave = s.Model, []string{"embed_tokens"}
	mustTrain(t, s)
	require.ElementsMatch(t, []safetensors.DType{safetensors.F32, safetensors.BF16}, typesIn(t, s.OutputDir, lora.WeightsName))
	for setting, want := range map[string]safetensors.DType{"": safetensors.BF16, "auto": safetensors.BF16, "float32": safetensors.F32} {
		out := filepath.Join(t.TempDir(), "merged")
		options := host.MergeOptions{Adapter: s.OutputDir, OutputDir: out, Tolerance: 1e-4}
		if setting != "" {
			require.NoError(t, options.SetSaveDType(setting))
		}
		merged, err := host.Merge(options)
		require.NoError(t, err)
		require.Equal(t, []safetensors.DType{want}, typesIn(t, out))
		if want == safetensors.BF16 {
			require.Greater(t, merged.Rounding, merged.Gap)
			require.Contains(t, merged.Rounded(), "rounded to bfloat16")
			continue
		}
		require.Empty(t, merged.Rounded())
	}
	var options host.MergeOptions
	require.EqualError(t, options.SetSaveDType("half"), "want auto, float32, bfloat16 or float16")
	half := s
	half.SaveDType, half.OutputDir = "float16", filepath.Join(t.TempDir(), "run")
	mustTrain(t, half)
	require.Equal(t, []safetensors.DType{safetensors.F16}, typesIn(t, half.OutputDir, lora.WeightsName))
}

// A config that names a narrower type than its files have is followed, as in
// transformers, and said.
func TestSaveDTypeOfAConfigThatDisagrees(t *testing.T) {
	s := ranking(t)
	s.MaxSteps, s.SaveStrategy, s.EvalStrategy = 1, "no", "no"
	s.Model = copyModel(t)
	written(t, filepath.Join(s.Model, model.ConfigName), strings.Replace(contents(t, s.Model, model.ConfigName), `"dtype": "float32"`, `"torch_dtype": "float16"`, 1))
	require.Contains(t, mustTrain(t, s), "the weights of "+s.Model+" are float32 and its config.json says float16: they are saved in float16, as transformers opens them; save_dtype = \"float32\" keeps all digits")
	require.Equal(t, []safetensors.DType{safetensors.F16}, typesIn(t, s.OutputDir))
	require.Contains(t, contents(t, s.OutputDir, model.ConfigName), `"torch_dtype": "float16"`)
}

func TestSaveDTypeThatIsNone(t *testing.T) {
	_, _, err := config.Load("", []string{"--save_dtype", "half"})
	require.ErrorContains(t, err, "save_dtype")
}
