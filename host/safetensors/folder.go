package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/jsonerror"
)

// The file names of a model's folder.
const (
	SingleName = "model.safetensors"
	IndexName  = "model.safetensors.index.json"
)

// shardIndex is the index file: which shard holds which tensor.
type shardIndex struct {
	Metadata  map[string]any    `json:"metadata"`
	WeightMap map[string]string `json:"weight_map"`
}

func openFolder(folder string) (*File, error) {
	f := newFile(folder)
	err := f.add(filepath.Join(folder, SingleName), nil)
	if errors.Is(err, fs.ErrNotExist) {
		err = f.addShards(folder)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// addShards opens the shards that the index of folder names, by their names'
// order.
func (f *File) addShards(folder string) error {
	path := filepath.Join(folder, IndexName)
	wanted, err := readIndex(path)
	if errors.Is(err, fs.ErrNotExist) {
		return noWeights(folder)
	}
	if err != nil {
		return err
	}
	for _, shard := range slices.Sorted(maps.Keys(wanted)) {
		shardPath := filepath.Join(folder, shard)
		err := f.add(shardPath, wanted[shard])
		if errors.Is(err, fs.ErrNotExist) {
			return &Error{
				Path: path,
				Kind: fs.ErrNotExist,
				Text: fmt.Sprintf("names the shard %s, which does not exist; copy or download it too", shard),
			}
		}
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(wanted[shard])) {
			if !f.Has(name) {
				return tensorError(
					shardPath,
					name,
					ErrMissing,
					"is missing, though %s lists it here; use the index and the shards of one model",
					IndexName,
				)
			}
		}
	}
	return nil
}

// readIndex maps each shard's file name to the tensors that are wanted from it.
func readIndex(path string) (map[string]map[string]bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var index shardIndex
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fileError(
			path,
			ErrHeader,
			"is not the index of a sharded model (%v); copy or download it again",
			jsonerror.Explain(text, err),
		)
	}
	if index.WeightMap == nil {
		return nil, fileError(path, ErrHeader, "has no weight_map; copy or download it again")
	}
	shards := map[string]map[string]bool{}
	for name, shard := range index.WeightMap {
		if !filepath.IsLocal(shard) {
			return nil, fileError(
				path,
				ErrHeader,
				"puts tensor %q into %q; want a file beside the index",
				name,
				shard,
			)
		}
		if shards[shard] == nil {
			shards[shard] = map[string]bool{}
		}
		shards[shard][name] = true
	}
	return shards, nil
}

// noWeights says what the folder holds instead of weights.
func noWeights(folder string) error {
	fix := "copy or download the weights"
	entries, _ := os.ReadDir(folder) // for the fix alone
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".bin") ||
			strings.HasSuffix(name, ".pth") ||
			strings.HasSuffix(name, ".gguf") {
			fix = fmt.Sprintf("found %s; convert it to safetensors", name)
			break
		}
	}
	return &Error{
		Path: folder,
		Kind: fs.ErrNotExist,
		Text: fmt.Sprintf("has no %s and no %s; %s", SingleName, IndexName, fix),
	}
}
