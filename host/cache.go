package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/task"
	"llmhost/host/tokenizer"
)

// errNoCacheFolder is why there is no cache to speak of.
var errNoCacheFolder = errors.New("there is no cache folder; set LLMHOST_CACHE, XDG_CACHE_HOME or HOME")

// DataCache is the cache of tokenised data of this user.
func DataCache() (data.Cache, error) {
	folder := plugin.DefaultCache()
	if folder == "" {
		return data.Cache{}, errNoCacheFolder
	}
	return data.Cache{Folder: filepath.Join(folder, dataCacheName)}, nil
}

// ListCache lists the files of a cache, those last used first, and what they take.
func ListCache(to io.Writer, c data.Cache) error {
	files, err := c.List()
	if err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintf(to, "%10s  %s  %.12s…  %s\n", size(f.Bytes), f.Used.Format(time.DateTime), f.Name, c.Holds(f))
	}
	return SizeOfCache(to, c)
}

// SizeOfCache says what the files of a cache take.
func SizeOfCache(to io.Writer, c data.Cache) error {
	files, err := c.List()
	_, err2 := fmt.Fprintf(to, "%s in %d files of %s\n", size(bytesOf(files)), len(files), c.Folder)
	return errors.Join(err, err2)
}

// PruneCache removes the files that were not used for the longest time, so that the
// others take no more than so many bytes.
func PruneCache(to io.Writer, c data.Cache, most int64) error {
	removed, err := c.Prune(most)
	if err != nil {
		return err
	}
	removeOldSurveys(c)
	_, err = fmt.Fprintf(to, "removed %d files, %s\n", len(removed), size(bytesOf(removed)))
	return errors.Join(err, SizeOfCache(to, c))
}

// removeOldSurveys removes the folder of surveys that earlier builds kept beside the cache.
func removeOldSurveys(c data.Cache) {
	folder := filepath.Join(filepath.Dir(c.Folder), "surveys")
	old, _ := filepath.Glob(filepath.Join(folder, strings.Repeat("?", 64)+".json")) // the pattern is well formed
	for _, path := range old {
		_ = os.Remove(path)
	}
	_ = os.Remove(folder) // unless something else is in it
}

func bytesOf(files []data.CacheFile) (total int64) {
	for _, f := range files {
		total += f.Bytes
	}
	return total
}

// size writes a number of bytes for people.
func size(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// dataCacheName is the folder of tokenised data in the user's cache.
const dataCacheName = "data"

// dataCache keeps tokens and surveys in the user's cache. Nothing is kept where there is
// no such folder, or the formatter's code cannot be identified.
func dataCache(s config.DataSettings, t *task.Task, tok *tokenizer.Tokenizer) data.Cache {
	folder := plugin.DefaultCache()
	code := t.Formatter.Plugin.Digest
	if code == "" {
		code = ownBuild()
	}
	params, err := json.Marshal(t.Params)
	if folder == "" || code == "" || err != nil || s.TokenCacheGB == 0 {
		return data.Cache{}
	}
	return data.Cache{
		Folder:   filepath.Join(folder, dataCacheName),
		MaxBytes: int64(s.TokenCacheGB * 1e9),
		Key: []string{
			t.Formatter.String(),
			code,
			string(params),
			tok.Digest(),
			fmt.Sprint(tok.Special(), tok.SplitsSpecial()),
		},
	}
}

// ownBuild identifies this build of the program, and with it the builtin
// formatters, by its file's size and time; "" where it cannot.
func ownBuild() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d bytes of %d", info.Size(), info.ModTime().UnixNano())
}
