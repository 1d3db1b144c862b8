package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// listed is a data file, or a folder of datasets, that some paths mean.
type listed struct {
	path string
	note string // what a user should know of how it was found, "" for nothing
}

// List returns the data files that f means: a file as it is, a folder as all
// data files in and below it, sorted by name, and a pattern, such as
// data/**/train-*.parquet, as all that fit it, sorted. A folder that save_to_disk of
// datasets wrote is one data file, and of one with several splits it is that of Splits.
func (f Files) List() ([]string, error) {
	list, err := f.list()
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(list))
	for i := range list {
		paths[i] = list[i].path
	}
	return paths, nil
}

func (f Files) list() ([]listed, error) {
	if len(f.Paths) == 0 {
		return nil, fmt.Errorf("%s names no file", f.Setting)
	}
	var list []listed
	for _, path := range f.Paths {
		found, err := f.expand(path)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// expand returns the files that one of f's paths means.
func (f Files) expand(path string) ([]listed, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if strings.ContainsAny(path, "*?[{") {
			return f.matching(path)
		}
		return nil, fmt.Errorf("%s: no such file; %s names it", path, f.Setting)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %s names it", err, f.Setting)
	}
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() {
		return nil, fmt.Errorf("%s: a pipe or device, which can be read once and not sought in; write its data to a file; %s names it", path, f.Setting)
	}
	if !info.IsDir() {
		return []listed{{path: path}}, nil
	}
	found, err := f.listFolder(path)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: no %s file in this folder; %s names it", path, endingNames(), f.Setting)
	}
	return found, err
}

// matching returns the files that fit a pattern. Where some of them are data files by
// their names, the others are left out, so that data/* skips a README.
func (f Files) matching(pattern string) ([]listed, error) {
	found, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly(), doublestar.WithNoHidden())
	if err != nil {
		return nil, fmt.Errorf("%s: %w; want a pattern such as data/**/*.parquet; %s names it", pattern, err, f.Setting)
	}
	if slices.ContainsFunc(found, isData) {
		found = slices.DeleteFunc(found, func(path string) bool { return !isData(path) })
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no file fits this pattern; %s names it", pattern, f.Setting)
	}
	slices.Sort(found)
	return unnoted(slices.DeleteFunc(found, inLoop())), nil
}

// inLoop tells of paths whether a folder that they pass through stands twice in them, by
// way of a link to a folder above it.
func inLoop() func(path string) bool {
	real := map[string]string{}
	resolve := func(folder string) string {
		if _, known := real[folder]; !known {
			real[folder], _ = filepath.EvalSymlinks(folder) // it was just walked through
		}
		return real[folder]
	}
	return func(path string) bool {
		seen := map[string]bool{}
		for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
			at := resolve(folder)
			if seen[at] {
				return true
			}
			seen[at] = true
			if folder == filepath.Dir(folder) {
				return false
			}
		}
	}
}

// unnoted are files with nothing to say of them.
func unnoted(paths []string) (list []listed) {
	for _, path := range paths {
		list = append(list, listed{path: path})
	}
	return list
}

// listFolder returns the data files in and below a folder.
func (f Files) listFolder(folder string) ([]listed, error) {
	w := folderWalk{files: f, root: folder}
	err := filepath.WalkDir(folder, w.visit)
	if err != nil {
		return nil, err
	}
	if len(w.found) == 0 {
		return unnoted(w.plain), nil
	}
	return w.found, nil
}

// folderWalk collects the data files below a folder.
type folderWalk struct {
	files Files
	root  string
	found []listed
	plain []string // of text, taken only where there is nothing else: they are about the data
}

// visit takes what is at a path. Names that begin with a dot are skipped.
func (w *folderWalk) visit(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	hidden := path != w.root && strings.HasPrefix(entry.Name(), ".")
	if entry.IsDir() {
		if hidden {
			return filepath.SkipDir
		}
		return w.visitFolder(path)
	}
	switch kind := kindOfName(path); {
	case hidden || kind == nil || aboutData[entry.Name()]:
	case kind == plainText:
		w.plain = append(w.plain, path)
	default:
		w.found = append(w.found, listed{path: path})
	}
	return nil
}

// aboutData are files beside data that are none: of datasets, and of LLaMA-Factory.
var aboutData = map[string]bool{stateFile: true, infoFile: true, dictFile: true, "dataset_infos.json": true}

// visitFolder takes a folder of datasets as a whole.
func (w *folderWalk) visitFolder(path string) error {
	splits, isDict, err := datasetSplits(path)
	note := ""
	if isDict && err == nil {
		var split string
		split, note, err = w.files.chooseSplit(path, splits)
		path = filepath.Join(path, split)
	}
	if err != nil {
		return err
	}
	_, found, err := openDataset(path)
	switch {
	case err != nil:
		return err
	case found:
		w.found = append(w.found, listed{path, note})
		return filepath.SkipDir
	case isDict:
		return fmt.Errorf("%s: no %s in this folder, which %s beside it names; save the data set again with save_to_disk", path, stateFile, dictFile)
	}
	return w.visitCache(path)
}
