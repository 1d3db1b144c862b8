package lora_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

const tiny = `{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "rope_theta": 10000.0,
"rms_norm_eps": 1e-6, "initializer_range": 0.3, "tie_word_embeddings": false, "attention_bias": true, "torch_dtype": "float32"}`

var cpu = model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32}

// fresh makes the model of a seed.
func fresh(t *testing.T, config string) *model.Model {
	t.Helper()
	m, err := model.Create([]byte(config), 5, cpu)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}

var ids = []int64{1, 7, 7, 30, 12, 39, 0, 2}

// pack is the sequence of ids.
func pack() nn.Pack {
	positions := make([]int64, len(ids))
	for i := range positions {
		positions[i] = int64(i)
	}
	p := nn.Pack{IDs: tensor.Of(tensor.CPU, ids), Positions: tensor.Of(tensor.CPU, positions), MaxPosition: int64(len(ids)) - 1}
	p.Segments.Add(0, len(ids), -1)
	return p
}

// logits runs one sequence through a model.
func logits(m *model.Model) (out []float64) {
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			out = m.Head().Logits(m.Forward(&nn.Pass{Pack: pack()})).Floats()
		})
	})
	return out
}

// kinds are adapters of every sort.
var kinds = map[string]func(*lora.Config){
	"plain":      func(c *lora.Config) { c.Targets = lora.ParseModules([]string{"q_proj", "v_proj"}) },
	"all-linear": func(*lora.Config) {},
	"pattern":    func(c *lora.Config) { c.Targets = lora.ParseModules([]string{`.*layers\.1\..*(up|down)_proj`}) },
	"rslora":     func(c *lora.Config) { c.RSLoRA = true },
	"dora":       func(c *lora.Config) { c.DoRA = true },
	"one layer":  func(c *lora.Config) { c.Targets, c.Layers = lora.ParseModules([]string{"o_proj"}), lora.Layers{1} },
	"ranks": func(c *lora.Config) {
		c.RankPattern = lora.Patterns[int]{{Key: "q_proj", Value: 2}}
		c.AlphaPattern = lora.Patterns[float64]{{Key: "layers.0.mlp.up_proj", Value: 3}, {Key: "up_proj", Value: 5}}
	},
	"saved":       func(c *lora.Config) { c.ModulesToSave = []string{"lm_head", "embed_tokens"} },
	"norms":       func(c *lora.Config) { c.ModulesToSave = []string{"norm"} },
	"excluded":    func(c *lora.Config) { c.Exclude = lora.ParseModules([]string{"down_proj", "gate_proj"}) },
	"gaussian":    func(c *lora.Config) { c.Init = lora.Gaussian },
	"orthogonal":  func(c *lora.Config) { c.Init = lora.Orthogonal },
	"mica":        func(c *lora.Config) { c.Init = lora.MiCA },
	"pissa":       func(c *lora.Config) { c.Init, c.RSLoRA = lora.PiSSA, true },
	"olora":       func(c *lora.Config) { c.Init = lora.OLoRA },
	"pissa, dora": func(c *lora.Config) { c.Init, c.DoRA = lora.PiSSA, true },
	"olora of ranks": func(c *lora.Config) {
		c.Init, c.R = lora.OLoRA, 24 // more than any map has
		c.RankPattern = lora.Patterns[int]{{Key: "q_proj|v_proj", Value: 3}}
	},
	"random":       func(c *lora.Config) { c.Init = lora.Random },
	"random, dora": func(c *lora.Config) { c.Init, c.DoRA = lora.Random, true },
	"parents":      func(c *lora.Config) { c.ModulesToSave = []string{"mlp", "input_layernorm"} },
	"layers by name": func(c *lora.Config) {
		c.Targets, c.Layers, c.LayersPattern = lora.ParseModules([]string{"o_proj", "model.layers.0.mlp.up_proj"}), lora.Layers{1}, lora.Names{"blocks", "layers"}
	},
	"for several families": func(c *lora.Config) { c.Targets = lora.ParseModules([]string{"query_key_value", "q_proj"}) },
}

func config(change func(*lora.Config)) lora.Config {
	c := lora.Default()
	c.R, c.Alpha, c.Targets, c.TaskType = 4, 6, lora.ParseModules([]string{lora.AllLinear}), "CAUSAL_LM"
	change(&c)
	return c
}

// trained attaches an adapter and changes all trained weights.
func trained(t *testing.T, m *model.Model, c lora.Config) *lora.Adapter {
	t.Helper()
	a, err := lora.Attach(m.Params(), c, nil)
	require.NoError(t, err)
	tensor.ManualSeed(11)
	for _, p := range m.Params().Trained() {
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				p.Tensor.CopyTensor(p.Tensor.Add(tensor.Randn(tensor.CPU, tensor.Float32, 0.1, p.Tensor.Shape()...)))
			})
		})
	}
	return a
}

// A fresh adapter changes nothing; one that was saved, loaded, switched off or
// merged computes the same.
func TestAdapters(t *testing.T) {
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			live := tensor.Live()
			m := fresh(t, tiny)
			base := logits(m)
			fresh1, err := lora.Attach(m.Params(), config(change), nil)
			require.NoError(t, err)
			if fresh1.Config.Init != lora.Random {
				require.InDeltaSlice(t, base, logits(m), 1e-5)
			}
			m.Free()
			require.Equal(t, live, tensor.Live())

			m = fresh(t, tiny)
			a := trained(t, m, config(change))
			want := logits(m)
			require.NotEqual(t, base, want)
			if _, changed := a.ChangesBase(); a.Config.ModulesToSave == nil && !changed {
				m.Params().Mode().Off = true
				require.InDeltaSlice(t, base, logits(m), 0)
				m.Params().Mode().Off = false
			}
			folder := t.TempDir()
			require.NoError(t, a.Save(folder))
			other := fresh(t, tiny)
			_, err = lora.Load(other.Params(), folder)
			require.NoError(t, err)
			require.Equal(t, want, logits(other))
			require.NoError(t, a.Merge())
			require.InDeltaSlice(t, want, logits(m), 1e-4)
			require.NotEmpty(t, m.Params().All())
			for _, p := range m.Params().All() {
				require.NotContains(t, p.Name, "lora_")
			}
		})
	}
}

func TestWhatIsTrained(t *testing.T) {
	m := fresh(t, tiny)
	trained(t, m, config(kinds["saved"]))
	for _, p := range m.Params().Trained() {
		ours := strings.Contains(p.Name, "lora_") || p.Name == "lm_head.weight" || p.Name == "model.embed_tokens.weight"
		require.True(t, ours, p.Name)
	}
	m = fresh(t, tiny)
	a, err := lora.Attach(m.Params(), config(kinds["plain"]), []string{"lm_head.weight"})
	require.NoError(t, err)
	require.Equal(t, []string{"lm_head"}, a.Config.ModulesToSave, "a head that has no weights yet")
	require.Len(t, m.Params().Trained(), 1+2*2*2)
}

// tied has one matrix for embedding and head.
var tied = strings.Replace(tiny, `"tie_word_embeddings": false`, `"tie_word_embeddings": true`, 1)

// A tied matrix is saved under both its names, and an adapter that holds two is refused.
func TestTiedMatrices(t *testing.T) {
	for _, name := range []string{"embed_tokens", "lm_head"} {
		m := fresh(t, tied)
		a := trained(t, m, config(func(c *lora.Config) { c.ModulesToSave = []string{name} }))
		require.ElementsMatch(t, []string{"embed_tokens", "lm_head"}, a.Config.ModulesToSave)
		folder := t.TempDir()
		require.NoError(t, a.Save(folder))
		other := fresh(t, tied)
		_, err := lora.Load(other.Params(), folder)
		require.NoError(t, err)
		require.Equal(t, logits(m), logits(other))
	}
	apart := t.TempDir()
	require.NoError(t, trained(t, fresh(t, tiny), config(kinds["saved"])).Save(apart))
	_, err := lora.Load(fresh(t, tied).Params(), apart)
	require.ErrorContains(t, err, "the model ties model.embed_tokens.weight and lm_head.weight, and the adapter holds a value for each")
}

// Dropout acts only in training.
func TestDropout(t *testing.T) {
	m := fresh(t, tiny)
	trained(t, m, config(func(c *lora.Config) { c.Dropout = 0.5 }))
	still := logits(m)
	require.Equal(t, still, logits(m))
	m.Params().Mode().Training = true
	require.NotEqual(t, logits(m), logits(m))
	m.Params().Mode().Training = false
	require.Equal(t, still, logits(m))
}

// What does not fit the model is an error of the first step of attaching.
func TestBadTargets(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no target", `{"target_modules": []}`, `target_modules names nothing; want names of modules or "all-linear"`},
		{"unknown map", `{"target_modules": ["q_prj", "c_attn"]}`, `target_modules q_prj, c_attn fits no linear map of the model that is free; it has q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; did you mean q_proj?`},
		{"nothing fits", `{"target_modules": "layers.*"}`, `target_modules layers.* fits no linear map of the model that is free; it has q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj`},
		{"saved whole", `{"target_modules": ["q_proj"], "modules_to_save": ["self_attn"]}`, `target_modules q_proj fits no linear map of the model that is free; it has q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj; did you mean q_proj?`},
		{"embeddings", `{"target_modules": ["q_proj", "embed_tokens"]}`, `target_modules q_proj, embed_tokens fits model.embed_tokens, and llmhost puts adapters on the linear maps below the heads alone; exclude it, or train it whole by modules_to_save`},
		{"the head", `{"target_modules": ["q_proj", "lm_head"]}`, `target_modules q_proj, lm_head fits lm_head, and llmhost puts adapters on the linear maps below the heads alone; exclude it, or train it whole by modules_to_save`},
		{"all", `{"target_modules": ".*"}`, `target_modules .* fits model, and llmhost puts adapters on the linear maps below the heads alone; exclude it, or train it whole by modules_to_save`},
		{"a list", `{"target_modules": ["q_proj"], "modules_to_save": ["layers"]}`, `modules_to_save fits model.layers, the list of the layers; want modules in it, such as model.layers.0`},
		{"one in another", `{"target_modules": ["q_proj"], "modules_to_save": ["mlp", "up_proj"]}`, `modules_to_save fits model.layers.0.mlp.up_proj and, around it, a module of model.layers.0.mlp, which PEFT cannot read again; want one of them`},
		{"half a word", `{"target_modules": ["down_proj"], "modules_to_save": ["lp"]}`, `modules_to_save has a name that model.layers.0.mlp.down_proj, which gets an adapter, ends with; write the whole name of the module`},
		{"eva", `{"target_modules": ["q_proj"], "init_lora_weights": "eva"}`, `init_lora_weights is "eva", which llmhost opens but does not make: it begins with a pass over data that llmhost does not make; want true, or another of PEFT's`},
		{"an odd rank", `{"target_modules": ["q_proj"], "r": 3, "init_lora_weights": "orthogonal"}`, `init_lora_weights is "orthogonal" and the rank of model.layers.0.self_attn.q_proj is 3; want it even`},
		{"a rank too large", `{"target_modules": ["k_proj"], "r": 9, "init_lora_weights": "mica"}`, `init_lora_weights is "mica" and the rank of model.layers.0.self_attn.k_proj is 9; want at most the 8 singular values of the map`},
	} {
		t.Run(c.name, func(t *testing.T) {
			read, err := lora.Parse(c.text)
			require.NoError(t, err)
			_, err = lora.Attach(fresh(t, tiny).Params(), read, nil)
			require.EqualError(t, err, c.want)
		})
	}
}

// Weights in 4 bits cannot be taken apart, nor saved whole.
func TestFourBitsAreNotTakenApart(t *testing.T) {
	for text, want := range map[string]string{
		`{"target_modules": ["q_proj"], "init_lora_weights": "pissa"}`: `init_lora_weights is "pissa", and load_in_4bit keeps model.layers.0.self_attn.q_proj in 4 bits; want one of them`,
		`{"target_modules": ["q_proj"], "init_lora_weights": "olora"}`: `init_lora_weights is "olora", and load_in_4bit keeps model.layers.0.self_attn.q_proj in 4 bits; want one of them`,
		`{"target_modules": ["q_proj"], "init_lora_weights": "mica"}`:  `init_lora_weights is "mica", and load_in_4bit keeps model.layers.0.self_attn.q_proj in 4 bits; want one of them`,
		`{"target_modules": ["q_proj"], "modules_to_save": ["mlp"]}`:   `modules_to_save fits model.layers.0.mlp.gate_proj, which load_in_4bit keeps in 4 bits, where it cannot be trained; want one of them`,
	} {
		c, err := lora.Parse(text)
		require.NoError(t, err)
		four := cpu
		four.FourBit = true
		m, err := model.Create([]byte(tiny), 5, four)
		require.NoError(t, err)
		_, err = lora.Attach(m.Params(), c, nil)
		require.EqualError(t, err, want)
		m.Free()
	}
}

// PEFT knows the head of GPT-NeoX as transformers 5 does, by another name than its files.
func TestHeadOfGPTNeoX(t *testing.T) {
	neox := strings.NewReplacer(`"LlamaForCausalLM"`, `"GPTNeoXForCausalLM"`, `"llama"`, `"gpt_neox", "hidden_act": "gelu"`).Replace(tiny)
	for _, name := range []string{"embed_out", "lm_head"} {
		m := fresh(t, neox)
		a := trained(t, m, config(func(c *lora.Config) {
			c.Targets, c.ModulesToSave = lora.ParseModules([]string{"query_key_value"}), []string{name}
		}))
		require.Contains(t, a.Config.ModulesToSave, "lm_head")
		require.Empty(t, a.Notes())
		folder := t.TempDir()
		require.NoError(t, a.Save(folder))
		file, err := safetensors.Open(filepath.Join(folder, lora.WeightsName))
		require.NoError(t, err)
		defer file.Close()
		require.True(t, file.Has("base_model.model.lm_head.weight"))
		old := rewritten(t, folder, func(name string) string { return strings.Replace(name, "lm_head", "embed_out", 1) })
		for _, from := range []string{folder, old} {
			other := fresh(t, neox)
			_, err = lora.Load(other.Params(), from)
			require.NoError(t, err)
			require.Equal(t, logits(m), logits(other))
		}
	}
}

// Names that fit nothing are noted, with the nearest one.
func TestNotesOfNames(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"all fit", `{"target_modules": ["q_proj"], "modules_to_save": ["norm"]}`, nil},
		{"several families", `{"target_modules": ["query_key_value", "q_proj", "v_prj"]}`, []string{"target_modules: nothing in the model fits query_key_value, v_prj; did you mean v_proj?"}},
		{"excluded", `{"target_modules": ["q_proj"], "exclude_modules": ["lm_haed"]}`, []string{"exclude_modules: nothing in the model fits lm_haed; did you mean lm_head?"}},
		{"saved", `{"target_modules": ["q_proj"], "modules_to_save": ["embed_token", "norm"]}`, []string{"modules_to_save: nothing in the model fits embed_token; did you mean embed_tokens?"}},
		{"heads of sequences", `{"target_modules": ["q_proj"], "modules_to_save": ["classifier", "score", "classifier", "score"]}`, []string{"modules_to_save: nothing in the model fits classifier, score"}},
		{"patterns", `{"target_modules": ["q_proj"], "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"q_proj": 2, "x": 1}}`, []string{"rank_pattern: no map with an adapter fits v_proj", "alpha_pattern: no map with an adapter fits x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			read, err := lora.Parse(c.text)
			require.NoError(t, err)
			a, err := lora.Attach(fresh(t, tiny).Params(), read, nil)
			require.NoError(t, err)
			require.Equal(t, c.want, a.Notes())
		})
	}
}

// An adapter on another model is an error that names what does not fit.
func TestAdapterOfAnotherModel(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, trained(t, fresh(t, tiny), config(kinds["plain"])).Save(folder))
	_, err := lora.Load(fresh(t, strings.Replace(tiny, `"num_hidden_layers": 2`, `"num_hidden_layers": 1`, 1)).Params(), folder)
	require.ErrorContains(t, err, "layers.1.self_attn.q_proj.lora_A.weight has no place in the model")
	_, err = lora.Load(fresh(t, strings.Replace(tiny, `"hidden_size": 16`, `"hidden_size": 32`, 1)).Params(), folder)
	require.ErrorContains(t, err, "lora_A.weight")
}

// peer runs PEFT over the folders of a job: adapters that we wrote give logits,
// and adapters that it makes are saved with theirs.
func peer(t *testing.T, base string, adapters []string, own string) (logits map[string][]float64) {
	t.Helper()
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch, transformers and peft")
	}
	out := filepath.Join(t.TempDir(), "out.json")
	job, err := json.Marshal(map[string]any{"base": base, "adapters": adapters, "own": own, "ids": ids, "out": out})
	require.NoError(t, err)
	command := exec.Command(python, "-c", `
import json, sys, torch
from transformers import AutoModelForCausalLM
from peft import LoraConfig, PeftModel, get_peft_model
torch.set_num_threads(1)
job, out = json.loads(sys.argv[1]), {}
def base(): return AutoModelForCausalLM.from_pretrained(job["base"]).float()
def run(model):
    with torch.no_grad(): return model.eval()(torch.tensor([job["ids"]])).logits[0].flatten().tolist()
for folder in job["adapters"]:
    out[folder] = run(PeftModel.from_pretrained(base(), folder))
kinds = {"plain": {}, "dora": {"use_dora": True}, "rslora": {"use_rslora": True}, "all": {"target_modules": "all-linear"},
         "saved": {"modules_to_save": ["lm_head"]}, "ranks": {"rank_pattern": {"q_proj": 3}}}
if base().config.tie_word_embeddings:
    kinds["saved"] = {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}
for name, more in kinds.items():
    torch.manual_seed(3)
    model = get_peft_model(base(), LoraConfig(**{"r": 4, "lora_alpha": 7, "target_modules": ["q_proj", "up_proj"], "task_type": "CAUSAL_LM", **more}))
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad: p.add_(torch.randn_like(p) * 0.1)
    out[job["own"] + "/" + name] = run(model)
    model.save_pretrained(job["own"] + "/" + name)
json.dump(out, open(job["out"], "w"))
`, string(job))
	command.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &logits))
	return logits
}

// PEFT reads what we write, and we read what it writes.
func TestPeerGivesTheSameLogits(t *testing.T) {
	base, own := t.TempDir(), t.TempDir()
	require.NoError(t, fresh(t, tiny).Save(base))
	var adapters []string
	ours := map[string][]float64{}
	for name, change := range kinds {
		m := fresh(t, tiny)
		folder := filepath.Join(t.TempDir(), strings.ReplaceAll(name, " ", "_"))
		require.NoError(t, os.Mkdir(folder, 0o755))
		require.NoError(t, trained(t, m, config(change)).Save(folder))
		adapters, ours[folder] = append(adapters, folder), logits(m)
	}
	requirePeer(t, tiny, ours, peer(t, base, adapters, own))
}

// PEFT computes as we do with a tied matrix that is trained.
func TestPeerReadsTiedMatrices(t *testing.T) {
	base, own, folder := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "tied")
	m := fresh(t, tied)
	require.NoError(t, m.Save(base))
	require.NoError(t, os.Mkdir(folder, 0o755))
	require.NoError(t, trained(t, m, config(func(c *lora.Config) { c.ModulesToSave = []string{"embed_tokens"} })).Save(folder))
	requirePeer(t, tied, map[string][]float64{folder: logits(m)}, peer(t, base, []string{folder}, own))
}

// requirePeer compares the logits of adapters by folder; those that ours lacks are
// of adapters that the peer made.
func requirePeer(t *testing.T, config string, ours, theirs map[string][]float64) {
	t.Helper()
	require.NotEmpty(t, theirs)
	for folder, want := range theirs {
		got, written := ours[folder]
		if !written {
			m := fresh(t, config)
			_, err := lora.Load(m.Params(), folder)
			require.NoError(t, err, folder)
			got = logits(m)
		}
		gap := 0.0
		for i := range want {
			gap = math.Max(gap, math.Abs(want[i]-got[i]))
		}
		require.Less(t, gap, 5e-5*slices.Max(want), folder)
	}
}
