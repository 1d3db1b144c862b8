package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Files of the folders that Hugging Face's datasets writes.
const (
	stateFile = "state.json"        // of a Dataset: which files hold its rows
	infoFile  = "dataset_info.json" // its features
	dictFile  = "dataset_dict.json" // of a DatasetDict: its splits, a folder each
)

// savedDataset is a folder that Dataset.save_to_disk wrote.
type savedDataset struct {
	files    []string // with the folder, in the order of their rows
	features *feature
}

// openDataset reads which files a folder holds. found is false where it is no such folder.
func openDataset(folder string) (d savedDataset, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(folder, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return d, false, nil
	}
	if err != nil {
		return d, true, err
	}
	var state struct {
		Files   []struct{ Filename string } `json:"_data_files"`
		Indices []any                       `json:"_indices_data_files"`
	}
	path := filepath.Join(folder, stateFile)
	if err := json.Unmarshal(text, &state); err != nil {
		return d, true, fmt.Errorf("%s: %w; want the file that save_to_disk of datasets writes", path, err)
	}
	if len(state.Files) == 0 {
		return d, false, nil // some other program's state
	}
	if len(state.Indices) > 0 {
		return d, true, fmt.Errorf("%s: the rows are chosen by a file of indices, as old versions of datasets did; load_from_disk and save_to_disk it again", path)
	}
	for _, f := range state.Files {
		if f.Filename == "" || !filepath.IsLocal(f.Filename) {
			return d, true, fmt.Errorf("%s: _data_files names %q; want a file in this folder", path, f.Filename)
		}
		d.files = append(d.files, filepath.Join(folder, f.Filename))
	}
	d.features, err = readInfo(folder)
	return d, true, err
}

// readInfo reads the features of a folder's data, nil where they are not told.
func readInfo(folder string) (*feature, error) {
	path := filepath.Join(folder, infoFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var info struct {
		Features json.RawMessage `json:"features"`
	}
	if err := json.Unmarshal(text, &info); err != nil {
		return nil, fmt.Errorf("%s: %w; want the file that datasets writes", path, err)
	}
	return parseFeatures(info.Features), nil
}

// readDataset yields the rows of a folder of datasets.
func readDataset(f Files, in *input, from Place, yield func(Record, error) bool) error {
	rows := arrowRows{f: f, path: in.path, at: from, skip: from.Row, features: in.dataset.features, yield: yield}
	for _, path := range in.dataset.files {
		if err := rows.readShard(path); err != nil {
			return err
		}
	}
	return rows.end()
}

// readShard yields the rows of one of the files of a folder.
func (r *arrowRows) readShard(path string) error {
	in, err := openInput(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if in.kind != arrowFile && in.kind != arrowStream {
		return fmt.Errorf("%s: holds %s; want the Arrow data that %s beside it names", path, in.kindName(), stateFile)
	}
	return r.readFile(in)
}

// datasetSplits are the splits of the folder that DatasetDict.save_to_disk wrote, in its
// order; found is false where it is no such folder.
func datasetSplits(folder string) (splits []string, found bool, err error) {
	path := filepath.Join(folder, dictFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	var dict struct{ Splits []string }
	if err := json.Unmarshal(text, &dict); err != nil {
		return nil, true, fmt.Errorf("%s: %w; want the file that datasets writes", path, err)
	}
	for _, split := range dict.Splits {
		if split == "" || !filepath.IsLocal(split) {
			return nil, true, fmt.Errorf("%s: splits names %q; want a folder in this one", path, split)
		}
	}
	return dict.Splits, true, nil
}

// chooseSplit returns which of the splits of a folder is read, and what to say of it.
func (f Files) chooseSplit(folder string, splits []string) (split, note string, err error) {
	wanted := f.Splits
	if wanted == nil {
		wanted = []string{"train"}
	}
	for _, name := range wanted {
		if slices.Contains(splits, name) {
			split = name
			break
		}
	}
	if split == "" && len(splits) == 1 {
		split = splits[0]
	}
	if split == "" {
		return "", "", fmt.Errorf("%s: it has the splits %s, and none is called %s; name the folder or the files of one; %s names it",
			folder, strings.Join(splits, ", "), strings.Join(wanted, " or "), f.Setting)
	}
	if len(splits) > 1 {
		note = fmt.Sprintf("%s has the splits %s; %s is read; name the folder or the files of another to read that", folder, strings.Join(splits, ", "), split)
	}
	return split, note, nil
}

// visitCache takes a folder of the cache of datasets: one with the features of data and
// Arrow files, each named after its split, as in json-train-00000-of-00002.arrow. Files
// that map and filter keep there, such as cache-1b2c.arrow, are no data of their own.
func (w *folderWalk) visitCache(folder string) error {
	if _, err := os.Stat(filepath.Join(folder, infoFile)); err != nil {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(escapeGlob(folder), "*.arrow"))
	if err != nil {
		return err
	}
	bySplit := map[string][]string{}
	var splits []string
	for _, path := range files {
		match := cachedSplit.FindStringSubmatch(filepath.Base(path))
		if match == nil || match[1] == "cache" || match[1] == "tmp" {
			continue
		}
		if bySplit[match[2]] == nil {
			splits = append(splits, match[2])
		}
		bySplit[match[2]] = append(bySplit[match[2]], path)
	}
	if len(splits) == 0 {
		return nil
	}
	split, note, err := w.files.chooseSplit(folder, splits)
	if err != nil {
		return err
	}
	for _, path := range bySplit[split] {
		w.found = append(w.found, listed{path, note})
		note = ""
	}
	return filepath.SkipDir
}

// cachedSplit is the name of a file in the cache: builder, split, number.
var cachedSplit = regexp.MustCompile(`^(.+?)-(\w[\w.]*?)(-\d{5}-of-\d{5})?\.arrow$`)

// escapeGlob is the pattern that fits a path alone.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
