package data

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/data/source"
)

// cacheVersion is incremented when the tokens or the survey of the same data change.
const cacheVersion = 6

// The endings of the files of a cache: tokens of data, and surveys of tokens.
const (
	tokensEnding = ".tokens"
	surveyEnding = ".survey.json"
)

// Cache keeps tokenised data and surveys of them on the disk, so that the next run
// over the same data need not make them again. Those that were not used for the
// longest time go first.
type Cache struct {
	Folder   string // "" keeps none
	MaxBytes int64  // of all files; 0 = as many as there are

	// Key is what tokens depend on besides the files and how they are tokenised:
	// digests of the formatter's code and parameters, and of the tokenizer.
	Key []string

	// Now is the time by which files count as settled; nil = that of the clock.
	Now func() time.Time

	// Note is told why something could not be kept; nil where nobody listens.
	Note func(format string, args ...any)
}

// tokensKey is everything that the tokens of some files depend on. Paths are part of
// it, since examples say where they are from.
type tokensKey struct {
	Version    int               `json:"version"`
	Files      []source.File     `json:"files"`
	Limit      int               `json:"limit"`
	Total      int               `json:"total,omitempty"`
	Unreadable source.Unreadable `json:"unreadable"`
	Key        []string          `json:"key"`
	Columns    []string          `json:"columns"` // the fields that are read, in the formatter's order
	OnBadRow   OnBadRow          `json:"on_bad_row"`
	Tokenizing Tokenizing        `json:"tokenizing"`
}

// surveyKey is everything that a survey depends on.
type surveyKey struct {
	Tokens      string `json:"tokens"` // the digest of their key
	SharePrefix bool   `json:"share_prefix"`
	Limits      Limits `json:"limits"`

	Part *partKey `json:"part,omitempty"` // which of them; nil = all
}

// digestOf names the file of what a key stands for.
func digestOf(key any) string {
	text, err := json.Marshal(key)
	if err != nil {
		panic(err) // keys hold plain values alone
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (c Cache) path(digest, ending string) string { return filepath.Join(c.Folder, digest+ending) }

func (c Cache) note(format string, args ...any) {
	if c.Note != nil {
		c.Note(format, args...)
	}
}

// open returns the tokens kept under a key; nil where there are none. A file that is
// damaged is noted and removed.
func (c Cache) open(digest string, padding map[string]float32) *Store {
	if c.Folder == "" {
		return nil
	}
	path := c.path(digest, tokensEnding)
	store, err := openStore(path, digest, padding)
	switch {
	case err == nil:
		touch(path)
		return store
	case errors.Is(err, errDamaged):
		c.note("%s is damaged; the data are tokenised again", path)
		_ = os.Remove(path)
	}
	return nil
}

// create begins the file of the tokens of a key; nil where none are kept.
func (c Cache) create(digest string) (*storeWriter, error) {
	if c.Folder == "" {
		return nil, nil
	}
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return nil, err
	}
	return newStore(c.path(digest, tokensEnding), digest)
}

// touch says that a file was used now.
func touch(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
}

// keptSurvey is the content of the file of a survey.
type keptSurvey struct {
	Key    string  `json:"key"`
	Survey *Survey `json:"survey"`
}

// survey returns the survey kept under a key, or else takes it and keeps it.
// A file that is damaged, or holds another survey, is written again. A failed
// write is ignored: the next run takes the survey again.
func (c Cache) survey(key surveyKey, take func() (Survey, error)) (Survey, error) {
	if c.Folder == "" {
		return take()
	}
	digest := digestOf(key)
	path := c.path(digest, surveyEnding)
	if kept, found := readSurvey(path, digest); found {
		touch(path)
		return kept, nil
	}
	taken, err := take()
	if err == nil {
		_ = writeSurvey(path, digest, taken)
	}
	return taken, err
}

func readSurvey(path, key string) (s Survey, found bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Survey{}, false
	}
	var kept keptSurvey
	err = json.Unmarshal(text, &kept)
	if err != nil || kept.Key != key || kept.Survey == nil {
		return Survey{}, false
	}
	return *kept.Survey, true
}

func writeSurvey(path, key string, s Survey) error {
	text, err := json.Marshal(keptSurvey{Key: key, Survey: &s})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, text)
}

// CacheFile is a file of a cache.
type CacheFile struct {
	Name  string
	Bytes int64
	Used  time.Time // the last time
}

// Holds says for people what a file of the cache holds.
func (c Cache) Holds(f CacheFile) string {
	key, isTokens := strings.CutSuffix(f.Name, tokensEnding)
	if !isTokens {
		return "survey"
	}
	file, err := os.Open(filepath.Join(c.Folder, f.Name))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	s := &Store{file: file}
	if err := s.readTail(f.Bytes, key); err != nil {
		return "damaged tokens"
	}
	return fmt.Sprintf("tokens of %d examples of %s", s.tail.Examples, strings.Join(s.tail.Files, ", "))
}

// List lists the files of the cache, those last used first. A folder that is not
// there has none.
func (c Cache) List() (files []CacheFile, err error) {
	entries, err := os.ReadDir(c.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		info, err := e.Info()
		isOurs := strings.HasSuffix(e.Name(), tokensEnding) || strings.HasSuffix(e.Name(), surveyEnding)
		if err != nil || !isOurs || strings.HasPrefix(e.Name(), atomicfile.Prefix) {
			continue // removed by another run meanwhile, or still being written
		}
		files = append(files, CacheFile{e.Name(), info.Size(), info.ModTime()})
	}
	slices.SortStableFunc(files, func(a, b CacheFile) int { return b.Used.Compare(a.Used) })
	return files, err
}

// Prune removes the files that were not used for the longest time, so that the others
// take no more than so many bytes; those of no bytes are all, with what is remembered of
// data files. spare is not removed. A run that reads a file which
// is removed reads it to its end.
func (c Cache) Prune(most int64, spare ...string) (removed []CacheFile, err error) {
	files, err := c.List()
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, f := range files {
		total += f.Bytes
	}
	if most == 0 {
		_ = os.Remove(filepath.Join(c.Folder, digestsName))
	}
	for _, f := range slices.Backward(files) {
		if total <= most {
			break
		}
		if slices.Contains(spare, f.Name) {
			continue
		}
		if err := os.Remove(filepath.Join(c.Folder, f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
		total -= f.Bytes
		removed = append(removed, f)
	}
	return removed, nil
}
