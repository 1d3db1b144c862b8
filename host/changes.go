package host

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
)

// ofOneStart are settings that belong to one start of a run, not to the run.
var ofOneStart = []string{"output_dir", "overwrite_output_dir", "resume_from_checkpoint", "allow_thread_count_change", "task_sha256", "locked"}

// noteChanges tells what a run that goes on does otherwise than it did before.
func (r *run) noteChanges() error {
	before, err := readRecord(filepath.Dir(r.from.Path))
	if err != nil {
		return err
	}
	now, err := asRead(r.record(false))
	if err != nil {
		return err
	}
	r.from.notes = append(r.from.notes, changes(before, now)...)
	was, is := r.from.State, r.state()
	if was.Torch != is.Torch || was.Device != is.Device {
		r.from.notes = append(r.from.notes, fmt.Sprintf("the checkpoint was made with libtorch %s on %s, this is %s on %s; the last bits of numbers may differ", was.Torch, was.Device, is.Torch, is.Device))
	}
	return nil
}

// asRead gives a record the types that one read from a file has.
func asRead(r Record) (out Record, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out)
}

// changes lists the settings and parameters whose values are no longer those
// of before, a sentence each.
func changes(before, now Record) (notes []string) {
	compare := func(was, is map[string]any, passOver []string) {
		for _, name := range slices.Sorted(maps.Keys(is)) {
			old, known := was[name]
			if !known || slices.Contains(passOver, name) || reflect.DeepEqual(old, is[name]) {
				continue
			}
			notes = append(notes, fmt.Sprintf("%s was %s, is %s from here on", name, written(old), written(is[name])))
		}
	}
	parameters := slices.Collect(maps.Keys(now.Task.Params))
	compare(before.Settings, now.Settings, append(append(parameters, ofOneStart...), "params"))
	compare(before.Task.Params, now.Task.Params, nil)
	return notes
}

func written(v any) string {
	text, _ := json.Marshal(v) // it came from JSON
	return string(text)
}
