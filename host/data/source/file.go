package source

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// File is a data file as it was found.
type File struct {
	Path   string
	SHA256 string // of its bytes, in hexadecimal; "" where only the identity was asked for

	// Classes are the names of the classes of each field that is a ClassLabel of datasets, in
	// the order of their numbers.
	Classes [][]string `json:"-"`

	Kind     string   `json:"-"` // for people: "JSON lines, gzip"
	Seeks    bool     `json:"-"` // reading can begin in its middle: it is not compressed as a whole
	Note     string   `json:"-"` // what a user should know of it, such as a wrong name; "" for nothing
	Identity Identity `json:"-"` // tells files apart without reading them
	Stamps   []Stamp  `json:"-"` // of its parts, from before it was read; nil where they were other ones afterwards
}

// Identity tells one state of a file from another without reading all of it. A file that
// is written again has another time, if not another size; one that is copied keeps the
// rest. Of a data set in several files it is about all of them.
type Identity struct {
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Ends     string    `json:"ends"` // sha256 of its first and last MiB, in hexadecimal
}

// Digests lists the files that f means, with the sha256 of each. They are read in full,
// but for those whose sha256 known returns; known may be nil.
func (f Files) Digests(known func(File) string) ([]File, error) {
	return f.describe(func(in *input, file File) (string, error) {
		if known != nil {
			if digest := known(file); digest != "" {
				return digest, nil
			}
		}
		return in.digest()
	})
}

// Identify lists the files that f means, without their sha256: of each only the
// beginning and the end is read.
func (f Files) Identify() ([]File, error) {
	return f.describe(func(*input, File) (string, error) { return "", nil })
}

func (f Files) describe(digest func(*input, File) (string, error)) ([]File, error) {
	list, err := f.list()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(list))
	for i, found := range list {
		if files[i], err = describeFile(found, digest); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func describeFile(found listed, digest func(*input, File) (string, error)) (File, error) {
	in, err := openInput(found.path)
	if err != nil {
		return File{}, err
	}
	defer in.Close()
	file := File{Path: found.path, Kind: in.kindName(), Seeks: in.pack == unpacked, Note: cmp.Or(found.note, in.note())}
	if file.Identity, err = in.identity(); err != nil {
		return File{}, fmt.Errorf("%s: %w", found.path, err)
	}
	file.Classes = in.features().classes()
	if file.Stamps, err = in.stamps(); err == nil {
		file.SHA256, err = digest(in, file)
	}
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", found.path, err)
	}
	if after, err := in.stamps(); err != nil || !slices.Equal(file.Stamps, after) {
		file.Stamps = nil
	}
	return file, nil
}

// parts are the files that in is made of.
func (in *input) parts() []string {
	if in.kind == datasetFolder {
		return in.dataset.files
	}
	return []string{in.path}
}

// digest is the sha256 of the bytes: of a data set, of its files one after the other.
func (in *input) digest() (string, error) {
	sum := sha256.New()
	for _, path := range in.parts() {
		if err := hashFile(sum, path); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func hashFile(sum io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(sum, file)
	return err
}

// identity is that of the file, or of all files of a data set together.
func (in *input) identity() (all Identity, err error) {
	sum := sha256.New()
	for _, path := range in.parts() {
		info, err := hashEnds(sum, path)
		if err != nil {
			return Identity{}, err
		}
		all.Bytes += info.Size()
		if modified := info.ModTime().UTC(); modified.After(all.Modified) {
			all.Modified = modified
		}
	}
	all.Ends = hex.EncodeToString(sum.Sum(nil))
	return all, nil
}

// endBytes is how much of both ends of a file its identity is taken from.
const endBytes = 1 << 20

// hashEnds hashes the ends of a file.
func hashEnds(sum io.Writer, path string) (os.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	size := info.Size()
	head := io.NewSectionReader(file, 0, min(size, endBytes))
	tailAt := max(min(size, endBytes), size-endBytes)
	tail := io.NewSectionReader(file, tailAt, size-tailAt)
	_, err = io.Copy(sum, io.MultiReader(head, tail))
	return info, err
}
