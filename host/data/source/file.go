package source

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"
)

// File is a data file as it was found.
type File struct {
	Path   string
	SHA256 string // of its bytes, in hexadecimal; "" where only the identity was asked for

	Kind     string   `json:"-"` // for people: "JSON lines, gzip"
	Note     string   `json:"-"` // what a user should know of it, such as a wrong name; "" for nothing
	Identity Identity `json:"-"` // tells files apart without reading them
}

// Identity tells one state of a file from another without reading all of it. A file that
// is written again has another time, if not another size; one that is copied keeps the
// rest.
type Identity struct {
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Ends     string    `json:"ends"` // sha256 of its first and last MiB, in hexadecimal
}

// Digests lists the files that f means, with the sha256 of each: they are read in full.
func (f Files) Digests() ([]File, error) {
	files, err := f.Identify()
	for i := range files {
		if err == nil {
			files[i].SHA256, err = digest(files[i].Path)
		}
	}
	return files, err
}

// Identify lists the files that f means, without their sha256: of each only the
// beginning and the end is read.
func (f Files) Identify() ([]File, error) {
	paths, err := f.List()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(paths))
	for i, path := range paths {
		if files[i], err = identify(path); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func identify(path string) (File, error) {
	in, err := openInput(path)
	if err != nil {
		return File{}, err
	}
	defer in.Close()
	file := File{Path: path, Kind: in.kindName(), Note: in.note()}
	if file.Identity, err = identityOf(in.file); err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// endBytes is how much of both ends of a file its identity is taken from.
const endBytes = 1 << 20

func identityOf(file *os.File) (Identity, error) {
	info, err := file.Stat()
	if err != nil {
		return Identity{}, err
	}
	sum := sha256.New()
	size := info.Size()
	head := io.NewSectionReader(file, 0, min(size, endBytes))
	tailAt := max(min(size, endBytes), size-endBytes)
	tail := io.NewSectionReader(file, tailAt, size-tailAt)
	if _, err := io.Copy(sum, io.MultiReader(head, tail)); err != nil {
		return Identity{}, err
	}
	return Identity{Bytes: size, Modified: info.ModTime().UTC(), Ends: hex.EncodeToString(sum.Sum(nil))}, nil
}

// digest is the sha256 of a file's bytes.
func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return hex.EncodeToString(sum.Sum(nil)), err
}
