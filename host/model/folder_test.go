package model_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

var cpu = model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32}

// configs are small models, one a family, in both layouts of config.json. Keys
// are in no order and between odd blanks, which are kept when written back.
var configs = map[string]string{
	"llama": `{
  "model_type": "llama", "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
  "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
  "num_key_value_heads": 2, "head_dim": 10, "rms_norm_eps": 1e-05, "initializer_range": 0.2, "tie_word_embeddings": true,
  "dtype":   "float32", "max_position_embeddings": 64,
  "rope_parameters": {"rope_type": "llama3", "rope_theta": 300.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
}
`,
	"llama_v4": `{"architectures": ["LlamaForCausalLM"], "attention_bias": true, "hidden_act": "silu", "hidden_size": 24,
 "initializer_range": 0.2, "intermediate_size": 32, "max_position_embeddings": 64, "mlp_bias": true, "model_type": "llama",
 "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 4, "rms_norm_eps": 1e-05,
 "rope_scaling": {"factor": 2.0, "type": "linear"}, "rope_theta": 500.0, "tie_word_embeddings": false, "torch_dtype": "float32",
 "transformers_version": "4.37.2", "vocab_size": 40}`,
	"mistral": `{"model_type": "mistral", "architectures": ["MistralForCausalLM"], "vocab_size": 40, "hidden_size": 24,
 "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6,
 "sliding_window": 5, "initializer_range": 0.2, "max_position_embeddings": 64, "dtype": "float32",
 "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}`,
	"mistral_v4": `{"model_type": "mistral", "architectures": ["MistralForCausalLM"], "vocab_size": 40, "hidden_size": 24,
 "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1,
 "sliding_window": 4, "initializer_range": 0.2, "max_position_embeddings": 64, "rope_theta": 10000.0, "torch_dtype": "float32"}`,
	"qwen2": `{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 40, "hidden_size": 24,
 "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2,
 "max_position_embeddings": 64, "use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1, "dtype": "float32",
 "layer_types": ["full_attention", "sliding_attention"], "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}`,
	"qwen2_v4": `{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 40, "hidden_size": 24,
 "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2,
 "max_position_embeddings": 64, "use_sliding_window": false, "tie_word_embeddings": true, "rope_theta": 900.0, "torch_dtype": "float32"}`,
	"qwen3": `{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "num_key_value_heads": 2, "head_dim": 10, "dtype": "float32",
 "rope_parameters": {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 16}, "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"qwen3_v4": `{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "num_key_value_heads": 2, "head_dim": 6, "attention_bias": true,
 "use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1, "tie_word_embeddings": true, "rope_theta": 900.0, "torch_dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"gpt_neox": `{"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "dtype": "float32",
 "rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}, "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"gpt_neox_v4": `{"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "use_parallel_residual": false, "hidden_act": "gelu_new",
 "rotary_pct": 0.7, "rotary_emb_base": 300, "rope_scaling": null, "tie_word_embeddings": true, "torch_dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"phi3": `{"model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "num_key_value_heads": 2, "sliding_window": 5, "pad_token_id": null, "dtype": "float32",
 "rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 1.0}, "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"phi3_v4": `{"model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "pad_token_id": null, "rope_theta": 500.0, "rope_scaling": null, "tie_word_embeddings": true, "torch_dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"gemma2": `{"model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 5,
 "attn_logit_softcapping": 3.0, "final_logit_softcapping": 2.0, "sliding_window": 4, "dtype": "float32",
 "layer_types": ["sliding_attention", "full_attention"], "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}, "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"gemma2_v4": `{"model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "num_key_value_heads": 1, "head_dim": 6, "query_pre_attn_scalar": 6,
 "attn_logit_softcapping": null, "sliding_window": 4, "rope_theta": 700.0, "torch_dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"gemma3_text": `{"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 5,
 "sliding_window": 4, "dtype": "float32", "layer_types": ["sliding_attention", "full_attention"],
 "rope_parameters": {"sliding_attention": {"rope_type": "default", "rope_theta": 50.0}, "full_attention": {"rope_type": "linear", "rope_theta": 900.0, "factor": 8.0}}, "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"gemma3_text_v4": `{"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 5,
 "sliding_window": 4, "sliding_window_pattern": 2, "rope_theta": 900.0, "rope_local_base_freq": 50.0, "rope_scaling": null, "torch_dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"bert": `{"model_type": "bert", "architectures": ["BertModel"], "type_vocab_size": 2, "dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
	"bert_v4": `{"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu_new", "position_embedding_type": "absolute", "torch_dtype": "float32", "vocab_size": 40, "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
 "initializer_range": 0.2, "max_position_embeddings": 64}`,
}

// create makes a random model until the test ends. Its norms and biases are
// random too, so that leaving one out shows.
func create(t *testing.T, config string, o model.Options) *model.Model {
	t.Helper()
	m, err := model.Create([]byte(config), 3, o)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	tensor.Scoped(func() {
		for _, p := range m.Params().All() {
			if shape := p.Tensor.Shape(); len(shape) == 1 {
				p.Tensor.CopyTensor(tensor.Randn(tensor.CPU, tensor.Float32, 0.3, shape...).AddScalar(0.5))
			}
		}
	})
	return m
}

// load loads a model until the test ends.
func load(t *testing.T, folder string, o model.Options) *model.Model {
	t.Helper()
	m, err := model.Load(folder, o)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}

// logits runs a model over one row and returns [tokens][vocab], or its states
// [hidden] where it has no head.
func logits(m *model.Model, ids []int64) [][]float64 {
	var rows [][]float64
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			in := nn.Pack{IDs: tensor.Of(tensor.CPU, ids), MaxPosition: int64(len(ids) - 1)}
			positions := make([]int64, len(ids))
			for i := range positions {
				positions[i] = int64(i)
			}
			in.Positions = tensor.Of(tensor.CPU, positions)
			in.Segments.Add(0, len(ids), -1)
			hidden := m.Forward(&nn.Pass{Pack: in})
			out := hidden
			if m.Head().Defined() {
				out = m.Head().Logits(hidden)
			}
			flat, vocab := out.Floats(), int(out.Size(1))
			for i := 0; i < len(flat); i += vocab {
				rows = append(rows, flat[i:i+vocab])
			}
		})
	})
	return rows
}

var someIDs = []int64{1, 7, 39, 0, 12, 12, 5, 30, 2}

func requireSameModel(t *testing.T, want, got *model.Model) {
	t.Helper()
	require.Len(t, got.Params().All(), len(want.Params().All()))
	for i, p := range want.Params().All() {
		q := got.Params().All()[i]
		require.Equal(t, p.Name, q.Name)
		require.Equal(t, p.Tensor.Bytes(), q.Tensor.Bytes(), p.Name)
	}
	require.Equal(t, logits(want, someIDs), logits(got, someIDs))
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			m := create(t, config, cpu)
			for _, save := range []func(string) error{m.Save, m.SaveInto} {
				folder := t.TempDir()
				require.NoError(t, save(folder))
				again := load(t, folder, cpu)
				requireSameModel(t, m, again)
				require.Equal(t, config, string(again.ConfigText))
			}
		})
	}
}

// Weights are aligned to 64 bytes, whatever the file's alignment.
func TestWeightsAreAligned(t *testing.T) {
	m := create(t, configs["llama"], cpu)
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	params := load(t, folder, cpu).Params().All()
	require.NotEmpty(t, params)
	for _, p := range params {
		require.Zero(t, p.Tensor.Address()%64, p.Name)
	}
}

// The config keeps its text, except for the type of the weights.
func TestOnlyTheTypeOfTheConfigChanges(t *testing.T) {
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			m := create(t, config, model.Options{Device: tensor.CPU, Param: tensor.BFloat16, Compute: tensor.BFloat16})
			folder := t.TempDir()
			require.NoError(t, m.Save(folder))
			written, err := os.ReadFile(filepath.Join(folder, "config.json"))
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(config, "float32", "bfloat16"), string(written))
		})
	}
	t.Run("null", func(t *testing.T) {
		m := create(t, strings.Replace(configs["qwen2"], `"dtype": "float32"`, `"dtype": null`, 1), cpu)
		folder := t.TempDir()
		require.NoError(t, m.Save(folder))
		written, err := os.ReadFile(filepath.Join(folder, "config.json"))
		require.NoError(t, err)
		require.Equal(t, configs["qwen2"], string(written))
	})
}

// A file of half precision is converted to the run's type, and back.
func TestTypesAreConverted(t *testing.T) {
	m := create(t, configs["llama"], cpu)
	for _, half := range []tensor.DType{tensor.BFloat16, tensor.Float16} {
		t.Run(half.String(), func(t *testing.T) {
			folder := t.TempDir()
			require.NoError(t, m.Save(folder))
			halved := load(t, folder, model.Options{Device: tensor.CPU, Param: half, Compute: half})
			require.NoError(t, halved.Save(folder))
			file, err := safetensors.Open(folder)
			require.NoError(t, err)
			defer file.Close()

			whole := load(t, folder, cpu)
			require.NotEmpty(t, whole.Params().All())
			for i, p := range whole.Params().All() {
				require.Equal(t, tensor.Float32, p.Tensor.DType())
				stored, err := file.Get(p.Name)
				require.NoError(t, err)
				require.Equal(t, map[tensor.DType]safetensors.DType{tensor.BFloat16: safetensors.BF16, tensor.Float16: safetensors.F16}[half], stored.DType)
				values, err := stored.Float64s()
				require.NoError(t, err)
				require.Equal(t, values, p.Tensor.Floats(), "%s is the file's value, widened", p.Name)
				require.InDeltaSlice(t, m.Params().All()[i].Tensor.Floats(), values, 1e-2, "%s was rounded, no more", p.Name)
			}
		})
	}
}

func TestShardedFolders(t *testing.T) {
	m := create(t, configs["mistral"], cpu)
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	file, err := safetensors.Open(folder)
	require.NoError(t, err)
	var sources []safetensors.Source
	for _, name := range file.Names() {
		x, err := file.Get(name)
		require.NoError(t, err)
		sources = append(sources, safetensors.Source{Name: x.Name, DType: x.DType, Shape: x.Shape, Data: append([]byte(nil), x.Data...)})
	}
	require.NoError(t, file.Close())
	require.NoError(t, safetensors.Save(folder, sources, safetensors.Layout{MaxShardSize: 8 << 10}))
	shards, err := filepath.Glob(filepath.Join(folder, "model-*-of-*.safetensors"))
	require.NoError(t, err)
	require.Greater(t, len(shards), 2)
	require.NoFileExists(t, filepath.Join(folder, "model.safetensors"))
	sharded := load(t, folder, cpu)
	requireSameModel(t, m, sharded)

	require.NoError(t, sharded.Save(folder), "saving makes one file of them again")
	shards, err = filepath.Glob(filepath.Join(folder, "model-*"))
	require.NoError(t, err)
	require.Empty(t, shards)
	requireSameModel(t, m, load(t, folder, cpu))
}

func TestGenerationConfigIsKept(t *testing.T) {
	m := create(t, configs["qwen2"], cpu)
	folder, copied := t.TempDir(), t.TempDir()
	require.NoError(t, m.Save(folder))
	require.NoFileExists(t, filepath.Join(folder, "generation_config.json"))
	const text = "{ \"eos_token_id\": 2 }\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "generation_config.json"), []byte(text), 0o666))
	require.NoError(t, load(t, folder, cpu).Save(copied))
	written, err := os.ReadFile(filepath.Join(copied, "generation_config.json"))
	require.NoError(t, err)
	require.Equal(t, text, string(written))
}

func TestCreate(t *testing.T) {
	m, err := model.Create([]byte(configs["qwen2"]), 3, cpu)
	require.NoError(t, err)
	defer m.Free()
	require.NotEmpty(t, m.Params().All())
	for _, p := range m.Params().All() {
		values := p.Tensor.Floats()
		switch {
		case strings.HasSuffix(p.Name, "norm.weight"):
			require.Equal(t, 1.0, values[0], p.Name)
		case strings.HasSuffix(p.Name, ".bias"):
			require.Zero(t, values[0], p.Name)
		default:
			total := 0.0
			for _, v := range values {
				total += v * v
			}
			require.InDelta(t, 0.2, math.Sqrt(total/float64(len(values))), 0.03, p.Name)
		}
	}
	same, err := model.Create([]byte(configs["qwen2"]), 3, cpu)
	require.NoError(t, err)
	defer same.Free()
	requireSameModel(t, m, same)
	other, err := model.Create([]byte(configs["qwen2"]), 4, cpu)
	require.NoError(t, err)
	defer other.Free()
	require.NotEqual(t, logits(m, someIDs), logits(other, someIDs))

	bare, err := model.Create([]byte(`{"model_type": "llama", "vocab_size": 99, "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 8}`), 1, cpu)
	require.NoError(t, err)
	defer bare.Free()
	embed := bare.Params().All()[0].Tensor
	tensor.Scoped(func() {
		require.InDelta(t, 0.02, math.Sqrt(embed.Square().Mean().Item()), 1e-3, "without initializer_range")
	})
}

// broken saves a model, lets spoil change the folder, and returns the error of loading it.
func broken(t *testing.T, spoil func(folder string)) (folder string, err error) {
	t.Helper()
	m := create(t, configs["llama"], cpu)
	folder = t.TempDir()
	require.NoError(t, m.Save(folder))
	spoil(folder)
	live := tensor.Live()
	_, err = model.Load(folder, cpu)
	require.Equal(t, live, tensor.Live(), "a model that does not load leaves no tensor behind")
	return folder, err
}

func TestFoldersThatDoNotLoad(t *testing.T) {
	config := func(text string) func(string) {
		return func(folder string) {
			require.NoError(t, os.WriteFile(filepath.Join(folder, "config.json"), []byte(text), 0o666))
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(folder string)
		want  string // FOLDER is the folder's path
	}{
		{"another shape", config(strings.Replace(configs["llama"], `"intermediate_size": 32`, `"intermediate_size": 48`, 1)),
			`FOLDER: tensor "model.layers.0.mlp.gate_proj.weight" has shape [32, 24]; config.json wants [48, 24]; use the weights and the config.json of one model`},
		{"a missing tensor", config(strings.Replace(configs["llama"], `"tie_word_embeddings": true`, `"tie_word_embeddings": false`, 1)),
			`FOLDER: tensor "lm_head.weight" is missing; 20 others are there`},
		{"a type of model", config(`{"model_type": "gpt2"}`), `FOLDER/config.json: model_type is "gpt2"; want one of llama, mistral, qwen2, qwen3, gpt_neox, phi3, gemma2, gemma3_text, bert`},
		{"an impossible config", config(strings.Replace(configs["llama"], `"head_dim": 10`, `"head_dim": 9`, 1)),
			`FOLDER/config.json: head_dim is 9; want an even number, as rotary positions rotate pairs`},
		{"no JSON", config(`{`), `FOLDER/config.json: is not JSON: it ends in the middle of its JSON; copy or download it again`},
		{"no config", func(folder string) { require.NoError(t, os.Remove(filepath.Join(folder, "config.json"))) },
			`FOLDER/config.json: no such file; model_name_or_path wants a folder in Hugging Face's layout`},
		{"no weights", func(folder string) { require.NoError(t, os.Remove(filepath.Join(folder, "model.safetensors"))) },
			`FOLDER: has no model.safetensors and no model.safetensors.index.json; copy or download the weights`},
		{"a NaN", valued(t, float32(math.NaN())), `FOLDER/model.safetensors: tensor "model.norm.weight" has 2 of 24 values that are not finite, the first, NaN, at index 5; every output of the model would be NaN: copy or download it again, or take an earlier checkpoint`},
		{"an infinity", valued(t, float32(math.Inf(-1))), `FOLDER/model.safetensors: tensor "model.norm.weight" has 2 of 24 values that are not finite, the first, -Inf, at index 5; every output of the model would be NaN: copy or download it again, or take an earlier checkpoint`},
		{"weights of whole numbers", wholeNumbers(t), `FOLDER: tensor model.norm.weight has dtype I64; want F32, BF16, F16 or F64`},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder, err := broken(t, c.spoil)
			require.EqualError(t, err, strings.ReplaceAll(c.want, "FOLDER", folder))
		})
	}
}

// wholeNumbers rewrites a folder's last norm as integers.
func wholeNumbers(t *testing.T) func(folder string) {
	return normed(t, func(shape []int64) safetensors.Source {
		return safetensors.Int64Source("model.norm.weight", make([]int64, shape[0]), shape...)
	})
}

// valued rewrites a folder's last norm with two such values.
func valued(t *testing.T, value float32) func(folder string) {
	return normed(t, func(shape []int64) safetensors.Source {
		values := make([]float32, shape[0])
		values[5], values[9] = value, value
		return safetensors.Float32Source("model.norm.weight", values, shape...)
	})
}

// normed replaces a folder's last norm.
func normed(t *testing.T, norm func(shape []int64) safetensors.Source) func(folder string) {
	return func(folder string) {
		file, err := safetensors.Open(folder)
		require.NoError(t, err)
		defer file.Close()
		var sources []safetensors.Source
		for _, name := range file.Names() {
			x, err := file.Get(name)
			require.NoError(t, err)
			s := safetensors.Source{Name: x.Name, DType: x.DType, Shape: x.Shape, Data: append([]byte(nil), x.Data...)}
			if name == "model.norm.weight" {
				s = norm(x.Shape)
			}
			sources = append(sources, s)
		}
		require.NoError(t, safetensors.Save(folder, sources, safetensors.Layout{}))
	}
}

// The error of a truncated file names it.
func TestTruncatedWeights(t *testing.T) {
	folder, err := broken(t, func(folder string) {
		path := filepath.Join(folder, "model.safetensors")
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()-100))
	})
	require.ErrorIs(t, err, safetensors.ErrTruncated)
	require.ErrorContains(t, err, filepath.Join(folder, "model.safetensors"))
}

func TestConfigsThatMakeNoModel(t *testing.T) {
	_, err := model.Create([]byte(`{"model_type": "gpt2"}`), 1, cpu)
	require.ErrorContains(t, err, `model_type is "gpt2"; want one of llama, mistral, qwen2`)
	_, err = model.Create([]byte(`{`), 1, cpu)
	require.EqualError(t, err, "config of the new model: is not JSON: it ends in the middle of its JSON; copy or download it again")
}

// The names, shapes and order of the weights are Hugging Face's, and the header
// of the file lists them all.
func TestNamesOfTheWeights(t *testing.T) {
	m := create(t, configs["qwen2"], cpu)
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	raw, err := os.ReadFile(filepath.Join(folder, "model.safetensors"))
	require.NoError(t, err)
	header := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(raw[8:8+binary.LittleEndian.Uint64(raw)], &header))
	for _, name := range []string{"model.embed_tokens.weight", "model.layers.1.self_attn.q_proj.weight", "model.layers.1.self_attn.q_proj.bias",
		"model.layers.0.self_attn.o_proj.weight", "model.layers.0.mlp.down_proj.weight", "model.layers.1.input_layernorm.weight",
		"model.layers.1.post_attention_layernorm.weight", "model.norm.weight", "lm_head.weight"} {
		require.Contains(t, header, name)
	}
	require.Len(t, header, 1+3+2*(7+3+2), "and the metadata")
}

func TestTensorsWithoutAPlaceAreListed(t *testing.T) {
	dir := t.TempDir()
	m, err := model.Create([]byte(configs["llama"]), 1, cpu)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir))
	fewer := strings.Replace(configs["llama"], `"num_hidden_layers": 2`, `"num_hidden_layers": 1`, 1)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(fewer), 0o644))
	cut, err := model.Load(dir, cpu)
	require.NoError(t, err)
	defer cut.Free()
	require.Len(t, cut.Unused, 9)
	require.Contains(t, cut.Unused, "model.layers.1.mlp.up_proj.weight")
}

// What is kept in 4 bits is used all the same.
func TestFourBitsUseWhatTheyRound(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, create(t, configs["llama"], cpu).Save(folder))
	o := cpu
	o.FourBit = true
	require.Empty(t, load(t, folder, o).Unused)
}
