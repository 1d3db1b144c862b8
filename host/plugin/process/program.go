package process

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxBytes is the most that all files of a plugin may have.
const maxBytes = 512 << 20

// Program is a plugin on disk: one executable file, or the files of a script
// with the interpreter that runs it. None of it has run.
type Program struct {
	path    string   // as the user wrote it
	home    string   // the folder that it was found in, links followed
	folder  string   // what the copy's folder is called
	files   []source // in order of name
	command []string // what runs the entry: an interpreter and its arguments, or nothing
	// interpreter is a name among files, where the command's first word means one.
	interpreter string
	entry       string // a name among files
	digest      string
	size        int64
}

// source is one file of a program: its slash-separated name in the copy, and
// its current path. What has been read of a manifest stays, since that is what
// the digest must cover.
type source struct {
	name, path string
	text       []byte // nil where it was not read
}

// Open finds the program at path: an executable file, a manifest, or a folder
// with a manifest. It reads every file for the digest.
func Open(path string) (*Program, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("plugin %s: no such file", path)
	case err != nil:
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	case info.IsDir() || IsManifest(path):
		return openScript(path, info.IsDir())
	}
	name := filepath.Base(path)
	p := &Program{
		path:   path,
		folder: "program",
		files:  []source{{name: name, path: path}},
		entry:  name,
	}
	if info.Mode()&0o111 == 0 {
		return nil, p.fault(CannotStart, "is not executable; chmod +x makes it so")
	}
	if p.home, err = homeOf(path); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	}
	if p.digest, p.size, err = p.sum(p.files); err != nil {
		return nil, err
	}
	return p, p.checkLoads()
}

// homeOf is the folder of a file, links followed.
func homeOf(path string) (string, error) {
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(folder)
}

// Digest is the sha256 of the executable file, or of the names, lengths and
// bytes of a script's files, in hexadecimal.
func (p *Program) Digest() string { return p.digest }

// Size is that of all files, in bytes.
func (p *Program) Size() int64 { return p.size }

// sum reads the files and returns their digest and size. For an executable the
// digest is that of sha256sum.
func (p *Program) sum(files []source) (digest string, size int64, err error) {
	whole := sha256.New()
	for _, f := range files {
		n, err := p.sumFile(whole, f)
		if err != nil {
			return "", 0, err
		}
		if size += n; size > maxBytes {
			return "", 0, p.fault(CannotStart, "has more than %d MiB, too much for a plugin", maxBytes>>20)
		}
	}
	return hex.EncodeToString(whole.Sum(nil)), size, nil
}

// sumFile adds a file to the digest, for a script also its name and length, so
// that no two sets of files can have the same digest.
func (p *Program) sumFile(whole hash.Hash, f source) (int64, error) {
	if f.text != nil {
		fmt.Fprintf(whole, "%q %d\n%s", f.name, len(f.text), f.text)
		return int64(len(f.text)), nil
	}
	file, err := os.Open(f.path)
	if err != nil {
		return 0, fmt.Errorf("plugin %s: %w", p.path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("plugin %s: %w", p.path, err)
	}
	if p.command != nil {
		fmt.Fprintf(whole, "%q %d\n", f.name, info.Size())
	}
	n, err := io.Copy(whole, io.LimitReader(file, maxBytes+1))
	if err != nil {
		return 0, fmt.Errorf("plugin %s: %w", p.path, err)
	}
	return n, nil
}

// copyTo copies the program's files into a new folder below parent and makes
// sure that the copy is what was opened: it is the copy that runs, so that
// nothing can change between the check and the start.
func (p *Program) copyTo(parent string) (root string, err error) {
	root = filepath.Join(parent, p.folder)
	copies := make([]source, len(p.files))
	for i, f := range p.files {
		copies[i] = source{name: f.name, path: filepath.Join(root, filepath.FromSlash(f.name))}
		if err := copyFile(copies[i].path, f.path); err != nil {
			return "", fmt.Errorf("plugin %s: its private copy: %w", p.path, err)
		}
	}
	digest, _, err := p.sum(copies)
	if err != nil {
		return "", err
	}
	if digest != p.digest {
		return "", p.fault(
			Changed,
			"changed since it was opened: its sha256 is %s, was %s; start again",
			digest,
			p.digest,
		)
	}
	return root, nil
}

// copyFile writes a file that only its owner may read and run.
func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o500)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, maxBytes+1))
	return errors.Join(err, out.Close())
}
