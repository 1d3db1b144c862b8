package tokenizer

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Around is what a tokenizer puts around a single text by itself, as
// transformers' tokenizer(text) does.
type Around struct {
	Before, After []int32
	// What tokenizer_config.json asks for instead, as "add_bos_token = false"; ""
	// where it agrees. transformers ignores it beside a tokenizer.json.
	IgnoredBefore, IgnoredAfter string
}

// Around returns what the tokenizer puts around a text by itself.
func (t *Tokenizer) Around() Around { return t.around }

// IsControl tells whether an id is that of a special token: one that the file
// marks as special, or that has a role. The one for unknown characters is none.
func (t *Tokenizer) IsControl(id int32) bool { return t.control[id] }

// SpecialTokens are the tokens that tokenizer.json marks as special, which a text that
// spells them out becomes; sorted.
func (t *Tokenizer) SpecialTokens() []string { return t.marked }

// SplitSpecial says whether special tokens that a text spells out are encoded as the
// text that they are. Without it tokenizer_config.json decides, as in transformers.
// No other method may run at the same time.
func (t *Tokenizer) SplitSpecial(split bool) { t.split = split }

// SplitsSpecial tells whether they are.
func (t *Tokenizer) SplitsSpecial() bool { return t.split }

// probe is a text that every tokenizer makes tokens of.
const probe = "a"

// readAround asks the post-processor of tokenizer.json, except for the classes of
// transformers that replace it.
func readAround(folder string, t *Tokenizer) (around Around, err error) {
	config, err := readKeys(filepath.Join(folder, configName))
	if err != nil {
		return around, err
	}
	t.split = config.splits()
	encoding, err := t.EncodeWithOffsets(probe, true)
	if err != nil {
		return around, err
	}
	first := max(0, slices.Index(encoding.Added, false))
	last := len(encoding.IDs)
	for last > first && encoding.Added[last-1] {
		last--
	}
	around.Before = slices.Clone(encoding.IDs[:first])
	around.After = slices.Clone(encoding.IDs[last:])
	switch config.class() {
	case "GPTNeoXTokenizer":
		around.Before, around.After = nil, nil
	case "CodeLlamaTokenizer":
		around.Before, around.After = slices.DeleteFunc([]int32{t.special.BOS}, func(id int32) bool { return id < 0 }), nil
	}
	around.IgnoredBefore = config.ignored("add_bos_token", len(around.Before) > 0)
	around.IgnoredAfter = config.ignored("add_eos_token", len(around.After) > 0)
	return around, nil
}

// class is the tokenizer's class in transformers, whose fast and slow ones are one;
// "" where the file names none.
func (k *keys) class() (name string) {
	if k == nil || json.Unmarshal(k.fields["tokenizer_class"], &name) != nil {
		return ""
	}
	return strings.TrimSuffix(name, "Fast")
}

// ignored is a key, with its value, that asks for another state than the one there is.
func (k *keys) ignored(key string, is bool) string {
	var asked *bool
	if k == nil || json.Unmarshal(k.fields[key], &asked) != nil || asked == nil || *asked == is {
		return ""
	}
	return fmt.Sprintf("%s = %v", key, *asked)
}

// splits tells whether tokenizer_config.json asks to encode special tokens in a
// text as the text that they are.
func (k *keys) splits() (split bool) {
	return k != nil && json.Unmarshal(k.fields["split_special_tokens"], &split) == nil && split
}

// readControl finds the tokens that file, the tokenizer.json that texts are encoded with,
// marks as special, and those with a role.
func (t *Tokenizer) readControl(file []byte) error {
	var content struct {
		AddedTokens []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
	}
	if err := json.Unmarshal(file, &content); err != nil {
		return fmt.Errorf("%s: added_tokens: %w", t.path, err)
	}
	t.control, t.marked = map[int32]bool{}, nil
	for _, token := range content.AddedTokens {
		if token.Special {
			t.control[token.ID] = true
			t.marked = append(t.marked, token.Content)
		}
	}
	slices.Sort(t.marked)
	s := t.special
	for _, id := range []int32{s.BOS, s.EOS, s.PAD, s.CLS, s.SEP} {
		t.control[id] = true
	}
	delete(t.control, -1)
	delete(t.control, s.UNK)
	return nil
}
