package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"llmhost/host/atomicfile"
)

// LockName is the name of the lock file in a run's folder.
const LockName = "llmhost.lock"

// Lock records which plugin files a run used.
type Lock struct {
	Version int         `json:"llmhost_lock"`
	Plugins []LockEntry `json:"plugins"`
}

// LockEntry is one plugin file.
type LockEntry struct {
	ID      string `json:"id"` // the plugin's name
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Kind    Road   `json:"kind"`
	ABI     int    `json:"abi"`
	Size    int    `json:"size"`
	SDK     string `json:"sdk"`
	Path    string `json:"path"`
}

// ReadLock reads a lock file; a file that is not there is an empty lock.
func ReadLock(path string) (Lock, error) {
	lock := Lock{Version: 1}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lock, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &lock)
	}
	if err == nil && lock.Version != 1 {
		err = fmt.Errorf("has version %d, this llmhost reads 1", lock.Version)
	}
	if err != nil {
		return Lock{}, fmt.Errorf("%s: %w", path, err)
	}
	return lock, nil
}

// Write writes the lock file in one step.
func (l Lock) Write(path string) error {
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, append(data, '\n'))
}

// Change is a plugin whose file is not the one that the lock names.
type Change struct{ Was, Is LockEntry }

// Notice says in one line that the plugin is another than it was.
func (c Change) Notice() string {
	return fmt.Sprintf("plugin %s: now %s of sha256 %s, was %s of sha256 %s", c.Is.Path, c.Is.Version, c.Is.SHA256[:12], c.Was.Version, c.Was.SHA256[:min(12, len(c.Was.SHA256))])
}

// Error says that the change is not allowed; to a run that resumes or is locked.
func (c Change) Error() string {
	return fmt.Sprintf("plugin %s: its sha256 is %s, %s has %s; restore the file, or start a new run without locked", c.Is.Path, c.Is.SHA256, LockName, c.Was.SHA256)
}

// Update brings the lock up to the files that a run uses, and returns those
// that changed. Builtin plugins are part of the binary and stand in no lock.
func (l *Lock) Update(used ...Info) []Change {
	var changes []Change
	for _, info := range used {
		if info.Digest == "" {
			continue
		}
		is := LockEntry{info.Name, info.Version, info.Digest, info.Road, info.ABI, info.Size, info.SDK, info.Path}
		at := slices.IndexFunc(l.Plugins, func(e LockEntry) bool { return e.ID == is.ID })
		if at < 0 {
			l.Plugins = append(l.Plugins, is)
			continue
		}
		if was := l.Plugins[at]; was.SHA256 != is.SHA256 {
			changes = append(changes, Change{was, is})
		}
		l.Plugins[at] = is
	}
	return changes
}
