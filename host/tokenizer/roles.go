package tokenizer

import "path/filepath"

// RoleTokens are the tokens with a role by its name in Hugging Face's files
// (bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token), those
// that there are.
func (t *Tokenizer) RoleTokens() (map[string]string, error) {
	s := t.special
	tokens := map[string]string{}
	for role, id := range map[string]int32{"bos_token": s.BOS, "eos_token": s.EOS, "unk_token": s.UNK,
		"sep_token": s.SEP, "pad_token": s.PAD, "cls_token": s.CLS} {
		if token, has := t.Token(id); has {
			tokens[role] = token
		}
	}
	files, err := readRoleFiles(t.Folder())
	if err != nil {
		return nil, err
	}
	id, err := t.named("mask_token", files.inOrder()...)
	if err != nil {
		return nil, err
	}
	if token, has := t.Token(id); has {
		tokens["mask_token"] = token
	}
	return tokens, nil
}

// Folder is where the tokenizer's files lie.
func (t *Tokenizer) Folder() string { return filepath.Dir(t.path) }
