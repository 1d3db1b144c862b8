package rundir

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"

	"llmhost/host/checkpoint"
)

// ofOneStart are settings that belong to one start of a run, not to the run.
var ofOneStart = []string{"output_dir", "overwrite_output_dir", "resume_from_checkpoint", "allow_thread_count_change", "task_sha256", "locked"}

// NoteChanges notes what a run that resumes at s does differently from before.
func NoteChanges(s Start, now Record, state checkpoint.State, note Noter) error {
	before, err := ReadRecord(filepath.Dir(s.Checkpoint))
	if err != nil {
		return err
	}
	if now, err = asRead(now); err != nil {
		return err
	}
	for _, change := range changes(before, now) {
		note("%s", change)
	}
	was := s.State
	if was.Torch != state.Torch || was.Device != state.Device {
		note(
			"the checkpoint was made with libtorch %s on %s, this is %s on %s; the last bits of numbers may differ",
			was.Torch,
			was.Device,
			state.Torch,
			state.Device,
		)
	}
	return nil
}

// CheckResumable returns an error where a run in the state now could not continue
// s bit for bit.
func CheckResumable(s Start, now checkpoint.State, allowThreads bool) error {
	was, path := s.State, s.Checkpoint
	switch {
	case was.DataDigest != now.DataDigest:
		return fmt.Errorf(
			"%s was trained on other data (sha256 %.12s… then, %.12s… now); give the same data_paths, or --overwrite_output_dir to start from scratch",
			path,
			was.DataDigest,
			now.DataDigest,
		)
	case was.ProgramDigest != now.ProgramDigest:
		return fmt.Errorf(
			"%s was trained with another loss program (sha256 %.12s… then, %.12s… now); use the same plugin and parameters, or --overwrite_output_dir to start from scratch",
			path,
			was.ProgramDigest,
			now.ProgramDigest,
		)
	case was.Threads != now.Threads && !allowThreads:
		return fmt.Errorf(
			"%s was trained with %d threads, this run has %d, and the last bits of its numbers would differ; give --threads %d, or --allow_thread_count_change",
			path,
			was.Threads,
			now.Threads,
			was.Threads,
		)
	}
	return nil
}

// asRead converts a record to the types of one read from a file.
func asRead(r Record) (out Record, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out)
}

// changes lists the settings and parameters whose values have changed, a sentence
// each.
func changes(before, now Record) (notes []string) {
	ours := append(slices.Collect(maps.Keys(now.Task.Params)), ofOneStart...)
	notes = append(notes, changed(before.Settings, now.Settings, append(ours, "params"))...)
	return append(notes, changed(before.Task.Params, now.Task.Params, nil)...)
}

// changed compares values by name, except for those to skip.
func changed(was, is map[string]any, passOver []string) (notes []string) {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		old, known := was[name]
		if !known || slices.Contains(passOver, name) || reflect.DeepEqual(old, is[name]) {
			continue
		}
		notes = append(notes, fmt.Sprintf(
			"%s was %s and is %s from here on",
			name,
			written(old),
			written(is[name]),
		))
	}
	return notes
}

func written(v any) string {
	text, _ := json.Marshal(v) // it came from JSON
	return string(text)
}
