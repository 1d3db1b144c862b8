// Package safetensors reads and writes the weight files of Hugging Face: one
// file, or shards with an index. Reading maps the files into memory and copies
// nothing; writing is atomic. It knows bytes, dtypes and shapes, not tensors of
// any runtime. Start at Open, Write and Save.
package safetensors

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"

	"llmhost/host/nearest"
)

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	File  string // the path of the file that it is in
	DType DType
	Shape []int64
	// Data is row-major and little-endian. It belongs to the File, is
	// read-only (writing faults) and ends with Close. It is aligned to the
	// element only where the writer aligned it, as the usual ones do.
	Data []byte
}

// File is an open weight file or sharded model. Reading it is safe for
// concurrent use; Close is not.
type File struct {
	path     string
	tensors  []Tensor // in the order of their data, shard by shard
	index    map[string]int
	metadata map[string]string
	maps     [][]byte // to unmap
}

// Open maps the file at path, or the model in the folder at path: its
// model.safetensors, or the shards that model.safetensors.index.json names.
// Every header is checked in full. The files must not shrink while open. An
// error is a *Error, or one of the file system.
func Open(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(path)
	}
	f := newFile(path)
	if err := f.add(path, nil); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Parse reads the image of one file that is in memory already; errors give name
// as its path.
func Parse(name string, image []byte) (*File, error) {
	f := newFile(name)
	return f, f.addImage(name, image, nil)
}

func newFile(path string) *File {
	return &File{
		path:     path,
		index:    map[string]int{},
		metadata: map[string]string{},
	}
}

// add maps one file and adds its tensors, or those in keep.
func (f *File) add(path string, keep map[string]bool) error {
	image, err := mapFile(path)
	if err != nil {
		return err
	}
	if image != nil {
		f.maps = append(f.maps, image)
	}
	return f.addImage(path, image, keep)
}

func (f *File) addImage(path string, image []byte, keep map[string]bool) error {
	entries, metadata, begin, err := parse(path, image)
	if err != nil {
		return err
	}
	maps.Copy(f.metadata, metadata)
	for _, e := range entries {
		if keep != nil && !keep[e.name] {
			continue
		}
		f.index[e.name] = len(f.tensors)
		data := image[begin+e.begin : begin+e.end : begin+e.end]
		f.tensors = append(f.tensors, Tensor{
			Name:  e.name,
			File:  path,
			DType: e.dtype,
			Shape: e.shape,
			Data:  data,
		})
	}
	return nil
}

// mapFile maps the file at path for reading; an empty file gives nil.
func mapFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the map stays
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return nil, err
	}
	image, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("%s: map into memory: %w", path, err)
	}
	return image, nil
}

// Close unmaps the files; every Tensor.Data of f ends with it. A second Close
// does nothing.
func (f *File) Close() error {
	var failure error
	for _, m := range f.maps {
		if err := syscall.Munmap(m); err != nil {
			failure = fmt.Errorf("%s: unmap: %w", f.path, err)
		}
	}
	f.maps = nil
	f.tensors = nil
	f.index = nil
	return failure
}

// Path is what Open was given.
func (f *File) Path() string { return f.path }

// Names lists the tensors in the order of their data, shard by shard.
func (f *File) Names() []string {
	names := make([]string, len(f.tensors))
	for i, t := range f.tensors {
		names[i] = t.Name
	}
	return names
}

// Metadata is a copy of the __metadata__ of the file, of all shards together.
func (f *File) Metadata() map[string]string { return maps.Clone(f.metadata) }

// Has reports whether the tensor is there.
func (f *File) Has(name string) bool {
	_, ok := f.index[name]
	return ok
}

// Get returns one tensor; the error is ErrMissing.
func (f *File) Get(name string) (Tensor, error) {
	i, ok := f.index[name]
	if !ok {
		there := fmt.Sprintf("%d others are", len(f.tensors))
		if len(f.tensors) == 1 {
			there = "1 other is"
		}
		return Tensor{}, tensorError(
			f.path,
			name,
			ErrMissing,
			"is missing; %s there%s",
			there,
			nearest.Hint(name, f.Names()),
		)
	}
	return f.tensors[i], nil
}

// Want returns one tensor and checks its shape; the error is ErrMissing or
// ErrShape. source says where the shape comes from, as in "config.json".
func (f *File) Want(name, source string, shape ...int64) (Tensor, error) {
	t, err := f.Get(name)
	if err != nil {
		return Tensor{}, err
	}
	if !slices.Equal(t.Shape, shape) {
		return Tensor{}, tensorError(f.path, name, ErrShape, "has shape %s; %s wants %s; use the weights and the %s of one model",
			ShapeText(t.Shape), source, ShapeText(shape), source)
	}
	return t, nil
}
