package bert

import (
	"slices"

	"llmhost/host/model/hfconfig"
)

// Classes are the config classes that this package reads.
var Classes = []hfconfig.Class{{ModelType: "bert", Name: "BertConfig", Models: "Bert", Fields: slices.Concat(
	[]hfconfig.Field{
		hfconfig.Read("vocab_size", hfconfig.Int, "30522", ""),
		hfconfig.Read("hidden_size", hfconfig.Int, "768", ""),
		hfconfig.Read("intermediate_size", hfconfig.Int, "3072", ""),
		hfconfig.Read("num_hidden_layers", hfconfig.Int, "12", ""),
		hfconfig.Read("num_attention_heads", hfconfig.Int, "12", ""),
		hfconfig.Read("hidden_act", hfconfig.String, `"gelu"`, "one of transformers' gelus, relu, silu"),
		hfconfig.Read("max_position_embeddings", hfconfig.Int, "512", "the longest sequence"),
		hfconfig.Read("type_vocab_size", hfconfig.Int, "2", "token types"),
		hfconfig.Read("layer_norm_eps", hfconfig.Float, "1e-12", ""),
		hfconfig.Read("initializer_range", hfconfig.Float, "0.02", "deviation of new matrices"),
		hfconfig.Read("hidden_dropout_prob", hfconfig.Number, "0.1", ""),
		hfconfig.Read("attention_probs_dropout_prob", hfconfig.Number, "0.1", ""),
		hfconfig.Read("classifier_dropout", hfconfig.Number|hfconfig.Null, "null", "before a head; null: hidden_dropout_prob"),
		hfconfig.Only("is_decoder", hfconfig.Bool, "false", "BERT is read as an encoder"),
		hfconfig.Only("add_cross_attention", hfconfig.Bool, "false", "BERT is read as an encoder"),
		hfconfig.Kept("tie_word_embeddings", hfconfig.Bool, "true", "there is no head that predicts tokens"),
		hfconfig.Kept("use_cache", hfconfig.Bool, "true", ""),
	},
	hfconfig.Tokens("null", "null", "0"),
	hfconfig.Old(hfconfig.Only("position_embedding_type", hfconfig.Any, `"absolute"`, "other positions are not implemented")),
)}}
