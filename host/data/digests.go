package data

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/data/source"
)

// digestsName is the file of a cache that has the sha256 of large data files.
const digestsName = "digests.json"

const (
	largeFile   = 8 << 20 // bytes from which on a digest is worth remembering
	mostDigests = 1000    // how many are, those of the files last used
)

// digestOfFile is the sha256 of a file while the file system and both ends of the file
// say the same of it. The rule is that of git's index.
type digestOfFile struct {
	Stamps []source.Stamp `json:"stamps"`
	Ends   string         `json:"ends"`
	SHA256 string         `json:"sha256"`
	Used   time.Time      `json:"used"`
}

// digests lists files with the sha256 of each. Large ones that nobody wrote to since
// another run read them in full are not read again.
func (c Cache) digests(files source.Files) ([]source.File, error) {
	if c.Folder == "" {
		return files.Digests(nil)
	}
	known := c.readDigests()
	began := c.now()
	listed, err := files.Digests(func(f source.File) string { return known[nameOf(f)].of(f) })
	if err != nil {
		return nil, err
	}
	news := false
	for _, f := range listed {
		if f.Identity.Bytes < largeFile || !f.Settled(began) {
			continue
		}
		news = news || known[nameOf(f)].of(f) == ""
		known[nameOf(f)] = digestOfFile{f.Stamps, f.Identity.Ends, f.SHA256, began}
	}
	if news {
		c.writeDigests(known)
	}
	return listed, nil
}

func (c Cache) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// knownDigests is digests for as long as no large file must be read for it.
func (c Cache) knownDigests(files source.Files) (listed []source.File, known bool, err error) {
	all := c.readDigests()
	found, err := files.Identify()
	if err != nil {
		return nil, false, err
	}
	for _, f := range found {
		if f.Identity.Bytes >= largeFile && all[nameOf(f)].of(f) == "" {
			return nil, false, nil
		}
	}
	listed, err = c.digests(files)
	return listed, err == nil, err
}

// of is the digest of f, "" where f is not as it was.
func (d digestOfFile) of(f source.File) string {
	if len(f.Stamps) == 0 || !slices.Equal(d.Stamps, f.Stamps) || d.Ends != f.Identity.Ends {
		return ""
	}
	return d.SHA256
}

// nameOf is the path of f from wherever the program runs.
func nameOf(f source.File) string {
	path, err := filepath.Abs(f.Path)
	if err != nil {
		return f.Path
	}
	return path
}

// readDigests are those that the cache has; none where it is damaged.
func (c Cache) readDigests() map[string]digestOfFile {
	known := map[string]digestOfFile{}
	text, err := os.ReadFile(filepath.Join(c.Folder, digestsName))
	if err != nil || json.Unmarshal(text, &known) != nil || known == nil {
		return map[string]digestOfFile{}
	}
	return known
}

// writeDigests keeps those that were used last. Where that fails the next run reads the
// files again.
func (c Cache) writeDigests(known map[string]digestOfFile) {
	byUse := slices.SortedFunc(maps.Keys(known), func(a, b string) int { return known[b].Used.Compare(known[a].Used) })
	for _, path := range byUse[min(len(byUse), mostDigests):] {
		delete(known, path)
	}
	text, err := json.Marshal(known)
	if err == nil && os.MkdirAll(c.Folder, 0o755) == nil {
		_ = atomicfile.WriteFile(filepath.Join(c.Folder, digestsName), text)
	}
}
