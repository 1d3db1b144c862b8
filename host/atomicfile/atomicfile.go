// Package atomicfile writes files and folders that are either whole or not
// there: everything is written under a temporary name in the same folder,
// synced to the disk and renamed. A crash leaves what was there before, and at
// most a temporary, which Sweep removes. Start at WriteFile, Create and
// CreateDir.
package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Prefix begins the name of everything that has not been committed.
const Prefix = ".tmp-"

// WriteFile writes data to path, or leaves what was there. With a full disk
// the error is syscall.ENOSPC to errors.Is.
func WriteFile(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// File is a file on its way to a final name. Commit or Abort ends it; an
// Abort after Commit does nothing, so it can be deferred.
type File struct {
	file  *os.File // nil once ended
	final string
	done  int64 // bytes written
}

// Create opens a temporary file beside path, which Commit renames to path.
func Create(path string) (*File, error) {
	var file *os.File
	_, err := makeTemp(path, func(temp string) (err error) {
		file, err = os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &File{file: file, final: path}, nil
}

// Write appends p. A short write is an error that names the final path.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.done += int64(n)
	if err != nil {
		return n, f.explain(err)
	}
	return n, nil
}

// Commit syncs the file, renames it to its final name, replacing what was
// there, and syncs the folder. On an error the temporary is removed and the
// final name is untouched.
func (f *File) Commit() error {
	defer f.Abort()
	if err := f.file.Sync(); err != nil {
		return f.explain(err)
	}
	if err := f.file.Close(); err != nil {
		return f.explain(err)
	}
	if err := os.Rename(f.file.Name(), f.final); err != nil {
		return f.explain(err)
	}
	f.file = nil
	return Sync(filepath.Dir(f.final))
}

// Abort closes and removes the temporary file.
func (f *File) Abort() {
	if f.file == nil {
		return
	}
	_ = f.file.Close() // a second close after Commit's is harmless
	_ = os.Remove(f.file.Name())
	f.file = nil
}

func (f *File) explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf(
			"%s: the disk is full after %d bytes of it; nothing was replaced; free some space: %w",
			f.final,
			f.done,
			err,
		)
	}
	return fmt.Errorf("%s: %w", f.final, err)
}

// Sweep removes the temporaries that crashed runs left directly in dir and
// returns their names. No other writer may be at work in dir.
func Sweep(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var removed []string
	var failures []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), Prefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			failures = append(failures, err)
			continue
		}
		removed = append(removed, e.Name())
	}
	return removed, errors.Join(failures...)
}

// Sync makes the bytes of a file, or the names in a folder, durable.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// makeTemp calls make with fresh temporary names beside path until one is free.
func makeTemp(path string, make func(temp string) error) (string, error) {
	path = filepath.Clean(path)
	dir := filepath.Dir(path)
	base := filepath.Base(path)
	for {
		var salt [6]byte
		if _, err := rand.Read(salt[:]); err != nil {
			return "", err
		}
		temp := filepath.Join(dir, Prefix+hex.EncodeToString(salt[:])+"-"+base)
		err := make(temp)
		switch {
		case err == nil:
			return temp, nil
		case errors.Is(err, fs.ErrExist):
			continue
		case errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("%s: the folder %s does not exist; make it first: %w", path, dir, fs.ErrNotExist)
		default:
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
}
