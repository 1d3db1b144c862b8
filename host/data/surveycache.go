package data

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/data/source"
)

// surveyVersion is incremented when the survey of the same data changes.
const surveyVersion = 3

const surveyEnding = ".json"

// mostKept is how many surveys a cache keeps, of a few kilobytes each.
const mostKept = 256

// SurveyCache keeps surveys on the disk, so that the next run over the same
// data need not take them again.
type SurveyCache struct {
	Folder string // "" keeps none

	// Key is what a survey depends on besides the files and how they are
	// tokenised: digests of the formatter's code and parameters, and of the
	// tokenizer.
	Key []string
}

// surveyKey is everything that a survey depends on. Paths are part of it, since a
// survey holds positions of records.
type surveyKey struct {
	Version     int           `json:"version"`
	Files       []source.File `json:"files"`
	Limit       int           `json:"limit"`
	Total       int           `json:"total,omitempty"`
	Key         []string      `json:"key"`
	OnBadRow    OnBadRow      `json:"on_bad_row"`
	Tokenizing  Tokenizing    `json:"tokenizing"`
	SharePrefix bool          `json:"share_prefix"`
	Limits      Limits        `json:"limits"`
}

// digest names the file of a survey.
func (k surveyKey) digest() string {
	text, err := json.Marshal(k)
	if err != nil {
		panic(err) // k holds plain values alone
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// keptSurvey is the content of such a file.
type keptSurvey struct {
	Key    string  `json:"key"`
	Survey *Survey `json:"survey"`
}

// survey returns the survey kept under a key, or else takes it and keeps it.
// A file that is damaged, or holds another survey, is written again. A failed
// write is ignored: the next run takes the survey again.
func (c SurveyCache) survey(key string, take func() Survey) Survey {
	if c.Folder == "" {
		return take()
	}
	path := filepath.Join(c.Folder, key+surveyEnding)
	if kept, found := readSurvey(path, key); found {
		return kept
	}
	taken := take()
	_ = writeSurvey(path, key, taken)
	return taken
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
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(path, text); err != nil {
		return err
	}
	return prune(folder, mostKept)
}

// prune removes the oldest surveys of a folder beyond so many.
func prune(folder string, most int) error {
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) <= most {
		return err
	}
	written := map[string]time.Time{}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || filepath.Ext(e.Name()) != surveyEnding {
			continue // removed by another run meanwhile, or still being written
		}
		names = append(names, e.Name())
		written[e.Name()] = info.ModTime()
	}
	slices.SortFunc(names, func(a, b string) int { return written[b].Compare(written[a]) }) // the newest first
	for _, name := range names[min(most, len(names)):] {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}
