package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"llmhost/host/atomicfile"
	"llmhost/host/jsonerror"
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
	ID      string    `json:"id"` // the plugin's name
	Version string    `json:"version"`
	SHA256  string    `json:"sha256"`
	Kind    Transport `json:"kind"`
	ABI     int       `json:"abi"`
	Size    int       `json:"size"`
	SDK     string    `json:"sdk"`
	Path    string    `json:"path"`
}

// lockVersion is the version of lock files that this package reads and writes.
const lockVersion = 1

// ReadLock reads a lock file; a missing file is an empty lock.
func ReadLock(path string) (Lock, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{Version: lockVersion}, nil
	}
	if err != nil {
		return Lock{}, fmt.Errorf("%s: %w", path, err)
	}
	var lock Lock
	if err = json.Unmarshal(data, &lock); err == nil {
		err = lock.sound()
	}
	if err != nil {
		return Lock{}, fmt.Errorf(
			"%s: %s; restore it, or remove it to take the plugin as it is now",
			path,
			brief(jsonerror.Explain(data, err)),
		)
	}
	return lock, nil
}

// sound returns an error if llmhost cannot have written the lock.
func (l Lock) sound() error {
	if l.Version != lockVersion {
		return fmt.Errorf("has version %d, this llmhost reads %d", l.Version, lockVersion)
	}
	for i, entry := range l.Plugins {
		if digest, err := hex.DecodeString(entry.SHA256); err != nil || len(digest) != sha256.Size {
			return fmt.Errorf("plugin %d has sha256 %q; want 64 hex digits", i, short(entry.SHA256))
		}
	}
	return nil
}

// Knows reports whether the lock has the file.
func (l Lock) Knows(file Info) bool {
	return slices.ContainsFunc(l.Plugins, func(e LockEntry) bool { return e.SHA256 == file.Digest })
}

// Write writes the lock file in one step.
func (l Lock) Write(path string) error {
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, append(data, '\n'))
}

// Change is a plugin file that differs from the one in the lock.
type Change struct{ Was, Is LockEntry }

// Notice says in one line that the plugin has changed.
func (c Change) Notice() string {
	moved := ""
	if c.Was.Path != c.Is.Path {
		moved = line(c.Was.Path) + " "
	}
	return fmt.Sprintf(
		"plugin %s: now %s of sha256 %s, was %s%s of sha256 %s",
		c.Is.Path,
		c.Is.Version,
		short(c.Is.SHA256),
		moved,
		line(c.Was.Version),
		short(c.Was.SHA256),
	)
}

// Error says that the change is not allowed, in a run that resumes or is locked.
func (c Change) Error() string {
	if c.Was.Path != c.Is.Path {
		return fmt.Sprintf(
			"plugin %s: is not in %s, which has %s of sha256 %s; give that file, or start a new run without locked",
			c.Is.Path,
			LockName,
			line(c.Was.Path),
			c.Was.SHA256,
		)
	}
	return fmt.Sprintf(
		"plugin %s: its sha256 is %s, %s has %s; restore the file, or start a new run without locked",
		c.Is.Path,
		c.Is.SHA256,
		LockName,
		c.Was.SHA256,
	)
}

// short is an abbreviated digest, for people.
func short(digest string) string { return digest[:min(12, len(digest))] }

// Check compares a plugin file with the lock by its digest. It returns a
// *Change if the lock has another file: the one of the same path or, if no path
// is the same, the first. The plugin's own name does not count. An empty lock
// allows every file.
func (l Lock) Check(file Info) error {
	if file.Digest == "" || len(l.Plugins) == 0 {
		return nil
	}
	if l.Knows(file) {
		return nil
	}
	was := l.Plugins[0]
	for _, entry := range l.Plugins {
		if entry.Path == file.Path {
			was = entry
		}
	}
	return &Change{was, entryOf(file)}
}

func entryOf(file Info) LockEntry {
	return LockEntry{file.Name, file.Version, file.Digest, file.Transport, file.ABI, file.Size, file.SDK, file.Path}
}

// Update makes the lock that of the files that a run uses, and returns those
// that have changed. Builtin plugins are part of the binary and are not locked.
func (l *Lock) Update(used ...Info) []*Change {
	before := *l
	l.Plugins = []LockEntry{}
	var changes []*Change
	for _, file := range used {
		entry := entryOf(file)
		if file.Digest == "" || slices.Contains(l.Plugins, entry) {
			continue
		}
		var change *Change
		if errors.As(before.Check(file), &change) {
			changes = append(changes, change)
		}
		l.Plugins = append(l.Plugins, entry)
	}
	return changes
}
