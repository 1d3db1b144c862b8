package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"llmhost/host/nearest"
)

// Dataset is one data set of a run: files whose records are of one kind.
type Dataset struct {
	Paths      []string          // files, folders and patterns
	Weight     *float64          // how often it is drawn from, beside the others; nil where none is given
	Formatter  string            // "" = found by the fields of the records
	Columns    map[string]string // as Settings.Columns
	MaxSamples int               // the first records alone; 0 = all
	Split      string            // of a folder with several; "" = train
	Params     map[string]Param  // of its formatter, beside those of the run
	Where      string            // where it was given, for errors
}

// datasetKeys are the keys of an entry that are no parameters of its formatter.
var datasetKeys = []string{"path", "weight", "formatter", "columns", "max_samples", "split"}

// datasetWords are keys by which other programs' entries say the same.
var datasetWords = map[string]string{
	"paths":       "path",
	"file_name":   "path",
	"data_files":  "path",
	"data_paths":  "path",
	"type":        "formatter",
	"formatting":  "formatter",
	"ranking":     "formatter",
	"num_samples": "max_samples",
	"probability": "weight",
	"weights":     "weight",
}

// DatasetKeyMeant is the key of an entry of datasets that a name which is none is
// nearest to, or that says the same in another program; "" where there is none. others
// are names that may be meant too.
func DatasetKeyMeant(name string, others []string) string {
	return cmp.Or(datasetWords[name], nearest.Name(name, append(slices.Clone(datasetKeys), others...)))
}

// Entries are the data sets of a run. Files and folders without weights are one.
func (s Settings) Entries() []Dataset {
	one := Dataset{Formatter: s.Formatter, Columns: s.Columns}
	switch {
	case len(s.Datasets) > 0:
		return s.Datasets
	case s.DataDir != "":
		one.Paths = []string{s.DataDir}
	case len(s.DataWeights) > 0:
		return s.EntryEach()
	default:
		one.Paths = s.DataPaths
	}
	return []Dataset{one}
}

// EntryEach are the data sets of a run with one for each of data_paths.
func (s Settings) EntryEach() (entries []Dataset) {
	for i, path := range s.DataPaths {
		e := Dataset{Paths: []string{path}, Formatter: s.Formatter, Columns: s.Columns}
		if i < len(s.DataWeights) {
			e.Weight = &s.DataWeights[i]
		}
		entries = append(entries, e)
	}
	return entries
}

// HasData tells whether training files are named.
func (s DataSettings) HasData() bool {
	return len(s.DataPaths) > 0 || s.DataDir != "" || len(s.Datasets) > 0
}

// Map returns the entry by its keys, for a record of the run.
func (d Dataset) Map() map[string]any {
	all := map[string]any{"path": d.Paths}
	if d.Weight != nil {
		all["weight"] = *d.Weight
	}
	if d.Formatter != "" {
		all["formatter"] = d.Formatter
	}
	if len(d.Columns) > 0 {
		all["columns"] = d.Columns
	}
	if d.MaxSamples > 0 {
		all["max_samples"] = d.MaxSamples
	}
	if d.Split != "" {
		all["split"] = d.Split
	}
	for name, p := range d.Params {
		all[name] = p.Value
	}
	return all
}

// TOML renders the entry as it stands in a file.
func (d Dataset) TOML() string {
	var out strings.Builder
	out.WriteString("\n[[datasets]]\n")
	all := d.Map()
	for _, name := range slices.Concat(datasetKeys, slices.Sorted(maps.Keys(d.Params))) {
		if v, has := all[name]; has && name != "columns" {
			fmt.Fprintf(&out, "%s = %s\n", tomlKey(name), tomlValue(v))
		}
	}
	columns := map[string]any{}
	for name, field := range d.Columns {
		columns[name] = field
	}
	writeTable(&out, "datasets.columns", columns)
	return out.String()
}

// datasetsType is the type of the setting that is a list of tables.
var datasetsType = reflect.TypeFor[[]Dataset]()

// kindOf is the kind by which a setting is read; Struct for a list of tables.
func kindOf(t reflect.Type) reflect.Kind {
	if t == datasetsType {
		return reflect.Struct
	}
	return t.Kind()
}

// replaceDatasets lets files that a flag names stand instead of the data sets of the TOML
// file: flags win.
func (l *loader) replaceDatasets(s *Settings) {
	entries := l.holding("datasets", "").at
	for _, other := range []struct {
		name string
		set  bool
	}{{"data_paths", len(s.DataPaths) > 0}, {"data_dir", s.DataDir != ""}} {
		files := l.holding(other.name, "").at
		if len(s.Datasets) > 0 && other.set && entries.flag == 0 && files.flag > 0 {
			l.note(files, "%s replaces the data sets of %s", other.name, entries.text)
			s.Datasets = nil
		}
	}
}

// checkDatasets checks the settings of data sets against each other.
func (l *loader) checkDatasets(s *Settings) {
	l.replaceDatasets(s)
	has := len(s.Datasets) > 0
	for _, other := range []struct {
		name string
		set  bool
	}{
		{"data_paths", len(s.DataPaths) > 0},
		{"data_dir", s.DataDir != ""},
		{"data_weights", len(s.DataWeights) > 0},
		{"formatter", s.Formatter != ""},
		{"columns", len(s.Columns) > 0},
		{"max_train_samples", s.MaxTrainSamples > 0},
	} {
		l.exclusive("datasets", has, other.name, other.set)
	}
	l.checkWeights(s)
	if at := l.holding("stopping_strategy", "").at; at.text != "" && !s.Weighted() && s.Stopping != Default().Stopping {
		l.note(at, "stopping_strategy has no effect without weights: sets follow one another, and an epoch has each record once; equal weights draw from each as often")
	}
}

// checkWeights wants a weight for each data set or for none, and one that can be drawn.
func (l *loader) checkWeights(s *Settings) {
	name := "datasets"
	var weights []float64
	for _, d := range s.Datasets {
		if d.Weight != nil {
			weights = append(weights, *d.Weight)
		}
	}
	if n := len(s.DataWeights); n > 0 {
		name, weights = "data_weights", s.DataWeights
		switch {
		case s.DataDir != "":
			l.refuse(name, "is a list of %d, and data_dir is one folder; write its files into data_paths, or several under [[datasets]]", n)
			return
		case n != len(s.DataPaths):
			l.refuse(name, "is a list of %d, and data_paths is one of %d; want one weight for each entry", n, len(s.DataPaths))
			return
		case s.MaxTrainSamples > 0:
			l.refuse(name, "draws from each set, and max_train_samples takes the first records of all together; write max_samples in an entry of [[datasets]]")
		}
	} else if n := len(weights); n > 0 && n < len(s.Datasets) {
		at := slices.IndexFunc(s.Datasets, func(d Dataset) bool { return d.Weight == nil })
		l.refuse(name, "has %d entries, and entry %d has no weight while others have; want one for each, or for none", len(s.Datasets), at+1)
		return
	}
	if len(weights) == 0 {
		return
	}
	l.checkDrawn(s, name, weights)
}

func (l *loader) checkDrawn(s *Settings, name string, weights []float64) {
	if slices.Max(weights) == 0 {
		l.refuse(name, "has weights that are all 0, so that nothing would be drawn; want one above 0")
		return
	}
	if at := slices.Index(weights, 0); at >= 0 && s.Stopping != "first_exhausted" {
		l.refuse(name, "has weight 0 at place %d, and stopping_strategy %q waits until all sets are exhausted, which that never is; leave the set out, or write first_exhausted", at+1, s.Stopping)
	}
}

// Weighted tells whether data sets are drawn from by weights.
func (s DataSettings) Weighted() bool {
	return len(s.DataWeights) > 0 || len(s.Datasets) > 0 && s.Datasets[0].Weight != nil
}
