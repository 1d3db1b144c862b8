package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/jsonobject"
)

// wish is a token that a file beside tokenizer.json names.
type wish struct {
	entry
	role    bool // it has a name of its own, which makes it special
	decoder bool // its flags replace those of tokenizer.json
}

// fileRoles are the names of tokens with a role, in transformers' order.
var fileRoles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// completed is file, a tokenizer.json, with the tokens that the files beside it name
// and it does not list, as transformers adds them; nil where it lists all of them.
func (t *Tokenizer) completed(file []byte) ([]byte, error) {
	wishes, err := wishesOf(filepath.Dir(t.path))
	if err != nil || len(wishes) == 0 {
		return nil, err
	}
	content, err := jsonobject.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	var list []entry
	if text := content.Get("added_tokens"); text != nil {
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("%s: added_tokens: %w", t.path, err)
		}
	}
	before := slices.Clone(list)
	for _, w := range wishes {
		list = t.grant(list, w)
	}
	if slices.Equal(before, list) {
		return nil, nil
	}
	return content.Set("added_tokens", list).Text(), nil
}

// grant is the list with a token that a file names.
func (t *Tokenizer) grant(list []entry, w wish) []entry {
	at := slices.IndexFunc(list, func(e entry) bool { return e.Content == w.Content })
	if at < 0 {
		var has bool
		if w.ID, has = t.TokenID(w.Content); !has {
			w.ID = t.maxID + 1 + int32(len(t.beyond))
			t.beyond = append(t.beyond, w.Content)
		}
		return append(list, w.entry)
	}
	if w.decoder {
		w.ID, w.Special = list[at].ID, w.Special || list[at].Special // special tokens stay that in tokenizers
		list[at] = w.entry
	}
	list[at].Special = list[at].Special || w.role
	return list
}

// wishesOf are the tokens that the files of a folder name, in the order in which
// transformers gives them ids: those of added_tokens_decoder, those with a role,
// those without. added_tokens_decoder makes special_tokens_map.json and
// added_tokens.json void, as in transformers.
func wishesOf(folder string) (wishes []wish, err error) {
	files, err := readRoleFiles(folder)
	if err != nil {
		return nil, err
	}
	named, err := files.named()
	if err != nil {
		return nil, err
	}
	extra, err := files.extra()
	if err != nil {
		return nil, err
	}
	special := map[string]bool{}
	for _, w := range slices.Concat(named, extra) {
		special[w.Content] = true
	}
	if wishes, err = files.decoder(special); err != nil {
		return nil, err
	}
	wishes = slices.Concat(wishes, named, extra)
	return slices.DeleteFunc(wishes, func(w wish) bool { return w.Content == "" }), nil
}

// roleFiles are the files beside tokenizer.json that name tokens, each nil where
// there is none or where it is void.
type roleFiles struct {
	folder      string
	config, tok *keys // tokenizer_config.json and special_tokens_map.json
	legacy      *keys // added_tokens.json
}

// inOrder are the files that give a token its role, the first word first.
func (f roleFiles) inOrder() []*keys { return []*keys{f.tok, f.config} }

func readRoleFiles(folder string) (f roleFiles, err error) {
	f.folder = folder
	if f.config, err = readKeys(filepath.Join(folder, configName)); err != nil || f.config.has(decoderKey) {
		return f, err
	}
	if f.tok, err = readKeys(filepath.Join(folder, mapName)); err != nil {
		return f, err
	}
	f.legacy, err = readKeys(filepath.Join(folder, legacyName))
	return f, err
}

const (
	decoderKey = "added_tokens_decoder"
	legacyName = "added_tokens.json"
)

// named are the tokens that have a name: a role, or one that only this model has.
func (f roleFiles) named() (wishes []wish, err error) {
	for _, key := range fileRoles {
		for _, file := range f.inOrder() {
			if !file.has(key) {
				continue
			}
			token, err := file.token(key, file.fields[key])
			if err != nil {
				return nil, err
			}
			wishes = append(wishes, wish{entry: token, role: true})
			break
		}
	}
	own, err := f.own()
	for _, token := range own {
		token.Special = true
		wishes = append(wishes, wish{entry: token, role: true})
	}
	return wishes, err
}

// own are the tokens with a name that is no role, such as image_token, in the file's order.
func (f roleFiles) own() (tokens []entry, err error) {
	members, err := f.members()
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if slices.Contains(fileRoles, m.Key) || !strings.HasSuffix(m.Key, "_token") {
			continue
		}
		if token, err := parseEntry(m.Value, true); err == nil { // add_bos_token and the like are no tokens
			tokens = append(tokens, token)
		}
	}
	for _, file := range f.inOrder() {
		var object jsonobject.Object
		if !file.has("extra_special_tokens") || json.Unmarshal(file.fields["extra_special_tokens"], &object) != nil {
			continue
		}
		for _, m := range object {
			token, err := file.token("extra_special_tokens."+m.Key, m.Value)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token)
		}
	}
	return tokens, nil
}

// members is tokenizer_config.json in its order, which decides the ids of new tokens.
func (f roleFiles) members() (jsonobject.Object, error) {
	path := filepath.Join(f.folder, configName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	members, err := jsonobject.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return members, nil
}

// extra are the tokens without a name. A list under its former name counts where
// there is none under the new one.
func (f roleFiles) extra() (wishes []wish, err error) {
	const key, former = "extra_special_tokens", "additional_special_tokens"
	for _, list := range []struct {
		file    *keys
		key     string
		instead bool // only where no token was found before
	}{{f.config, key, false}, {f.config, former, true}, {f.tok, key, false}, {f.tok, former, true}} {
		if list.instead && len(wishes) > 0 {
			continue
		}
		tokens, err := list.file.list(list.key)
		if err != nil {
			return nil, err
		}
		for _, token := range tokens {
			wishes = append(wishes, wish{entry: token})
		}
	}
	return wishes, nil
}

// list are the tokens of a list; none where the key has something else.
func (k *keys) list(key string) (tokens []entry, err error) {
	var texts []json.RawMessage
	if !k.has(key) || json.Unmarshal(k.fields[key], &texts) != nil {
		return nil, nil
	}
	for _, text := range texts {
		token, err := k.token(key, text)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// decoder are the tokens of added_tokens_decoder, or else of added_tokens.json, by
// their ids. Those of the latter are special where special has them.
func (f roleFiles) decoder(special map[string]bool) ([]wish, error) {
	var wishes []wish
	if f.config.has(decoderKey) {
		var numbered map[int32]json.RawMessage
		if err := json.Unmarshal(f.config.fields[decoderKey], &numbered); err != nil {
			return nil, fmt.Errorf("%s: %s is no object of tokens by their ids; want it as transformers writes it", f.config.path, decoderKey)
		}
		for id, text := range numbered {
			token, err := f.config.token(fmt.Sprintf("%s.%d", decoderKey, id), text)
			if err != nil {
				return nil, err
			}
			token.ID = id
			wishes = append(wishes, wish{entry: token, decoder: true})
		}
	}
	if f.legacy != nil {
		for content, text := range f.legacy.fields {
			token := entry{Content: content, Special: special[content], Normalized: !special[content]}
			if err := json.Unmarshal(text, &token.ID); err != nil {
				return nil, fmt.Errorf("%s: %q is %s; want an id", f.legacy.path, content, text)
			}
			wishes = append(wishes, wish{entry: token})
		}
	}
	slices.SortFunc(wishes, func(a, b wish) int { return int(a.ID) - int(b.ID) })
	return wishes, nil
}
