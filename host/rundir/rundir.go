// Package rundir is the folder of a run: its inputs (run.json), what
// it measured (metrics.jsonl, TensorBoard events, curve.svg), and where a later
// process resumes it. Start at Find and Open.
package rundir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"llmhost/host/atomicfile"
	"llmhost/host/checkpoint"
)

// The files of a run folder besides the model's.
const (
	RecordName   = "run.json"
	SettingsName = "config.toml"
	MetricsName  = "metrics.jsonl"
	CurveName    = "curve.svg"
	eventsPrefix = "events.out.tfevents."
)

// Noter takes a sentence for the user, as fmt.Printf does.
type Noter func(format string, args ...any)

// Start is where a run begins: at a checkpoint, or from scratch where Checkpoint
// is "".
type Start struct {
	Checkpoint string // the path of its folder
	State      checkpoint.State
	Elsewhere  bool // the checkpoint is in another folder than output_dir, which is empty
}

// Continues tells whether output_dir already holds the run's earlier part.
func (s Start) Continues() bool {
	return s.Checkpoint != "" && !s.Elsewhere
}

// Home is the folder of the run that s continues or branches off: dir for a run
// from scratch.
func (s Start) Home(dir string) string {
	if s.Elsewhere {
		return filepath.Dir(s.Checkpoint)
	}
	return dir
}

// Find decides where a run in dir begins, given resume_from_checkpoint, and
// refuses to write over what another run left. It changes nothing.
func Find(dir, resume string, overwrite bool, note Noter) (Start, error) {
	switch resume {
	case "":
		used, err := notEmpty(dir)
		if err != nil || !used || overwrite {
			return Start{}, err
		}
		return Start{}, fmt.Errorf("output_dir %s is not empty; give --resume_from_checkpoint auto to resume from its newest checkpoint, or --overwrite_output_dir to start from scratch", dir)
	case "auto":
		path, state, damaged, err := checkpoint.Newest(dir)
		for _, d := range damaged {
			note("skipped: %v", d)
		}
		return Start{Checkpoint: path, State: state}, err
	}
	return findNamed(filepath.Clean(resume), dir)
}

// findNamed is the start at the checkpoint at path. A checkpoint of another run
// starts a new run, which must have a folder of its own.
func findNamed(path, dir string) (Start, error) {
	state, err := checkpoint.Check(path)
	if err != nil {
		return Start{}, err
	}
	s := Start{Checkpoint: path, State: state}
	home, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return Start{}, err
	}
	here, err := os.Stat(dir)
	if err == nil && os.SameFile(home, here) {
		return s, nil
	}
	s.Elsewhere = true
	if used, err := notEmpty(dir); err != nil || used {
		return Start{}, cmp.Or(err, fmt.Errorf(
			"output_dir %s is not empty, and %s is not in it; name an empty output_dir to branch off there, or give --resume_from_checkpoint auto to resume from the newest checkpoint of output_dir",
			dir,
			path,
		))
	}
	return s, nil
}

func notEmpty(folder string) (bool, error) {
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, syscall.ENOTDIR):
		return false, fmt.Errorf("output_dir %s is a file, or is below one; name a folder", folder)
	}
	ours := func(e fs.DirEntry) bool { return e.Name() == LockName }
	return len(slices.DeleteFunc(entries, ours)) > 0, err
}

// prepare makes dir ready for a run that begins at s. A run that resumes sets
// aside the checkpoints beyond its start; one that begins from scratch removes
// what an earlier one left under the names of this package.
func prepare(dir string, s Start, resumed bool, note Noter) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := atomicfile.Sweep(dir); err != nil {
		return err
	}
	if resumed {
		aside, err := checkpoint.SetAside(dir, s.State.GlobalStep)
		if err != nil {
			return err
		}
		for _, path := range aside {
			was := strings.TrimPrefix(filepath.Base(path), "unused-")
			note("this run does not use %s, which is now called %s", was, path)
		}
	}
	if s.Continues() {
		return nil
	}
	return removeStale(dir)
}

// removeStale removes what an earlier run left in dir.
func removeStale(dir string) error {
	stale, err := checkpoint.List(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if isOurs(e.Name()) {
			stale = append(stale, filepath.Join(dir, e.Name()))
		}
	}
	for _, path := range stale {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func isOurs(name string) bool {
	switch name {
	case RecordName, SettingsName, MetricsName, CurveName:
		return true
	}
	return strings.HasPrefix(name, eventsPrefix)
}
