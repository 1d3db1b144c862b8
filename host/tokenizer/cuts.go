package tokenizer

import (
	"encoding/json"
	"slices"
	"strings"
)

// A text may be encoded in pieces where its tokens cannot reach over the ends of a
// piece. The place that is so with nearly all tokenizers is a single blank between
// two visible ASCII characters, in front of the blank: "the|_cat|_sat". Whether it is
// so with a tokenizer follows from its parts, each of which is known or is not.
type cuts struct {
	Normalizer json.RawMessage `json:"normalizer"`
	PreTok     json.RawMessage `json:"pre_tokenizer"`
	Added      []entry         `json:"added_tokens"`
	Model      struct {
		Type         string          `json:"type"`
		Dropout      *float64        `json:"dropout"`
		IgnoreMerges bool            `json:"ignore_merges"`
		Prefix       string          `json:"continuing_subword_prefix"`
		Suffix       string          `json:"end_of_word_suffix"`
		Vocab        json.RawMessage `json:"vocab"`
	} `json:"model"`
}

// part is a normalizer or a pre-tokenizer as tokenizer.json writes it.
type part struct {
	Type          string
	Normalizers   []json.RawMessage
	Pretokenizers []json.RawMessage
	Pattern       struct{ String, Regex string }
	Content       string
	Prepend       string
	Behavior      string
	Invert        bool
	UseRegex      *bool `json:"use_regex"`
	Replacement   string
	Split         *bool
}

// blankMark is how SentencePiece writes a blank.
const blankMark = "▁"

// splitPatterns are the patterns of Split whose matches have blanks at their
// beginning, or are blanks alone: of GPT-2, of GPT-4 and Llama 3, of Qwen 2, of GPT-4o,
// and the parts of DeepSeek's.
var splitPatterns = []string{
	`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	`\p{N}{1,3}`,
	`[一-龥぀-ゟ゠-ヿ]+`,
	"[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
}

// cutsAtBlanks tells whether texts may be cut in front of single blanks, and returns
// the added tokens, which are looked for in whole texts. file is a tokenizer.json.
func cutsAtBlanks(file []byte) (added []string, may bool) {
	var c cuts
	if json.Unmarshal(file, &c) != nil || c.Model.Dropout != nil {
		return nil, false
	}
	hasNormalizer := len(c.Normalizer) > 0 && string(c.Normalizer) != "null"
	for _, a := range c.Added {
		if a.Normalized && hasNormalizer || a.Content == "" {
			return nil, false // it is looked for in what the normalizer makes of a text
		}
		added = append(added, a.Content)
	}
	if !normalizesApart(c.Normalizer) {
		return nil, false
	}
	splits, known := splitsAtBlanks(c.PreTok)
	if !known {
		return nil, false
	}
	return added, splits || c.noTokenReachesOver()
}

// normalizesApart tells whether a normalizer does the same to two pieces as to their
// whole, but for the beginning of the text.
func normalizesApart(text json.RawMessage) bool {
	var p part
	if len(text) == 0 || string(text) == "null" {
		return true
	}
	if json.Unmarshal(text, &p) != nil {
		return false
	}
	switch p.Type {
	case "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer", "Prepend", "Nmt":
		return true
	case "Replace":
		return p.Pattern.String == " " && p.Content == blankMark || p.Pattern.Regex == " {2,}"
	case "Sequence":
		return !slices.ContainsFunc(p.Normalizers, func(n json.RawMessage) bool { return !normalizesApart(n) })
	}
	return false
}

// splitsAtBlanks tells whether a pre-tokenizer is known, and whether it always splits a
// text in front of single blanks.
func splitsAtBlanks(text json.RawMessage) (splits, known bool) {
	var p part
	if len(text) == 0 || string(text) == "null" {
		return false, true
	}
	if json.Unmarshal(text, &p) != nil {
		return false, false
	}
	switch p.Type {
	case "BertPreTokenizer", "Whitespace", "WhitespaceSplit":
		return true, true
	case "ByteLevel":
		return p.UseRegex == nil || *p.UseRegex, true
	case "Digits", "Punctuation":
		return false, true
	case "Metaspace":
		return (p.Split == nil || *p.Split) && p.Replacement == blankMark, p.Replacement == blankMark
	case "Split":
		known = p.Behavior == "Isolated" && !p.Invert && slices.Contains(splitPatterns, p.Pattern.Regex)
		return known && strings.HasSuffix(p.Pattern.Regex, `\s+`), known
	case "Sequence":
		for _, one := range p.Pretokenizers {
			s, k := splitsAtBlanks(one)
			if !k {
				return false, false
			}
			splits = splits || s
		}
		return splits, true
	}
	return false, false
}

// noTokenReachesOver tells whether no token has a blank behind something else, where a
// text is not split before the model sees it.
func (c cuts) noTokenReachesOver() bool {
	if c.Model.IgnoreMerges || c.Model.Prefix != "" || c.Model.Suffix != "" {
		return false
	}
	tokens := c.tokens()
	for _, blank := range []string{blankMark, "Ġ"} {
		if !slices.Contains(tokens, blank) {
			continue
		}
		return !slices.ContainsFunc(tokens, func(token string) bool {
			return strings.Contains(strings.TrimLeft(token, blank), blank)
		})
	}
	return false
}

// tokens lists the vocabulary.
func (c cuts) tokens() (tokens []string) {
	if c.Model.Type == "BPE" {
		var ids map[string]int
		_ = json.Unmarshal(c.Model.Vocab, &ids)
		for token := range ids {
			tokens = append(tokens, token)
		}
		return tokens
	}
	var scored [][2]any
	_ = json.Unmarshal(c.Model.Vocab, &scored)
	for _, row := range scored {
		if token, is := row[0].(string); is {
			tokens = append(tokens, token)
		}
	}
	return tokens
}
