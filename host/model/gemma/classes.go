package gemma

import (
	"slices"

	"llmhost/host/model/hfconfig"
)

// Classes are the config classes that this package reads.
var Classes = []hfconfig.Class{
	{ModelType: second, Name: "Gemma2Config", Models: "Gemma2", Causal: "Gemma2ForCausalLM", Fields: slices.Concat(
		common, hfconfig.Rotary(), hfconfig.Tokens("2", "1", "0"),
		[]hfconfig.Field{
			hfconfig.Read("vocab_size", hfconfig.Int, "256000", ""),
			hfconfig.Read("max_position_embeddings", hfconfig.Int, "8192", "the longest sequence"),
			hfconfig.Read("layer_types", hfconfig.List|hfconfig.Null, "null", "\"full_attention\" or \"sliding_attention\" for each layer; null: every second layer sees all tokens"),
			hfconfig.Read("final_logit_softcapping", hfconfig.Float|hfconfig.Null, "30.0", "bound of logits"),
			hfconfig.Read("attn_logit_softcapping", hfconfig.Float|hfconfig.Null, "50.0", "bound of attention scores"),
			hfconfig.Only("use_bidirectional_attention", hfconfig.Bool|hfconfig.Null, "null", "Gemma is read as a decoder", "false"),
		},
	)},
	{ModelType: third, Name: "Gemma3TextConfig", Models: "Gemma3Text", Causal: "Gemma3ForCausalLM", Fields: slices.Concat(
		common, hfconfig.Tokens("2", "1", "0"),
		[]hfconfig.Field{
			hfconfig.Read("vocab_size", hfconfig.Int, "262208", ""),
			hfconfig.Read("max_position_embeddings", hfconfig.Int, "131072", "the longest sequence"),
			hfconfig.Read("layer_types", hfconfig.List|hfconfig.Null, "null", "\"full_attention\" or \"sliding_attention\" for each layer; null: by sliding_window_pattern"),
			hfconfig.Read("final_logit_softcapping", hfconfig.Float|hfconfig.Null, "null", "bound of logits"),
			hfconfig.Only("attn_logit_softcapping", hfconfig.Float|hfconfig.Null, "null", "Gemma 3 bounds no attention scores"),
			hfconfig.Only("use_bidirectional_attention", hfconfig.Bool|hfconfig.Null, "false", "Gemma is read as a decoder", "null"),
			hfconfig.Read("rope_parameters", hfconfig.Object|hfconfig.Null, "null", "\"full_attention\" and \"sliding_attention\", each with the keys below"),
		},
		hfconfig.Old(
			hfconfig.Read("rope_scaling", hfconfig.Object|hfconfig.Null, "", "of layers that see all tokens, before transformers 5; its keys win over those of rope_parameters, as in transformers"),
			hfconfig.Read("rope_theta", hfconfig.Number, "1000000.0", "of layers that see all tokens, before transformers 5"),
			hfconfig.Read("rope_local_base_freq", hfconfig.Number, "10000.0", "rope_theta of layers with a window, before transformers 5"),
			hfconfig.Read("sliding_window_pattern", hfconfig.Int, "6", "without layer_types: every layer of this number sees all tokens"),
			hfconfig.Only("partial_rotary_factor", hfconfig.Any, "null", "this class rotates every channel", "1", "1.0"),
			hfconfig.Only("original_max_position_embeddings", hfconfig.Any, "null", "rope_parameters has it for each kind of layer"),
		),
	)},
}

// common are fields that both classes have alike.
var common = []hfconfig.Field{
	hfconfig.Read("hidden_size", hfconfig.Int, "2304", ""),
	hfconfig.Read("intermediate_size", hfconfig.Int, "9216", ""),
	hfconfig.Read("num_hidden_layers", hfconfig.Int, "26", ""),
	hfconfig.Read("num_attention_heads", hfconfig.Int, "8", ""),
	hfconfig.Read("num_key_value_heads", hfconfig.Int, "4", ""),
	hfconfig.Read("head_dim", hfconfig.Int, "256", ""),
	hfconfig.Read("hidden_activation", hfconfig.String, `"gelu_pytorch_tanh"`, "one of transformers' gelus, relu, silu"),
	hfconfig.Read("rms_norm_eps", hfconfig.Float, "1e-06", ""),
	hfconfig.Read("initializer_range", hfconfig.Float, "0.02", "deviation of new matrices"),
	hfconfig.Read("tie_word_embeddings", hfconfig.Bool, "true", hfconfig.Tied),
	hfconfig.Read("attention_bias", hfconfig.Bool, "false", "of queries, keys, values and output"),
	hfconfig.Read("attention_dropout", hfconfig.Number|hfconfig.Null, "0.0", "null: 0"),
	hfconfig.Read("query_pre_attn_scalar", hfconfig.Int, "256", "attention scores are divided by its square root"),
	hfconfig.Read("sliding_window", hfconfig.Int|hfconfig.Null, "4096", "tokens that a token of a windowed layer sees"),
	hfconfig.Kept("use_cache", hfconfig.Bool, "true", ""),
}
