package lora_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// askPeer runs testdata/peer.py over jobs, whose answers come in the same order.
func askPeer[Answer any](t *testing.T, verb string, jobs ...any) (answers []Answer) {
	t.Helper()
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch, transformers and peft")
	}
	text, err := json.Marshal(jobs)
	require.NoError(t, err)
	var out, failed bytes.Buffer
	command := exec.Command(python, filepath.Join("testdata", "peer.py"), verb)
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(text), &out, &failed
	require.NoError(t, command.Run(), "%s", &failed)
	require.NoError(t, json.Unmarshal(out.Bytes(), &answers))
	require.Len(t, answers, len(jobs))
	return answers
}

// The table has each of PEFT's fields and no other, and each of its ways to begin.
func TestPeerHasTheFieldsOfTheTable(t *testing.T) {
	theirs := askPeer[struct {
		Version       string
		Fields, Inits []string
		Families      map[string][]string
	}](t, "fields", nil)[0]
	old := []string{"enable_lora", "merge_weights"} // of PEFT before 0.4
	require.ElementsMatch(t, append(old, theirs.Fields...), lora.Fields(), "PEFT %s", theirs.Version)
	names, _, _ := lora.Inits()
	require.ElementsMatch(t, append(theirs.Inits, "lora_ga"), names, "PEFT %s", theirs.Version) // which its type forgets
	for _, family := range model.Types() {
		require.Equal(t, theirs.Families[family], lora.FamilyTargets(family).Names, family)
	}
}

// of lists module names of several families.
var namesOfFamilies = []string{
	"model.embed_tokens", "model.layers.0", "model.layers.0.self_attn", "model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj",
	"model.layers.11.self_attn.v_proj", "model.layers.1.mlp", "model.layers.1.mlp.up_proj", "model.layers.2.mlp.down_proj", "model.norm", "lm_head", "score",
	"bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.1.output.dense", "bert.pooler.dense", "classifier",
	"gpt_neox.layers.3.attention.query_key_value", "q_proj", "h.0.q_proj", "model.layers.1.experts.0.q_proj",
}

// PEFT adapts the same modules, with the same ranks and alphas.
func TestPeerAdaptsTheSameModules(t *testing.T) {
	configs := []string{
		`{"target_modules": ["q_proj", "v_proj"]}`,
		`{"target_modules": ["roj"]}`,
		`{"target_modules": ["self_attn.q_proj", "dense", "q_proj"], "exclude_modules": ["pooler.dense"]}`,
		`{"target_modules": ".*(q|v)_proj", "exclude_modules": ".*layers\\.1\\..*"}`,
		`{"target_modules": "q_proj"}`,
		`{"target_modules": ["q_proj", "model.layers.1.mlp.up_proj"], "layers_to_transform": 0}`,
		`{"target_modules": ["q_proj", "query", "dense"], "layers_to_transform": [1, 11]}`,
		`{"target_modules": ["q_proj", "query", "query_key_value"], "layers_to_transform": [0, 3], "layers_pattern": "layers"}`,
		`{"target_modules": ["q_proj", "query"], "layers_to_transform": [0], "layers_pattern": ["h", "layer"]}`,
		`{"target_modules": ["q_proj", "query"], "layers_to_transform": [0, 1], "layers_pattern": ["experts", "layers"]}`,
		`{"target_modules": ["q_proj"], "layers_to_transform": [], "layers_pattern": []}`,
		`{"target_modules": ["q_proj", "up_proj", "down_proj", "dense"], "modules_to_save": ["mlp", "pooler"]}`,
		`{"target_modules": ["q_proj", "up_proj"], "modules_to_save": ["layers.0", "lp"]}`,
		`{"target_modules": ["q_proj", "score", "lm_head", "classifier"], "modules_to_save": ["score", "class.*"]}`,
		`{"target_modules": ["q_proj"], "rank_pattern": {"layers.1.*": 2, "q_proj": 3, "v_proj|up_proj": 4}, "alpha_pattern": {"^model": 1, "q_proj": 2}}`,
		`{"target_modules": ["q_proj"], "rank_pattern": {".*": 2, "q_proj": 3}, "alpha_pattern": {"proj": 1, "model.layers.\\d+.self_attn.q_proj": 2, "self_attn.q_proj": 4}}`,
	}
	var cases []any
	for _, text := range configs {
		cases = append(cases, map[string]any{"config": json.RawMessage(text), "modules": namesOfFamilies})
	}
	theirs := askPeer[[][][3]any](t, "match", map[string]any{"cases": cases})[0]
	for i, text := range configs {
		c, err := lora.Parse(text)
		require.NoError(t, err, text)
		for j, m := range namesOfFamilies {
			fits, err := c.Adapts(m)
			require.NoError(t, err)
			rank, alpha, err := c.RankAndAlpha(m)
			require.NoError(t, err)
			require.Equal(t, theirs[i][j], [3]any{fits, float64(rank), alpha}, "%s of %s", m, text)
		}
	}
}

// family is a kind of model with what adapters on it are made of.
type family struct {
	name, config string
	attention    []string // maps of it
	parent       string   // a module with parts
	labels       int      // of a classifier; 0 for a model of tokens
}

func causal(name, config string) family {
	f := family{name: name, attention: []string{"q_proj", "v_proj"}, parent: "mlp"}
	f.config = `{"vocab_size": 48, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
"max_position_embeddings": 64, "initializer_range": 0.3, "tie_word_embeddings": false, "pad_token_id": 3, "dtype": "float32", ` + config + `}`
	return f
}

func (f family) of(parent string, attention ...string) family {
	f.attention, f.parent = attention, parent
	return f
}

func (f family) classifier(labels int) family {
	f.name, f.labels = fmt.Sprintf("%s of %d", f.name, labels), labels
	return f
}

func families() []family {
	llama := causal("llama", `"model_type": "llama", "architectures": ["LlamaForCausalLM"]`)
	qwen2 := causal("qwen2 tied", `"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]`)
	qwen2.config = strings.Replace(qwen2.config, `"tie_word_embeddings": false`, `"tie_word_embeddings": true`, 1)
	neox := causal("gpt_neox", `"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], "hidden_act": "gelu"`).of("mlp", "query_key_value")
	bert := causal("bert", `"model_type": "bert", "architectures": ["BertModel"]`).of("pooler", "query", "value")
	return []family{
		llama, qwen2, neox,
		causal("qwen3", `"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "head_dim": 8`),
		causal("phi3", `"model_type": "phi3", "architectures": ["Phi3ForCausalLM"]`).of("mlp", "qkv_proj"),
		causal("gemma2", `"model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "head_dim": 8, "query_pre_attn_scalar": 8`),
		causal("gemma3_text", `"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "head_dim": 8, "query_pre_attn_scalar": 8`),
		llama.classifier(3), llama.classifier(1), qwen2.classifier(2), neox.classifier(2), bert.classifier(3), bert.classifier(1),
	}
}

func (f family) class() string {
	if f.labels > 0 {
		return "AutoModelForSequenceClassification"
	}
	return "AutoModelForCausalLM"
}

// peerKinds are the adapters that PEFT makes of a family, by name: values of
// LoraConfig over those of every one.
func (f family) peerKinds() map[string]any {
	task := "CAUSAL_LM"
	if f.labels > 0 {
		task = "SEQ_CLS"
	}
	kinds := map[string]any{}
	add := func(name string, embeddings bool, values map[string]any) {
		config := map[string]any{"r": 4, "lora_alpha": 6, "target_modules": f.attention, "task_type": task}
		maps.Copy(config, values)
		kinds[name] = map[string]any{"config": config, "embeddings": embeddings}
	}
	add("plain", false, nil)
	add("several_families", false, map[string]any{"target_modules": append([]string{"c_attn", "Wqkv"}, f.attention...)})
	add("all", false, map[string]any{"target_modules": "all-linear"})
	add("dora", false, map[string]any{"use_dora": true, "use_rslora": true})
	add("rslora", false, map[string]any{"use_rslora": true, "rank_pattern": map[string]int{f.attention[0]: 2}, "alpha_pattern": map[string]int{".*0.*": 3}})
	for _, init := range []any{"pissa", "olora", "orthogonal", "mica", "eva", "gaussian", false} {
		add(fmt.Sprint("begun_", init), false, map[string]any{"init_lora_weights": init})
	}
	add("pissa_rslora", false, map[string]any{"init_lora_weights": "pissa", "use_rslora": true, "use_dora": true, "rank_pattern": map[string]int{f.attention[0]: 2}})
	add("olora_large", false, map[string]any{"init_lora_weights": "olora", "r": 40, "alpha_pattern": map[string]int{f.attention[0]: 2}})
	add("layer", false, map[string]any{"layers_to_transform": 1})
	add("layers_pattern", false, map[string]any{"layers_to_transform": []int{0}, "layers_pattern": []string{"h", "layers", "layer"}})
	add("parent", false, map[string]any{"modules_to_save": []string{f.parent}})
	add("nothing_saved", false, map[string]any{"modules_to_save": []string{"v_head"}})
	add("embeddings", true, nil)
	for _, vocab := range []int{41, 50} {
		add(fmt.Sprint("tokens_", vocab), true, nil)
		kinds[fmt.Sprint("tokens_", vocab)].(map[string]any)["vocab"] = vocab
	}
	if f.labels == 0 { // a tied base has one matrix of both, which PEFT takes apart
		add("head", false, map[string]any{"modules_to_save": []string{"lm_head"}})
		add("both_heads", false, map[string]any{"modules_to_save": []string{"lm_head", "embed_tokens"}})
	}
	if f.name == "qwen2 tied" {
		add("embedding_alone", false, map[string]any{"modules_to_save": []string{"embed_tokens"}})
		add("tied_still", false, map[string]any{"modules_to_save": []string{"embed_tokens"}, "ensure_weight_tying": true})
	}
	if f.labels > 0 {
		add("twice", false, map[string]any{"modules_to_save": []string{"classifier", "score"}}) // PEFT adds both again
		add("open_task", false, map[string]any{"task_type": nil, "modules_to_save": []string{"classifier", "score"}})
	}
	return kinds
}

// PEFT's adapters compute here as there, for all families; and so, in PEFT, do
// those that were opened and saved here.
func TestPeerAdaptersOfAllFamilies(t *testing.T) {
	all := families()
	var making, reading []any
	bases, outs := make([]string, len(all)), make([]string, len(all))
	for i, f := range all {
		bases[i], outs[i] = t.TempDir(), t.TempDir()
		require.NoError(t, fresh(t, f.config).Save(bases[i]))
		making = append(making, map[string]any{"base": bases[i], "class": f.class(), "labels": f.labels, "ids": ids, "kinds": f.peerKinds(), "out": outs[i]})
	}
	made := askPeer[map[string][]float64](t, "make", making...)
	for i, f := range all {
		var again []string
		vocab := map[string]int64{}
		for _, kind := range slices.Sorted(maps.Keys(made[i])) {
			folder := filepath.Join(t.TempDir(), kind)
			require.NoError(t, os.Mkdir(folder, 0o755))
			t.Run(f.name+", "+kind, func(t *testing.T) {
				m, a := openOn(t, bases[i], filepath.Join(outs[i], kind))
				requireNear(t, made[i][kind], outputs(m))
				require.NoError(t, a.Save(folder))
				again, vocab[folder] = append(again, folder), m.Config.VocabSize
				require.NoError(t, a.Merge())
				requireNear(t, made[i][kind], outputs(m))
			})
		}
		reading = append(reading, map[string]any{"base": bases[i], "class": f.class(), "labels": f.labels, "ids": ids, "folders": again, "vocab": vocab})
	}
	for i, read := range askPeer[map[string][]float64](t, "read", reading...) {
		for folder, got := range read {
			t.Run(all[i].name+", "+filepath.Base(folder)+", saved again", func(t *testing.T) {
				requireNear(t, made[i][filepath.Base(folder)], got)
			})
		}
	}
}

// openOn opens the adapter of a folder on its base.
func openOn(t *testing.T, base, folder string) (*model.Model, *lora.Adapter) {
	t.Helper()
	heads, err := lora.Heads(folder)
	require.NoError(t, err)
	options := cpu
	options.Heads = heads
	options.Vocab, err = lora.VocabSize(folder)
	require.NoError(t, err)
	options.CutVocab = true
	options.Untie, err = lora.Apart(folder)
	require.NoError(t, err)
	m, err := model.Load(base, options)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	a, err := lora.Load(m.Params(), folder)
	require.NoError(t, err)
	return m, a
}

// outputs are the logits of each token, or those of the head at the vector of the
// sequence.
func outputs(m *model.Model) (out []float64) {
	head := m.Score
	for _, c := range m.Classes {
		head = c
	}
	if head == nil {
		return logits(m)
	}
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			hidden := m.Forward(&nn.Pass{Pack: pack()})
			last := hidden.Narrow(0, int64(len(ids))-1, 1)
			if encoder, is := m.Backbone.(model.Encoder); is {
				last = encoder.Pooled(hidden, tensor.Of(tensor.CPU, []int64{0}))
			}
			out = head.Forward(last).Floats()
		})
	})
	return out
}

func requireNear(t *testing.T, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want))
	most, gap := 0.0, 0.0
	for i, v := range want {
		most, gap = math.Max(most, math.Abs(v)), math.Max(gap, math.Abs(v-got[i]))
	}
	require.Less(t, gap, 5e-5*most)
}
