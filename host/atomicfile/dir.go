package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Dir is a folder on its way to a final name. Files are written plainly under
// Path; Commit makes all of them durable at once. An Abort after Commit does
// nothing, so it can be deferred.
type Dir struct {
	temp  string // "" once ended
	final string
}

// CreateDir makes a temporary folder beside final, which Commit renames.
func CreateDir(final string) (*Dir, error) {
	final = filepath.Clean(final)
	temp, err := makeTemp(final, func(temp string) error { return os.Mkdir(temp, 0o777) })
	if err != nil {
		return nil, err
	}
	return &Dir{temp: temp, final: final}, nil
}

// Path is the temporary folder to write into.
func (d *Dir) Path() string { return d.temp }

// Commit syncs every file and folder below Path, renames the folder to its
// final name, replacing a folder that was there, and syncs the folder above.
// On an error the temporary is removed and the final name is untouched.
func (d *Dir) Commit() error {
	defer d.Abort()
	if err := syncTree(d.temp); err != nil {
		return fmt.Errorf("%s: %w", d.final, err)
	}
	if err := d.rename(); err != nil {
		return fmt.Errorf("%s: %w", d.final, err)
	}
	return Sync(filepath.Dir(d.final))
}

// Abort removes the temporary folder and all in it.
func (d *Dir) Abort() {
	if d.temp == "" {
		return
	}
	_ = os.RemoveAll(d.temp)
	d.temp = ""
}

// rename moves temp to final. Where final holds something the two names are
// exchanged in one step, and the old content, now under the temporary name, is
// left to Abort.
func (d *Dir) rename() error {
	err := os.Rename(d.temp, d.final)
	if err == nil {
		d.temp = ""
		return nil
	}
	if !errors.Is(err, fs.ErrExist) { // ENOTEMPTY is one of these
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, d.temp, unix.AT_FDCWD, d.final, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return d.renameInTwoSteps()
	}
	return err
}

// renameInTwoSteps serves file systems that cannot exchange two names. A crash
// between the steps leaves both folders, whole, under temporary names.
func (d *Dir) renameInTwoSteps() error {
	old, err := makeTemp(d.final, func(temp string) error { return os.Rename(d.final, temp) })
	if err != nil {
		return err
	}
	if err := os.Rename(d.temp, d.final); err != nil {
		return errors.Join(err, os.Rename(old, d.final))
	}
	d.temp = old // for Abort to remove
	return nil
}

// syncTree syncs the files below root and then the folders that name them.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		return Sync(path)
	})
}
