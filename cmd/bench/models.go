package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/model"
	"llmhost/host/tensor"
)

// shape is the size of a Llama that is made for the occasion.
type shape struct {
	Vocab, Hidden, Intermediate, Layers, Heads, KVHeads int64
}

// shapes are the models that -model knows by name. Both are small enough for
// two CPU cores and have the vocabulary of a Llama, so that a large part of
// their work is the head's: 74 % of tiny's multiplications, 39 % of small's, 2 %
// of a model of 7 billion weights.
var shapes = map[string]shape{
	"tiny": {
		Vocab:        32000,
		Hidden:       256,
		Intermediate: 688,
		Layers:       4,
		Heads:        8,
		KVHeads:      4,
	},
	"small": {
		Vocab:        32000,
		Hidden:       512,
		Intermediate: 1376,
		Layers:       8,
		Heads:        8,
		KVHeads:      8,
	},
}

// config is the text of config.json, as both sides read it.
func (s shape) config() []byte {
	text, err := json.Marshal(map[string]any{
		"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "dtype": "float32",
		"vocab_size": s.Vocab, "hidden_size": s.Hidden, "intermediate_size": s.Intermediate,
		"num_hidden_layers": s.Layers, "num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads,
		"head_dim": s.Hidden / s.Heads, "hidden_act": "silu", "rms_norm_eps": 1e-5, "initializer_range": 0.02,
		"max_position_embeddings": 2048, "tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false,
		"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 10000.0},
		"bos_token_id":    1, "eos_token_id": 2, "pad_token_id": 0,
	})
	if err != nil {
		panic(err) // the map holds plain values alone
	}
	return text
}

// create writes a model of this shape with random weights into folder, which exists.
func (s shape) create(folder string) error {
	m, err := model.Create(s.config(), 0, model.Options{
		Device:  tensor.CPU,
		Param:   tensor.Float32,
		Compute: tensor.Float32,
	})
	if err != nil {
		return err
	}
	defer m.Free()
	return m.Save(folder)
}

// modelFolder finds the folder of the model that the user names, and makes it
// below work where the name is one of shapes.
func modelFolder(name, work string) (string, error) {
	s, known := shapes[name]
	if !known {
		return name, nil
	}
	folder := filepath.Join(work, name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return "", err
	}
	return folder, s.create(folder)
}

// vocabOf reads how many ids the model in folder knows.
func vocabOf(folder string) (int64, error) {
	path := filepath.Join(folder, model.ConfigName)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("-model: %w; want tiny, small or the folder of a Hugging Face model", err)
	}
	var c model.Config
	if err := json.Unmarshal(text, &c); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if c.VocabSize <= firstPlainID {
		return 0, fmt.Errorf("%s: vocab_size is %d; want more than %d", path, c.VocabSize, firstPlainID)
	}
	return c.VocabSize, nil
}
