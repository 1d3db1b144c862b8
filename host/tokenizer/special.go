package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files beside tokenizer.json that name the special tokens.
const (
	configName = "tokenizer_config.json"
	mapName    = "special_tokens_map.json"
	modelName  = "config.json"
)

// Special holds the ids of the tokens with a role; -1 where there is none.
type Special struct{ BOS, EOS, PAD, UNK, CLS, SEP int32 }

// readSpecial looks the special tokens up in folder: special_tokens_map.json has the
// first word on each, tokenizer_config.json the second, and the only one where it has
// added_tokens_decoder, as in transformers. Only a folder
// with neither is judged by the ids in its model's config.json, because those
// name a BOS for models whose tokenizer deliberately has none.
func readSpecial(folder string, t *Tokenizer) (Special, error) {
	special := Special{-1, -1, -1, -1, -1, -1}
	roles := []struct {
		name string
		id   *int32
	}{{"bos_token", &special.BOS}, {"eos_token", &special.EOS}, {"pad_token", &special.PAD}, {"unk_token", &special.UNK},
		{"cls_token", &special.CLS}, {"sep_token", &special.SEP}}

	files, err := readRoleFiles(folder)
	if err != nil {
		return special, err
	}
	config, tokens := files.config, files.tok
	look := func(role string) (int32, error) { return t.named(role, files.inOrder()...) }
	if config == nil && tokens == nil {
		model, err := readKeys(filepath.Join(folder, modelName))
		if err != nil {
			return special, err
		}
		look = func(role string) (int32, error) { return t.numbered(role+"_id", model) }
	}
	for _, role := range roles {
		if *role.id, err = look(role.name); err != nil {
			return special, err
		}
	}
	t.usual(&special.CLS, "[CLS]")
	t.usual(&special.SEP, "[SEP]")
	if !config.has("pad_token") && !tokens.has("pad_token") {
		t.usual(&special.PAD, usualPad(config, special))
	}
	return special, nil
}

// classPads are the pad tokens that classes of transformers' tokenizers have
// where no file names one.
var classPads = map[string]string{
	"BertTokenizer":    "[PAD]",
	"GPTNeoXTokenizer": "<|padding|>",
	"GemmaTokenizer":   "<pad>",
	"Qwen2Tokenizer":   "<|endoftext|>",
}

// usualPad is the pad token of a tokenizer whose files name none, "" for none.
func usualPad(config *keys, special Special) string {
	if special.CLS >= 0 && special.SEP >= 0 {
		return classPads["BertTokenizer"]
	}
	var class string
	if config.has("tokenizer_class") {
		_ = json.Unmarshal(config.fields["tokenizer_class"], &class) // what is no text names no class
	}
	return classPads[strings.TrimSuffix(class, "Fast")]
}

// usual gives a role that no file names to the token that BERT uses for it.
func (t *Tokenizer) usual(role *int32, token string) {
	if id, found := t.TokenID(token); found && *role < 0 {
		*role = id
	}
}

// keys is one JSON file, its top level taken apart; nil where there is none.
type keys struct {
	path   string
	fields map[string]json.RawMessage
}

// has tells whether the file has a key, though it may be null.
func (k *keys) has(name string) bool { return k != nil && k.fields[name] != nil }

func readKeys(path string) (*keys, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	k := &keys{path: path}
	if err := json.Unmarshal(data, &k.fields); err != nil {
		return nil, malformed(path, data, err)
	}
	return k, nil
}

// named returns the id of the token that the first of files with the key name
// gives: as a string, or as an object with its text as "content".
func (t *Tokenizer) named(name string, files ...*keys) (int32, error) {
	for _, file := range files {
		if file == nil || file.fields[name] == nil {
			continue
		}
		var token *string
		if json.Unmarshal(file.fields[name], &token) != nil {
			var object struct{ Content *string }
			if json.Unmarshal(file.fields[name], &object) != nil || object.Content == nil {
				return -1, fmt.Errorf(
					"%s: %s is %s; want a string, an object with \"content\", or null",
					file.path,
					name,
					file.fields[name],
				)
			}
			token = object.Content
		}
		if token == nil {
			return -1, nil
		}
		id, ok := t.TokenID(*token)
		if !ok {
			return -1, fmt.Errorf(
				"%s: %s is %q, which %s does not have; add it there under added_tokens, or name another",
				file.path,
				name,
				*token,
				t.path,
			)
		}
		return id, nil
	}
	return -1, nil
}

// numbered returns the id under the key name; of several, the first.
func (t *Tokenizer) numbered(name string, file *keys) (int32, error) {
	if file == nil || file.fields[name] == nil {
		return -1, nil
	}
	var id *int32
	if json.Unmarshal(file.fields[name], &id) != nil {
		var several []int32
		if json.Unmarshal(file.fields[name], &several) != nil || len(several) == 0 {
			return -1, fmt.Errorf(
				"%s: %s is %s; want an id, a list of ids, or null",
				file.path,
				name,
				file.fields[name],
			)
		}
		id = &several[0]
	}
	if id == nil || *id < 0 {
		return -1, nil
	}
	if _, ok := t.Token(*id); !ok {
		return -1, fmt.Errorf(
			"%s: %s is %d, which %s does not have; name the token in a %s beside it",
			file.path,
			name,
			*id,
			t.path,
			configName,
		)
	}
	return *id, nil
}
