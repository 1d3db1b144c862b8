package neox

import (
	"slices"

	"llmhost/host/model/hfconfig"
)

// Classes are the config classes that this package reads.
var Classes = []hfconfig.Class{{ModelType: "gpt_neox", Name: "GPTNeoXConfig", Models: "GPTNeoX", Causal: "GPTNeoXForCausalLM", Fields: slices.Concat(
	[]hfconfig.Field{
		hfconfig.Read("vocab_size", hfconfig.Int, "50432", ""),
		hfconfig.Read("hidden_size", hfconfig.Int, "6144", ""),
		hfconfig.Read("intermediate_size", hfconfig.Int, "24576", ""),
		hfconfig.Read("num_hidden_layers", hfconfig.Int, "44", ""),
		hfconfig.Read("num_attention_heads", hfconfig.Int, "64", ""),
		hfconfig.Read("max_position_embeddings", hfconfig.Int, "2048", "the longest sequence"),
		hfconfig.Read("hidden_act", hfconfig.String, `"gelu"`, "one of transformers' gelus, relu, silu"),
		hfconfig.Read("layer_norm_eps", hfconfig.Float, "1e-05", ""),
		hfconfig.Read("initializer_range", hfconfig.Float, "0.02", "deviation of new matrices"),
		hfconfig.Read("hidden_dropout", hfconfig.Number, "0.0", ""),
		hfconfig.Read("attention_dropout", hfconfig.Number, "0.0", ""),
		hfconfig.Read("use_parallel_residual", hfconfig.Bool, "true", "attention and the feed-forward layer read the same input"),
		hfconfig.Read("attention_bias", hfconfig.Bool, "true", ""),
		hfconfig.Read("tie_word_embeddings", hfconfig.Bool, "false", hfconfig.Tied),
		hfconfig.Read("rope_parameters", hfconfig.Object|hfconfig.Null, "null", "the keys are below; partial_rotary_factor is 0.25 by default"),
		hfconfig.Kept("classifier_dropout", hfconfig.Number, "0.1", "of transformers' classifier of tokens"),
		hfconfig.Kept("is_decoder", hfconfig.Bool, "false", "it is one either way"),
		hfconfig.Kept("use_cache", hfconfig.Bool, "true", ""),
	},
	hfconfig.Tokens("0", "2", "null"),
	hfconfig.Old(
		hfconfig.Read("rope_scaling", hfconfig.Object|hfconfig.Null, "", "rope_parameters before transformers 5; where both are there it wins, as in transformers"),
		hfconfig.Read("rotary_emb_base", hfconfig.Number, "10000.0", "rope_theta before transformers 5"),
		hfconfig.Read("rotary_pct", hfconfig.Number, "0.25", "partial_rotary_factor before transformers 5"),
		hfconfig.Read("original_max_position_embeddings", hfconfig.Int, "", "wins over the same key of rope_parameters for llama3 and yarn, as in transformers"),
		hfconfig.Read("head_dim", hfconfig.Int, "", "hidden_size / num_attention_heads and nothing else, as attention has that size"),
	),
)}}
