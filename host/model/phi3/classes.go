package phi3

import (
	"slices"

	"llmhost/host/model/hfconfig"
)

// Classes are the config classes that this package reads.
var Classes = []hfconfig.Class{{ModelType: "phi3", Name: "Phi3Config", Models: "Phi3", Causal: "Phi3ForCausalLM", Fields: slices.Concat(
	[]hfconfig.Field{
		hfconfig.Read("vocab_size", hfconfig.Int, "32064", ""),
		hfconfig.Read("hidden_size", hfconfig.Int, "3072", ""),
		hfconfig.Read("intermediate_size", hfconfig.Int, "8192", ""),
		hfconfig.Read("num_hidden_layers", hfconfig.Int, "32", ""),
		hfconfig.Read("num_attention_heads", hfconfig.Int, "32", ""),
		hfconfig.Read("num_key_value_heads", hfconfig.Int|hfconfig.Null, "null", "null: num_attention_heads"),
		hfconfig.Read("max_position_embeddings", hfconfig.Int, "4096", "the longest sequence"),
		hfconfig.Read("hidden_act", hfconfig.String, `"silu"`, "one of transformers' gelus, relu, silu"),
		hfconfig.Read("rms_norm_eps", hfconfig.Float, "1e-05", ""),
		hfconfig.Read("initializer_range", hfconfig.Float, "0.02", "deviation of new matrices"),
		hfconfig.Read("resid_pdrop", hfconfig.Number, "0.0", ""),
		hfconfig.Only("embd_pdrop", hfconfig.Number, "0.0", "transformers ignores it", "0"),
		hfconfig.Read("attention_dropout", hfconfig.Number, "0.0", ""),
		hfconfig.Read("sliding_window", hfconfig.Int|hfconfig.Null, "null", "tokens that a token sees, in every layer; null: all before it"),
		hfconfig.Read("tie_word_embeddings", hfconfig.Bool, "false", hfconfig.Tied),
		hfconfig.Read("rope_parameters", hfconfig.Object|hfconfig.Null, "null", "rope_type \"default\" alone: longrope is not implemented, and transformers takes no other"),
		hfconfig.Kept("original_max_position_embeddings", hfconfig.Int, "4096", "of longrope"),
		hfconfig.Kept("use_cache", hfconfig.Bool, "true", ""),
	},
	hfconfig.Tokens("1", "32000", "32000"),
	hfconfig.Old(
		hfconfig.Read("rope_scaling", hfconfig.Object|hfconfig.Null, "", "rope_parameters before transformers 5; where both are there it wins, as in transformers"),
		hfconfig.Read("rope_theta", hfconfig.Number, "10000.0", "before transformers 5; rope_theta of rope_parameters wins"),
		hfconfig.Read("partial_rotary_factor", hfconfig.Number, "1.0", "share of a head's channels that are rotated; that of rope_parameters wins"),
		hfconfig.Read("head_dim", hfconfig.Int, "", "without it hidden_size / num_attention_heads"),
	),
)}}
