package hfconfig

// Shared are the keys of every class.
var Shared = append([]Field{
	Saved("architectures", Any, "null", "the class of what is saved: …ForCausalLM, …ForSequenceClassification, or llm_codebase's name of a model with several heads"),
	Saved("dtype", Any, "null", "the type of the weights that are saved, see save_dtype"),
	Saved("id2label", Any, "null", "the names of the classes. Read: two classes LABEL_0 and LABEL_1 where there is none, and where num_labels is another number as many LABEL_n. Written with a head of classes or a score"),
	Saved("label2id", Any, "null", "written with id2label, as its inverse; not read, as transformers takes names from id2label"),
	Saved("problem_type", Any, "null", "not read; where it is there it becomes \"single_label_classification\" under a head of classes, and under a score all but \"regression\" is removed"),
	Only("is_encoder_decoder", Any, "false", "none of these models is one"),
	Kept("chunk_size_feed_forward", Any, "0", "the same numbers in pieces"),
	Kept("output_hidden_states", Any, "false", ""),
	Kept("return_dict", Any, "true", ""),
	Kept("transformers_version", Any, "null", "of who wrote the file first"),
}, Old(
	Saved("torch_dtype", Any, "", "dtype before transformers 5; both are written where both are there"),
	Saved("num_labels", Int, "", "read as transformers does: it wins over an id2label of another size. Removed where id2label is written"),
	Saved("auto_map", Any, "", "removed: it names code that is not copied, and the architectures are transformers' own"),
	Saved("_name_or_path", Any, "", "removed: the folder that the file was first read from"),
	Only("per_layer_config", Any, "null", "layers that differ are not implemented", "{}"),
	Only("quantization_config", Any, "null", "quantized weights are not read: take the folder with the weights as they were trained; load_in_4bit = true rounds them here"),
	Only("pruned_heads", Any, "null", "pruned heads are not implemented", "{}"),
	Only("configuration_files", Any, "[]", "another file would then be read instead"),
	Kept("output_attentions", Any, "", ""),
)...)

// Tokens are the ids of special tokens, by their defaults.
func Tokens(bos, eos, pad string) []Field {
	return []Field{
		Saved("bos_token_id", Int|Null, bos, "the tokenizer's where a setting chose its special tokens; not read, as the tokenizer says it"),
		Saved("eos_token_id", Int|List|Null, eos, "the same"),
		Saved("pad_token_id", Int|Null, pad, "the same, and beside a score or a head of classes"),
	}
}

// Rotary are the keys of rotary positions, where each token rotates all channels
// of a head.
func Rotary() []Field {
	return append([]Field{
		Read("rope_parameters", Object|Null, "null", "the keys are below"),
	}, append(OldRotary("10000.0"), Old(
		Only("partial_rotary_factor", Any, "null", "this class rotates every channel", "1", "1.0"))...)...)
}

// OldRotary are keys of rotary positions before transformers 5.
func OldRotary(theta string) []Field {
	return Old(
		Read("rope_scaling", Object|Null, "", "rope_parameters before transformers 5; where both are there it wins, as in transformers"),
		Read("rope_theta", Number, theta, "before transformers 5; rope_theta of rope_parameters wins"),
		Read("original_max_position_embeddings", Int, "", "wins over the same key of rope_parameters for llama3 and yarn, as in transformers"),
	)
}

// Windows are the keys of layers of which some see a window of tokens.
func Windows() []Field {
	return []Field{
		Read("use_sliding_window", Bool, "false", "false: every layer sees all tokens"),
		Read("sliding_window", Int|Null, "4096", "tokens that a token of a windowed layer sees"),
		Read("max_window_layers", Int, "28", "without layer_types: layers from this one on have the window"),
		Read("layer_types", List|Null, "null", "\"full_attention\" or \"sliding_attention\" for each layer; null: by use_sliding_window and max_window_layers"),
	}
}

// Sizes are the sizes of a decoder whose defaults differ by class.
func Sizes(vocab, intermediate, positions string) []Field {
	return []Field{
		Read("vocab_size", Int, vocab, ""),
		Read("hidden_size", Int, "4096", ""),
		Read("intermediate_size", Int, intermediate, ""),
		Read("num_hidden_layers", Int, "32", ""),
		Read("num_attention_heads", Int, "32", ""),
		Read("max_position_embeddings", Int, positions, "the longest sequence"),
	}
}

// Tied says how tie_word_embeddings is read.
const Tied = "the head that predicts tokens is the input embedding. Where the files hold two matrices with different values they are two, as in transformers, and false is written"
