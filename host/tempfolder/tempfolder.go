// Package tempfolder makes temporary folders that do not outlive their purpose
// for long: each is locked by the process that made it, for as long as this
// lives, and whoever makes the next one removes those that nobody holds any
// more.
package tempfolder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Folder is a folder that only its owner may enter.
type Folder struct {
	Path string
	lock *os.File // of the folder itself; the system lets go of it when this process ends
}

// Make makes a folder whose name begins with a prefix in the folder for
// temporary files, and removes those of the same prefix that killed processes
// left there.
func Make(prefix string) (*Folder, error) {
	sweep(prefix)
	for range 10 {
		path, err := os.MkdirTemp("", prefix+"*")
		if err != nil {
			return nil, err
		}
		lock, err := lockAt(path)
		if err == nil {
			return &Folder{path, lock}, nil
		}
		if !errors.Is(err, errTaken) {
			os.Remove(path)
			return nil, err
		}
	}
	return nil, errTaken
}

// Close removes the folder with all that is in it.
func (f *Folder) Close() error {
	defer f.lock.Close()
	return remove(f.Path)
}

// errTaken is a folder that another process holds, or has just removed.
var errTaken = errors.New("another process holds the folder")

// lockAt locks the folder at path.
func lockAt(path string) (*os.File, error) {
	folder, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errTaken
	}
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		folder.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errTaken
		}
		return nil, err
	}
	locked, err := folder.Stat()
	now, gone := os.Lstat(path)
	if err != nil || gone != nil || !os.SameFile(locked, now) {
		folder.Close()
		return nil, errTaken
	}
	return folder, nil
}

// making is far longer than a process needs from making a folder to locking it.
const making = time.Hour

// sweep removes what killed processes of this user left. What it cannot remove
// stays: it is in nobody's way.
func sweep(prefix string) {
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		return
	}
	for _, e := range entries {
		if number, is := strings.CutPrefix(e.Name(), prefix); is && isNumber(number) && e.IsDir() {
			removeDead(filepath.Join(os.TempDir(), e.Name()))
		}
	}
}

// isNumber reports whether a text is what os.MkdirTemp puts into names.
func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func removeDead(path string) {
	lock, err := lockAt(path)
	if err != nil { // it is in use, or another user's
		return
	}
	defer lock.Close()
	info, err := lock.Stat()
	if err != nil || !isOurs(info) {
		return
	}
	if names, _ := lock.Readdirnames(1); len(names) == 0 && time.Since(info.ModTime()) < making {
		return
	}
	_ = remove(path)
}

func isOurs(info fs.FileInfo) bool {
	owner, known := info.Sys().(*syscall.Stat_t)
	return known && int(owner.Uid) == os.Geteuid()
}

// remove removes a folder, and those in it that were made read-only.
func remove(path string) error {
	if err := os.RemoveAll(path); err == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			return os.Chmod(at, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
