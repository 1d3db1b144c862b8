package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// byteSpecials are the special tokens of the byte-level tokenizer: their ids
// are their places here, and byte b has id len(byteSpecials)+b.
var byteSpecials = []string{"<unk>", "<s>", "</s>", "<pad>"}

// WriteByteLevel writes a tokenizer for models that start from nothing into
// folder, which it creates where needed: one token a byte, 260 tokens in all, so
// that any text can be encoded and decoded. It puts <s> before a text, as Llama's does.
// transformers loads the two files as a PreTrainedTokenizerFast.
func WriteByteLevel(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	for name, content := range map[string]any{fileName: byteTokenizer(), configName: byteConfig()} {
		var data bytes.Buffer
		encoder := json.NewEncoder(&data)
		encoder.SetEscapeHTML(false) // so that "<s>" reads as it is
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(content); err != nil {
			return fmt.Errorf("tokenizer: %w", err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), data.Bytes(), 0o644); err != nil {
			return fmt.Errorf("tokenizer: %w", err)
		}
	}
	return nil
}

// object is a JSON object; Go writes its keys in order.
type object = map[string]any

// byteTokenizer is the content of tokenizer.json: a BPE that never merges. Its
// pre-tokenizer spells bytes as characters and, with no merges to keep inside
// words, splits nothing.
func byteTokenizer() object {
	vocab := object{}
	added := []object{}
	for id, token := range byteSpecials {
		vocab[token] = id
		added = append(added, object{"id": id, "content": token, "special": true,
			"single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	for b, char := range byteChars() {
		vocab[string(char)] = len(byteSpecials) + b
	}
	spell := object{
		"type":             "ByteLevel",
		"add_prefix_space": false,
		"trim_offsets":     false,
		"use_regex":        false,
	}
	return object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": nil, "pre_tokenizer": spell, "post_processor": beginsWithBOS(), "decoder": spell,
		"model": object{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil,
			"end_of_word_suffix": nil, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
			"vocab": vocab, "merges": []string{}},
	}
}

// beginsWithBOS is the post-processor that puts <s> before each text.
func beginsWithBOS() object {
	const bos = 1
	token := func(kind int) object { return object{"SpecialToken": object{"id": byteSpecials[bos], "type_id": kind}} }
	text := func(name string, kind int) object { return object{"Sequence": object{"id": name, "type_id": kind}} }
	return object{
		"type":   "TemplateProcessing",
		"single": []object{token(0), text("A", 0)},
		"pair":   []object{token(0), text("A", 0), token(1), text("B", 1)},
		"special_tokens": object{
			byteSpecials[bos]: object{"id": byteSpecials[bos], "ids": []int{bos}, "tokens": byteSpecials[bos : bos+1]},
		},
	}
}

// byteConfig is the content of tokenizer_config.json.
func byteConfig() object {
	return object{
		"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false,
		"unk_token": byteSpecials[0], "bos_token": byteSpecials[1], "eos_token": byteSpecials[2], "pad_token": byteSpecials[3],
	}
}

// byteChars is GPT-2's spelling of bytes: those that Latin-1 prints are spelt as
// themselves, the others, in order, as the characters from U+0100 on.
func byteChars() (chars [256]rune) {
	next := rune(0x100)
	for b := range chars {
		switch {
		case b >= '!' && b <= '~', b >= 0xA1 && b <= 0xAC, b >= 0xAE:
			chars[b] = rune(b)
		default:
			chars[b] = next
			next++
		}
	}
	return chars
}
