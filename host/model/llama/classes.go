package llama

import (
	"slices"

	"llmhost/host/model/hfconfig"
)

// Classes are the config classes that this package reads.
var Classes = []hfconfig.Class{
	{ModelType: "llama", Name: "LlamaConfig", Models: "Llama", Causal: "LlamaForCausalLM", Fields: slices.Concat(
		hfconfig.Sizes("32000", "11008", "2048"), common, hfconfig.Rotary(), hfconfig.Tokens("1", "2", "null"),
		[]hfconfig.Field{
			hfconfig.Read("num_key_value_heads", hfconfig.Int|hfconfig.Null, "null", "null: num_attention_heads"),
			hfconfig.Read("head_dim", hfconfig.Int|hfconfig.Null, "null", "null: hidden_size / num_attention_heads"),
			hfconfig.Read("attention_dropout", hfconfig.Number|hfconfig.Null, "0.0", "null: 0"),
			hfconfig.Read("attention_bias", hfconfig.Bool, "false", "of queries, keys, values and output"),
			hfconfig.Read("mlp_bias", hfconfig.Bool, "false", ""),
			hfconfig.Kept("pretraining_tp", hfconfig.Int|hfconfig.Null, "1", "the same numbers in slices, in transformers before 5"),
		},
		hfconfig.Old(hfconfig.Read("layer_types", hfconfig.List|hfconfig.Null, "null", "\"full_attention\" for each layer, as this class has no windows")),
	)},
	{ModelType: "mistral", Name: "MistralConfig", Models: "Mistral", Causal: "MistralForCausalLM", Fields: slices.Concat(
		hfconfig.Sizes("32000", "14336", "131072"), common, hfconfig.Rotary(), hfconfig.Tokens("1", "2", "null"),
		[]hfconfig.Field{
			hfconfig.Read("num_key_value_heads", hfconfig.Int, "8", ""),
			hfconfig.Read("head_dim", hfconfig.Int|hfconfig.Null, "null", "null: hidden_size / num_attention_heads"),
			hfconfig.Read("attention_dropout", hfconfig.Number, "0.0", ""),
			hfconfig.Read("sliding_window", hfconfig.Int|hfconfig.Null, "4096", "tokens that a token sees, in every layer; null: all before it"),
		},
		hfconfig.Old(hfconfig.Only("layer_types", hfconfig.Any, "", "transformers then reads the model as a ministral, which is not implemented")),
	)},
	{ModelType: "qwen2", Name: "Qwen2Config", Models: "Qwen2", Causal: "Qwen2ForCausalLM", Fields: slices.Concat(
		hfconfig.Sizes("151936", "22016", "32768"), common, hfconfig.Rotary(), hfconfig.Windows(), hfconfig.Tokens("null", "null", "null"),
		[]hfconfig.Field{
			hfconfig.Read("num_key_value_heads", hfconfig.Int|hfconfig.Null, "32", "null: num_attention_heads"),
			hfconfig.Read("attention_dropout", hfconfig.Number, "0.0", ""),
		},
		hfconfig.Old(hfconfig.Read("head_dim", hfconfig.Int, "", "without it hidden_size / num_attention_heads")),
	)},
	{ModelType: "qwen3", Name: "Qwen3Config", Models: "Qwen3", Causal: "Qwen3ForCausalLM", Fields: slices.Concat(
		hfconfig.Sizes("151936", "22016", "32768"), common, hfconfig.Rotary(), hfconfig.Windows(), hfconfig.Tokens("null", "null", "null"),
		[]hfconfig.Field{
			hfconfig.Read("num_key_value_heads", hfconfig.Int|hfconfig.Null, "32", "null: num_attention_heads"),
			hfconfig.Read("head_dim", hfconfig.Int, "128", ""),
			hfconfig.Read("attention_dropout", hfconfig.Number, "0.0", ""),
			hfconfig.Read("attention_bias", hfconfig.Bool, "false", "of queries, keys, values and output"),
		},
	)},
}

// common are fields that all of these classes have alike.
var common = []hfconfig.Field{
	hfconfig.Only("hidden_act", hfconfig.String, `"silu"`, "this family has no other", `"swish"`),
	hfconfig.Read("rms_norm_eps", hfconfig.Float, "1e-06", ""),
	hfconfig.Read("initializer_range", hfconfig.Float, "0.02", "deviation of new matrices"),
	hfconfig.Read("tie_word_embeddings", hfconfig.Bool, "false", hfconfig.Tied),
	hfconfig.Kept("use_cache", hfconfig.Bool, "true", ""),
}
