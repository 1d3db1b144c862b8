package host

import (
	"encoding/json"
	"strconv"
	"strings"

	"llmhost/host/model"
	"llmhost/host/rundir"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
)

// NewModel describes a small Llama with random weights and a byte-level
// tokenizer, for trying things out.
type NewModel struct {
	OutputDir             string
	HiddenSize            int64
	IntermediateSize      int64 // 0 = 8/3 of HiddenSize, rounded up to a multiple of 32
	NumHiddenLayers       int64
	NumAttentionHeads     int64
	NumKeyValueHeads      int64 // 0 = NumAttentionHeads
	MaxPositionEmbeddings int64
	TieWordEmbeddings     bool
	InitializerRange      float64
	Seed                  int64

	Note rundir.Noter // takes sentences for the user
}

// Init writes a new model folder, which must be empty or absent, and returns
// the number of weights.
func Init(n NewModel) (weights int64, err error) {
	claim, err := rundir.HoldEmpty(n.OutputDir, "init", n.Note)
	if err != nil {
		return 0, err
	}
	defer claim.Release()
	if err := tensor.Load(); err != nil {
		return 0, err
	}
	if err := tokenizer.WriteByteLevel(n.OutputDir); err != nil {
		return 0, err
	}
	tok, err := tokenizer.Load(n.OutputDir)
	if err != nil {
		return 0, err
	}
	defer tok.Close()
	m, err := model.Create(n.config(tok), n.Seed, model.Options{
		Device:  tensor.CPU,
		Param:   tensor.Float32,
		Compute: tensor.Float32,
	})
	if err != nil {
		return 0, err
	}
	defer m.Free()
	return m.Params().Count(), m.Save(n.OutputDir)
}

// config is the text of config.json, in the layout of transformers 5.
func (n NewModel) config(tok *tokenizer.Tokenizer) []byte {
	if n.IntermediateSize == 0 {
		n.IntermediateSize = (n.HiddenSize*8/3 + 31) / 32 * 32
	}
	if n.NumKeyValueHeads == 0 {
		n.NumKeyValueHeads = n.NumAttentionHeads
	}
	special := tok.Special()
	text, err := json.MarshalIndent(map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "dtype": "float32",
		"vocab_size": tok.VocabSize(), "hidden_size": n.HiddenSize, "intermediate_size": n.IntermediateSize,
		"num_hidden_layers": n.NumHiddenLayers, "num_attention_heads": n.NumAttentionHeads,
		"num_key_value_heads": n.NumKeyValueHeads, "head_dim": n.HiddenSize / max(1, n.NumAttentionHeads),
		"hidden_act": "silu", "rms_norm_eps": decimal(1e-5), "initializer_range": decimal(n.InitializerRange),
		"max_position_embeddings": n.MaxPositionEmbeddings, "tie_word_embeddings": n.TieWordEmbeddings,
		"attention_bias": false, "attention_dropout": decimal(0), "mlp_bias": false, "use_cache": true,
		"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": decimal(10000)},
		"bos_token_id":    special.BOS, "eos_token_id": special.EOS, "pad_token_id": special.PAD,
	}, "", "  ")
	if err != nil {
		panic(err) // the map holds plain values alone
	}
	return append(text, '\n')
}

// decimal writes a number with a point or an exponent, as transformers wants it.
type decimal float64

func (d decimal) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(d), 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return []byte(text), nil
}
