package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"llmhost/host/atomicfile"
)

// Layout says how a model's weights are laid out in a folder.
type Layout struct {
	MaxShardSize int64             // bytes of tensor data in one file; 0 = all in one
	Metadata     map[string]string // of every file; nil = {"format": "pt"}
}

// shard is one file of a model.
type shard struct {
	name    string
	sources []Source
}

// Save writes a model's weights into an existing folder under the names of
// Hugging Face: model.safetensors, or numbered shards with an index. Every file
// is written atomically, and what an earlier model left under these names is
// removed, so that the folder never reads as a mixture: at worst a crash while
// a sharded model is replaced leaves a folder without an index.
func Save(folder string, sources []Source, layout Layout) error {
	if err := checkSources(sources); err != nil { // across shards too
		return fmt.Errorf("%s: %w", folder, err)
	}
	shards := cut(sources, layout.MaxShardSize)
	files, err := createAll(folder, shards, layout.metadata())
	defer func() {
		for _, f := range files {
			f.Abort()
		}
	}()
	if err != nil {
		return err
	}
	if len(shards) > 1 {
		if err := removeAll(folder, []string{SingleName, IndexName}); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := f.Commit(); err != nil {
			return err
		}
	}
	if len(shards) > 1 {
		if err := atomicfile.WriteFile(filepath.Join(folder, IndexName), encodeIndex(shards)); err != nil {
			return err
		}
	}
	return removeAll(folder, leftovers(folder, shards))
}

// SaveInto is Save without the syncing and renaming, into a fresh folder that
// is made durable as a whole.
func SaveInto(folder string, sources []Source, layout Layout) error {
	if err := checkSources(sources); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	shards := cut(sources, layout.MaxShardSize)
	for _, s := range shards {
		if err := WriteInto(filepath.Join(folder, s.name), s.sources, layout.metadata()); err != nil {
			return err
		}
	}
	if len(shards) == 1 {
		return nil
	}
	return os.WriteFile(filepath.Join(folder, IndexName), encodeIndex(shards), 0o666)
}

func (l Layout) metadata() map[string]string {
	if l.Metadata == nil {
		return map[string]string{"format": "pt"}
	}
	return l.Metadata
}

// cut fills shards in the order given, as Hugging Face does: a tensor opens a
// new shard where it would not fit, and one above the size has its own.
func cut(sources []Source, maxSize int64) []shard {
	parts := [][]Source{}
	open := []Source{}
	size := int64(0)
	for _, s := range sources {
		switch {
		case maxSize > 0 && s.size() > maxSize:
			parts = append(parts, []Source{s})
			continue
		case maxSize > 0 && size+s.size() > maxSize && len(open) > 0:
			parts = append(parts, open)
			open = nil
			size = 0
		}
		open = append(open, s)
		size = size + s.size()
	}
	if len(open) > 0 || len(parts) == 0 {
		parts = append(parts, open)
	}
	shards := make([]shard, len(parts))
	for i, p := range parts {
		shards[i] = shard{name: fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(parts)), sources: p}
	}
	if len(shards) == 1 {
		shards[0].name = SingleName
	}
	return shards
}

// createAll writes every shard under a temporary name; the caller commits or aborts the files
// returned, also after an error.
func createAll(folder string, shards []shard, metadata map[string]string) ([]*atomicfile.File, error) {
	var files []*atomicfile.File
	for _, s := range shards {
		path := filepath.Join(folder, s.name)
		f, err := atomicfile.Create(path)
		if err != nil {
			return files, err
		}
		files = append(files, f)
		if err := Encode(f, Sorted(s.sources), metadata); err != nil {
			return files, named(path, err)
		}
	}
	return files, nil
}

// encodeIndex renders the index as Hugging Face does: sorted keys, two blanks.
func encodeIndex(shards []shard) []byte {
	index := shardIndex{WeightMap: map[string]string{}}
	size, elements := int64(0), int64(0)
	for _, s := range shards {
		for _, source := range s.sources {
			index.WeightMap[source.Name] = s.name
			size += source.size()
			elements += 8 * source.size() / source.DType.Bits()
		}
	}
	index.Metadata = map[string]any{"total_parameters": elements, "total_size": size}
	text, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return append(text, '\n')
}

var shardName = regexp.MustCompile(`^model-\d{5}-of-\d{5}\.safetensors$`)

// leftovers are the weight files in folder that belong to no shard of the model.
func leftovers(folder string, shards []shard) []string {
	entries, _ := os.ReadDir(folder) // unread leftovers do no harm
	var names []string
	for _, e := range entries {
		name := e.Name()
		own := slices.ContainsFunc(shards, func(s shard) bool { return s.name == name })
		index := name == IndexName && len(shards) == 1
		if index || shardName.MatchString(name) && !own {
			names = append(names, name)
		}
	}
	return names
}

func removeAll(folder string, names []string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(folder, name)); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
