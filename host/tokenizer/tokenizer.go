// Package tokenizer turns text into the ids that a model reads, and back, from
// a Hugging Face tokenizer.json.
//
// The work is done by Hugging Face's own crate, built to WebAssembly (see
// tokcore/) and run by wazero, so ids, spans and decoded text are those of the
// Python library. This package holds the instances, checks their input, and
// explains errors. The same module renders chat templates (see Template); which one a
// model has, package chat knows. It knows nothing of datasets or models. Start with Load.
package tokenizer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"unicode/utf8"
)

// fileName is what Hugging Face calls the file that describes a tokenizer.
const fileName = "tokenizer.json"

// Tokenizer encodes and decodes text. Safe for concurrent use; callers that
// run at the same time work on instances of their own, up to a limit.
type Tokenizer struct {
	path    string // of tokenizer.json, as errors name it
	file    []byte // the tokenizer.json that texts are encoded with
	digest  string
	engine  *engine
	pool    *pool
	pieces  *pieces   // nil where texts cannot be encoded in pieces
	ready   sync.Once // makes pieces
	vocab   int
	maxID   int32
	special Special
	around  Around
	control map[int32]bool    // tokens that are special in the file, and those with a role
	marked  []string          // tokens that the file marks as special
	split   bool              // such tokens in a text are encoded as the text that they are
	added   []string          // tokens that the files do not have
	beyond  []string          // tokens that only files beside tokenizer.json have
	changed map[string][]byte // files, by name, that differ from those of the folder
}

// Load reads the tokenizer at path: a folder that holds tokenizer.json, or
// that file itself. Files beside it that name the special tokens are read too.
// Padding and truncation that the file asks for are not applied. Close it.
func Load(path string) (*Tokenizer, error) { return LoadWith(path, Additions{}) }

// LoadWith is Load with tokens added to what the files have; Save writes them.
func LoadWith(path string, more Additions) (*Tokenizer, error) {
	path, err := locate(path)
	if err != nil {
		return nil, err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	engine, err := newEngine()
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{path: path, engine: engine, changed: map[string][]byte{}}
	t.take(file)
	if err = t.open(file); err == nil {
		err = t.add(more)
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// take makes file, the bytes of a tokenizer.json, the one that texts are encoded with.
func (t *Tokenizer) take(file []byte) {
	if t.pool != nil {
		t.pool.empty()
	}
	t.file = file
	sum := sha256.Sum256(file)
	t.digest, t.pool = hex.EncodeToString(sum[:]), newPool(func() (*instance, error) { return newInstance(t.engine, file) })
	t.ready = sync.Once{}
}

// open makes the first instance, which proves the file, gives it the tokens that only the
// files beside it name, and reads the special tokens.
func (t *Tokenizer) open(file []byte) error {
	if err := t.prove(file); err != nil {
		return err
	}
	completed, err := t.completed(file)
	if err != nil {
		return err
	}
	if completed != nil {
		file = completed
		t.changed[fileName] = file
		t.take(file)
		if err := t.prove(file); err != nil {
			return err
		}
	}
	if t.special, err = readSpecial(filepath.Dir(t.path), t); err != nil {
		return err
	}
	if err := t.readControl(file); err != nil {
		return err
	}
	t.around, err = readAround(filepath.Dir(t.path), t)
	return err
}

// prove makes the first instance of file.
func (t *Tokenizer) prove(file []byte) error {
	err := t.pool.use(func(i *instance) error {
		t.vocab = i.vocab
		t.maxID = i.maxID
		return nil
	})
	if err != nil {
		return explain(t.path, file, err)
	}
	return nil
}

// locate returns the path of the tokenizer.json that path names.
func locate(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("tokenizer %s: no such file or folder; give a folder with %s", path, fileName)
	case err != nil:
		return "", fmt.Errorf("tokenizer: %w", err)
	case !info.IsDir() && filepath.Base(path) != fileName:
		return "", fmt.Errorf("tokenizer %s: want a folder or a file named %s", path, fileName)
	case !info.IsDir():
		return path, nil
	}
	file := filepath.Join(path, fileName)
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", missing(path)
	}
	return file, nil
}

// missing says that folder has no tokenizer.json, and what it has instead.
func missing(folder string) error {
	for _, older := range []string{"tokenizer.model", "spiece.model", "vocab.json", "vocab.txt"} {
		if _, err := os.Stat(filepath.Join(folder, older)); err == nil {
			return fmt.Errorf("tokenizer %s: no %s, only the older %s; write it with transformers: AutoTokenizer.from_pretrained(%q).save_pretrained(%q)",
				folder, fileName, older, folder, folder)
		}
	}
	return fmt.Errorf(
		"tokenizer %s: no %s in this folder; copy it from the model that it belongs to",
		folder,
		fileName,
	)
}

// Close frees all instances. No other method may run then, or later.
func (t *Tokenizer) Close() error { return t.engine.close() }

// Digest is the SHA-256 of tokenizer.json, in hex.
func (t *Tokenizer) Digest() string { return t.digest }

// VocabSize is the number of tokens, added ones included.
func (t *Tokenizer) VocabSize() int { return t.vocab }

// MaxID is the highest id: an embedding needs MaxID+1 rows. It is VocabSize-1
// unless the ids have gaps.
func (t *Tokenizer) MaxID() int32 { return t.maxID }

// Special returns the ids of the tokens with a role, -1 for a role that no token has.
func (t *Tokenizer) Special() Special { return t.special }

// TokenID returns the id of token, as tokenizer.json spells it ("Ġthe", "</s>").
func (t *Tokenizer) TokenID(token string) (id int32, ok bool) {
	if !utf8.ValidString(token) {
		return -1, false
	}
	err := t.pool.use(func(i *instance) (err error) {
		id, err = i.tokenID(token)
		return err
	})
	return id, err == nil && id >= 0
}

// Token returns the token with an id, as tokenizer.json spells it.
func (t *Tokenizer) Token(id int32) (token string, ok bool) {
	if id < 0 || id > t.maxID {
		return "", false
	}
	err := t.pool.use(func(i *instance) (err error) {
		token, err = i.token(id)
		return err
	})
	return token, err == nil
}

// Save hands the files that make up the tokenizer to write, as they are in its
// folder, or with the tokens that were added. They belong beside a saved model.
func (t *Tokenizer) Save(folder string, write func(path string, data []byte) error) error {
	for _, name := range append([]string{
		fileName, configName, mapName, "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt",
		"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
	}, t.templateFiles()...) {
		data, changed := t.changed[name]
		if !changed {
			var err error
			if data, err = os.ReadFile(filepath.Join(t.Folder(), name)); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return fmt.Errorf("tokenizer: %w", err)
			}
		}
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return fmt.Errorf("tokenizer: %w", err)
		}
		if err := write(path, data); err != nil {
			return err
		}
	}
	return nil
}
