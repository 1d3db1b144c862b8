package lm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host/config"
	"llmhost/host/lm"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

func TestSourceOf(t *testing.T) {
	for _, c := range []struct {
		name       string
		model      config.ModelSettings
		adapter    config.AdapterSettings
		checkpoint string
		want       lm.Source
	}{
		{name: "a model", model: config.ModelSettings{Model: "m"},
			want: lm.Source{Name: "m", Weights: "m", Tokenizer: "m"}},
		{name: "a tokenizer of its own", model: config.ModelSettings{Model: "m", Tokenizer: "t"},
			want: lm.Source{Name: "m", Weights: "m", Tokenizer: "t"}},
		{name: "an adapter", model: config.ModelSettings{Model: "m"}, adapter: config.AdapterSettings{Adapter: "a"},
			want: lm.Source{Name: "m", Weights: "m", Adapter: "a", Began: "a", Tokenizer: "m"}},
		{name: "a new adapter", model: config.ModelSettings{Model: "m"}, adapter: config.AdapterSettings{LoraR: 4},
			want: lm.Source{Name: "m", Weights: "m", Tokenizer: "m"}},
		{name: "a checkpoint", model: config.ModelSettings{Model: "m"}, checkpoint: "c",
			want: lm.Source{Name: "m", Weights: "c", Tokenizer: "m"}},
		{name: "a checkpoint of an adapter", model: config.ModelSettings{Model: "m"}, adapter: config.AdapterSettings{LoraR: 4}, checkpoint: "c",
			want: lm.Source{Name: "m", Weights: "m", Adapter: "c", Tokenizer: "m"}},
		{name: "a checkpoint of an adapter that began with another", model: config.ModelSettings{Model: "m"}, adapter: config.AdapterSettings{Adapter: "a"}, checkpoint: "c",
			want: lm.Source{Name: "m", Weights: "m", Adapter: "c", Began: "a", Tokenizer: "m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, lm.SourceOf(c.model, c.adapter, c.checkpoint))
		})
	}
}

func TestNewAdapter(t *testing.T) {
	none, err := lm.NewAdapter(config.AdapterSettings{})
	require.NoError(t, err)
	require.Nil(t, none)
	old, err := lm.NewAdapter(config.AdapterSettings{LoraR: 4, Adapter: "folder"})
	require.NoError(t, err)
	require.Nil(t, old, "a run that goes on from an adapter begins none")

	got, err := lm.NewAdapter(config.AdapterSettings{
		LoraR: 4, LoraAlpha: 8, LoraDropout: 0.25, UseRSLoRA: true,
		LoraTargetModules: []string{"q_proj", "v_proj"}, ModulesToSave: []string{"embed_tokens"},
	})
	require.NoError(t, err)
	want := lora.Default()
	want.R, want.Alpha, want.Dropout, want.RSLoRA = 4, 8, 0.25, true
	want.Targets, want.ModulesToSave = lora.ParseModules([]string{"q_proj", "v_proj"}), []string{"embed_tokens"}
	want.TargetsName = "lora_target_modules"
	require.Equal(t, &want, got)

	_, err = lm.NewAdapter(config.AdapterSettings{PEFTConfigPath: "no/such/file.json"})
	require.ErrorContains(t, err, "no/such/file.json: no such file")
}

// saved is the source of a small model with random weights, whose vocabulary is
// so much larger than the byte-level tokenizer's.
func saved(t *testing.T, larger int) lm.Source {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, tokenizer.WriteByteLevel(folder))
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tok.Close()
	text := fmt.Sprintf(`{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": %d, "hidden_size": 16, "intermediate_size": 24,
		"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 32, "tie_word_embeddings": true}`, int(tok.MaxID())+1+larger)
	m, err := model.Create([]byte(text), 3, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(folder))
	return lm.Source{Name: folder, Weights: folder, Tokenizer: folder}
}

// opened opens a source with its tokenizer until the test ends.
func opened(t *testing.T, src lm.Source, tokens config.TokenSettings, o lm.Options) (*lm.Model, error) {
	t.Helper()
	tok, err := src.OpenTokenizer(tokens)
	require.NoError(t, err)
	t.Cleanup(func() { tok.Close() })
	o.Device, o.Compute = tensor.CPU, tensor.Float32
	m, err := lm.Open(src, tok, o)
	if err == nil {
		t.Cleanup(m.Free)
	}
	return m, err
}

func mustOpen(t *testing.T, src lm.Source, o lm.Options) *lm.Model {
	t.Helper()
	m, err := opened(t, src, config.TokenSettings{}, o)
	require.NoError(t, err)
	return m
}

func TestOpen(t *testing.T) {
	m := mustOpen(t, saved(t, 0), lm.Options{})
	require.Nil(t, m.Adapter)
	require.True(t, m.Heads.LM)
	require.Equal(t, m.Params().Count(), m.Trained(), "all of it is trained")
	require.Empty(t, m.Notes())

	with := mustOpen(t, saved(t, 0), lm.Options{Heads: &model.Heads{Score: true}})
	require.NotNil(t, with.Score)
	require.Len(t, with.Notes(), 1)
	require.Contains(t, with.Notes()[0], "score.weight that fits; it starts with random weights")
}

func TestOpenFails(t *testing.T) {
	empty := t.TempDir()
	_, err := lm.Open(lm.Source{Weights: empty}, nil, lm.Options{Device: tensor.CPU, Compute: tensor.Float32})
	require.EqualError(t, err, filepath.Join(empty, model.ConfigName)+": no such file; model_name_or_path wants a folder in Hugging Face's layout")
}

// A token that only tokenizer_config.json names has an id after all others, for which
// a model may have a row.
func TestVocabularyOfNamedTokens(t *testing.T) {
	for _, c := range []struct {
		name   string
		larger int
		o      lm.Options
		grown  int64
		want   string
	}{
		{"the model has a row for it", 1, lm.Options{}, 0, ""},
		{"the model has none", 0, lm.Options{}, 0, " (named beside tokenizer.json, not in it: <end>), and the model "},
		{"the model grows", 0, lm.Options{ResizeVocab: true}, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := saved(t, c.larger)
			require.NoError(t, os.WriteFile(filepath.Join(src.Tokenizer, "tokenizer_config.json"), []byte(`{"eos_token": "<end>"}`), 0o644))
			m, err := opened(t, src, config.TokenSettings{}, c.o)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, c.grown, m.Grown)
			require.Equal(t, m.Tokenizer.MaxID(), m.Tokenizer.Special().EOS)
		})
	}
}

func TestVocabulary(t *testing.T) {
	small := saved(t, -2)
	live := tensor.Live()
	_, err := opened(t, small, config.TokenSettings{}, lm.Options{})
	require.ErrorContains(t, err, "tokenizer "+small.Tokenizer+" has ids up to ")
	require.ErrorContains(t, err, "give the tokenizer that the model was trained with, or resize_vocab = true to let the model grow")
	require.Equal(t, live, tensor.Live(), "a model that is refused leaves no tensor behind")

	grown := mustOpen(t, small, lm.Options{ResizeVocab: true})
	require.EqualValues(t, 2, grown.Grown)
	require.Len(t, grown.Notes(), 1)
	require.Contains(t, grown.Notes()[0], "grows by 2 to ")

	src := saved(t, 0)
	added := config.TokenSettings{AdditionalTokens: []string{"<extra>"}}
	more, err := opened(t, src, added, lm.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 1, more.Grown)
	require.Contains(t, more.Notes()[0], "with <extra>")

	_, err = opened(t, src, added, lm.Options{NewAdapter: adapter()})
	require.EqualError(t, err, "the vocabulary grows by 1 tokens, whose rows an adapter does not hold; add embed_tokens to modules_to_save, or train without lora_r")
}

// adapter describes one on all linear layers.
func adapter(saved ...string) *lora.Config {
	c := lora.Default()
	c.R = 2
	c.Targets = lora.ParseModules([]string{lora.AllLinear})
	c.ModulesToSave = saved
	return &c
}

// A new adapter is trained alone, and is saved alone.
func TestAdapterIsSavedAndOpened(t *testing.T) {
	src := saved(t, 0)
	m := mustOpen(t, src, lm.Options{NewAdapter: adapter()})
	require.NotNil(t, m.Adapter)
	require.Less(t, m.Trained(), m.Params().Count())
	m.TrainAdapterOn(nil, true)
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	require.FileExists(t, filepath.Join(folder, lora.ConfigName))
	require.FileExists(t, filepath.Join(folder, "tokenizer.json"))
	require.NoFileExists(t, filepath.Join(folder, model.ConfigName))

	src.Adapter = folder
	again := mustOpen(t, src, lm.Options{})
	require.NotNil(t, again.Adapter)
	require.Equal(t, m.Trained(), again.Trained())
	require.Empty(t, again.Notes())
	again.TrainAdapterOn(nil, false)
	require.Equal(t, []string{"the adapter of " + folder + " was trained with load_in_4bit = true"}, again.Notes())
}

func TestOpenReference(t *testing.T) {
	src := saved(t, 0)
	options := lm.Options{Device: tensor.CPU, Compute: tensor.Float32}
	reference := func(policy *lm.Model, path string) (*model.Model, error) {
		ref, err := lm.OpenReference(policy, path, options)
		if ref != nil {
			t.Cleanup(ref.Free)
		}
		return ref, err
	}
	policy := mustOpen(t, src, lm.Options{})
	ref, err := reference(policy, "")
	require.NoError(t, err)
	require.Empty(t, ref.Params().Trained(), "a reference model stays as it is")
	require.Equal(t, policy.Params().Count(), ref.Params().Count())
	for i, p := range policy.Params().All() {
		require.Equal(t, p.Tensor.Floats(), ref.Params().All()[i].Tensor.Floats(), p.Name)
	}

	other := saved(t, 5)
	_, err = reference(policy, other.Name)
	require.ErrorContains(t, err, "reference model "+other.Name+" has vocab_size ")
	require.ErrorContains(t, err, "both must share one tokenizer")
	_, err = reference(policy, "no/such/model")
	require.ErrorContains(t, err, "reference model: ")

	adapted := mustOpen(t, src, lm.Options{NewAdapter: adapter()})
	ref, err = reference(adapted, "")
	require.NoError(t, err)
	require.Nil(t, ref, "it is the policy without its adapter")
	ref, err = reference(adapted, src.Name)
	require.NoError(t, err)
	require.Nil(t, ref, "that is what the folder holds")
	ref, err = reference(mustOpen(t, src, lm.Options{NewAdapter: adapter("embed_tokens")}), "")
	require.NoError(t, err)
	require.Equal(t, policy.Params().Count(), ref.Params().Count(), "modules that are trained whole are not those of the folder for long")

	begun := t.TempDir()
	require.NoError(t, adapted.Save(begun))
	src.Adapter, src.Began = begun, begun
	on := mustOpen(t, src, lm.Options{})
	ref, err = reference(on, "")
	require.NoError(t, err)
	require.Empty(t, ref.Params().Trained())
	require.NotEmpty(t, on.Params().Trained(), "a frozen twin leaves the policy trained")
	for i, p := range on.Params().All() {
		require.Equal(t, p.Tensor.Floats(), ref.Params().All()[i].Tensor.Floats(), p.Name)
	}
}

// A name of Hugging Face's hub, which is no folder here, comes with the way to get it.
func TestCheckFolders(t *testing.T) {
	here := t.TempDir()
	for _, c := range []struct {
		model   config.ModelSettings
		adapter config.AdapterSettings
		want    string
	}{
		{config.ModelSettings{Model: here, RefModel: here}, config.AdapterSettings{}, ""},
		{config.ModelSettings{Model: "Qwen/Qwen2.5-0.5B"}, config.AdapterSettings{},
			"model Qwen/Qwen2.5-0.5B: no such folder; model_name_or_path wants one in Hugging Face's layout, and llmhost downloads nothing; if it is a name on huggingface.co, run hf download Qwen/Qwen2.5-0.5B --local-dir Qwen2.5-0.5B and give --model_name_or_path Qwen2.5-0.5B"},
		{config.ModelSettings{Model: here, RefModel: "gpt2"}, config.AdapterSettings{},
			"reference model gpt2: no such folder; ref_model_name_or_path wants one in Hugging Face's layout, and llmhost downloads nothing; if it is a name on huggingface.co, run hf download gpt2 --local-dir gpt2 and give --ref_model_name_or_path gpt2"},
		{config.ModelSettings{Model: here, Tokenizer: "./a/b"}, config.AdapterSettings{}, "tokenizer ./a/b: no such folder; tokenizer_name_or_path wants one in Hugging Face's layout"},
		{config.ModelSettings{Model: here}, config.AdapterSettings{Adapter: "runs/sft/adapter"}, "adapter runs/sft/adapter: no such folder; adapter_name_or_path wants one in PEFT's format"},
	} {
		err := lm.CheckFolders(c.model, c.adapter)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.want)
	}
}
