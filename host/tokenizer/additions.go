package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/jsonobject"
)

// Additions are tokens that a tokenizer gets besides those of its files. Each
// is special: wherever a text spells it out it is one token. One that the vocabulary
// already has keeps its id; the others follow the highest.
type Additions struct {
	Missing bool     // <pad>, </s>, <s> and <unk>, for those roles that no token has
	Pad     string   // the pad token, instead of the one that there is; "" = that one
	Tokens  []string // without a role
}

// Added are the tokens that the files did not have, in the order of their ids.
func (t *Tokenizer) Added() []string { return t.added }

// Beyond are the tokens that tokenizer_config.json and the files beside it name, for
// which tokenizer.json has no id: they follow its highest.
func (t *Tokenizer) Beyond() []string { return t.beyond }

// role is a part that a token plays, by its key in the files.
type role struct {
	key, usual string
	id         *int32
}

// roles are those that Missing fills. An encoder, whose sequences begin and end with
// [CLS] and [SEP], has no use for BOS and EOS.
func (t *Tokenizer) roles() []role {
	all := []role{{"pad_token", "<pad>", &t.special.PAD}, {"unk_token", "<unk>", &t.special.UNK}}
	if t.special.CLS >= 0 && t.special.SEP >= 0 {
		return all
	}
	return slices.Insert(
		all,
		1,
		role{"eos_token", "</s>", &t.special.EOS},
		role{"bos_token", "<s>", &t.special.BOS},
	)
}

// add gives the tokenizer more tokens.
func (t *Tokenizer) add(more Additions) error {
	named := map[string]string{} // key of a role: its token
	var tokens []string
	for _, r := range t.roles() {
		switch {
		case r.key == "pad_token" && more.Pad != "":
			named[r.key] = more.Pad
		case more.Missing && *r.id < 0:
			named[r.key] = r.usual
		default:
			continue
		}
		tokens = append(tokens, named[r.key])
	}
	tokens = append(tokens, more.Tokens...)
	if len(tokens) == 0 {
		return nil
	}
	if err := t.extend(tokens); err != nil {
		return err
	}
	for _, r := range t.roles() {
		if token, is := named[r.key]; is {
			*r.id, _ = t.TokenID(token)
		}
	}
	return t.nameRoles(named)
}

// NamePad makes a token of the tokenizer its pad token, in the files that Save
// writes too.
func (t *Tokenizer) NamePad(id int32) error {
	token, has := t.Token(id)
	if !has {
		return fmt.Errorf("%s has no token %d to pad with", t.path, id)
	}
	t.special.PAD = id
	return t.nameRoles(map[string]string{"pad_token": token})
}

// extend makes the tokenizer one that has the tokens too.
func (t *Tokenizer) extend(tokens []string) error {
	content, err := jsonobject.Parse(t.file)
	if err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	var list []jsonobject.Object
	var known []struct{ Content string }
	if text := content.Get("added_tokens"); text != nil {
		if err := errors.Join(json.Unmarshal(text, &list), json.Unmarshal(text, &known)); err != nil {
			return fmt.Errorf("%s: added_tokens: %w", t.path, err)
		}
	}
	next := t.maxID + 1
	for _, token := range tokens {
		if token == "" || strings.TrimSpace(token) != token {
			return fmt.Errorf("token %q of pad_token or additional_special_tokens: want one that is not empty and neither begins nor ends with a blank", token)
		}
		id, has := t.TokenID(token)
		switch {
		case slices.ContainsFunc(known, func(k struct{ Content string }) bool { return k.Content == token }) ||
			slices.Contains(t.added, token):
			continue
		case !has:
			id, next = next, next+1
			t.added = append(t.added, token)
		}
		list = append(list, jsonobject.Object{}.Set("id", id).Set("content", token).Set("single_word", false).
			Set("lstrip", false).Set("rstrip", false).Set("normalized", false).Set("special", true))
	}
	changed := content.Set("added_tokens", list).Text()
	t.take(changed)
	if err := t.open(changed); err != nil {
		return err
	}
	for i, token := range t.added {
		if id, _ := t.TokenID(token); id != next-int32(len(t.added)-i) {
			return fmt.Errorf(
				"%s: token %q cannot be added after the highest id, %d, because the ids before it have gaps",
				t.path,
				token,
				next-int32(len(t.added))-1,
			)
		}
	}
	t.changed[fileName] = changed
	return nil
}

// nameRoles writes the roles into the files that have roles. A folder that had
// none of these files gets one with every role that is known.
func (t *Tokenizer) nameRoles(named map[string]string) error {
	if len(named) == 0 {
		return nil
	}
	folder := filepath.Dir(t.path)
	found := false
	for _, name := range []string{configName, mapName} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			continue // opening the folder has reported what is wrong with it
		}
		found = true
		content, err := jsonobject.Parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(folder, name), err)
		}
		for _, r := range t.roles() {
			if token, is := named[r.key]; is {
				content = content.Set(r.key, token)
			}
		}
		t.changed[name] = content.Text()
	}
	if found {
		return nil
	}
	content := jsonobject.Object{}.Set("tokenizer_class", "PreTrainedTokenizerFast")
	for _, r := range t.roles() {
		if token, has := t.Token(*r.id); has {
			content = content.Set(r.key, token)
		}
	}
	t.changed[configName] = content.Text()
	return nil
}
