package host

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/task"
	"llmhost/host/train"
)

// evalSet is one set of held-out examples; name is "" where it is the only one.
type evalSet struct {
	name  string
	data  data.Set
	sizes []int32 // of its examples, in tokens
}

// prefix begins the names of its metrics.
func (s evalSet) prefix() string {
	if s.name == "" {
		return "eval_"
	}
	return "eval_" + s.name + "_"
}

// evalSets are the evaluation sets as the loop goes through them.
func (d dataset) evalSets(labels data.Labeler) []train.EvalSet {
	var sets []train.EvalSet
	for _, set := range d.eval {
		sets = append(sets, train.EvalSet{
			Name:    set.name,
			Prefix:  set.prefix(),
			Records: data.Pieces(set.data.Examples, set.sizes, d.batching.evaluation()),
			Batches: data.InUnits(set.data.Examples, labels, set.sizes, d.batching.evaluation()),
		})
	}
	return sets
}

// loadEval makes the evaluation sets, each file apart, all together, or both.
func (d *dataset) loadEval(ctx context.Context, s config.Settings, t *task.Task) error {
	files := dataFiles(s, "eval_", s.EvalDataDir, s.EvalDataPaths)
	files.Splits = []string{"validation", "eval", "dev", "valid", "test"}
	if most := s.MaxEvalSamples; most > 0 && (files.Limit == 0 || most < files.Limit) {
		files.Limit = most
	}
	if len(files.Paths) == 0 {
		return nil
	}
	paths, err := files.List()
	if err != nil {
		return err
	}
	var sets []data.Set
	for _, path := range paths {
		one := files
		one.Paths = []string{path}
		by, err := t.ForEvaluation(ctx, s, path, firstOf(s, one))
		if err != nil {
			return err
		}
		set, err := data.Load(ctx, one, d.optionsOf(by))
		if err != nil {
			return err
		}
		d.noteFiles(set.Files)
		d.describe("eval", set, s.TokenSettings)
		if by != t {
			d.report = append(d.report, "       "+by.Format.String())
		}
		sets = append(sets, set)
	}
	all := data.Join(sets...)
	d.held = sourceRecords(all.Files)
	if len(sets) == 1 || s.EvalDatasetMergeMode == "merge" {
		d.eval = []evalSet{{name: "", data: all}}
		return nil
	}
	for i, name := range setNames(paths) {
		d.eval = append(d.eval, evalSet{name: name, data: sets[i]})
	}
	if s.EvalDatasetMergeMode == "both" {
		d.eval = append(d.eval, evalSet{name: "all", data: all})
	}
	return nil
}

// setNames names an evaluation set after each file; no two names are the same, nor
// that of the set of all files.
func setNames(files []string) []string {
	var names []string
	for _, file := range files {
		name := stem(file)
		for n := 2; name == "all" || slices.Contains(names, name); n++ {
			name = fmt.Sprintf("%s_%d", stem(file), n)
		}
		names = append(names, name)
	}
	return names
}

// stem is a file's name without folder and ending.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
