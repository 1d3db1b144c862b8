package rundir

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"

	"llmhost/host/checkpoint"
)

// effect is what another value of a setting does to a run that resumes.
type effect int

const (
	fromHereOn effect = iota // it takes effect from the next step on, which is noted
	ofOneStart               // it belongs to one start of a run, not to the run
	unused                   // what it chose is in the checkpoint already, which is noted
	refused                  // what it chose is in the checkpoint, and cannot change
)

// effects are those of the settings; one that is not here has its effect from here
// on. What is left to do after another size of a step or number of epochs is
// train.Plan's business, and inputs are compared by their digests.
var effects = map[string]effect{
	"output_dir":                ofOneStart,
	"dry_run":                   ofOneStart,
	"overwrite_output_dir":      ofOneStart,
	"resume_from_checkpoint":    ofOneStart,
	"allow_thread_count_change": ofOneStart,
	"task_sha256":               ofOneStart,
	"locked":                    ofOneStart,
	"token_cache_gb":            ofOneStart,

	"seed":                    unused, // the generator and the heads are in the checkpoint; data_seed is apart
	"evaluate_at_beginning":   unused,
	"ignore_mismatched_sizes": unused,

	"lora_r":               refused,
	"lora_alpha":           refused,
	"lora_dropout":         refused,
	"lora_target_modules":  refused,
	"use_rslora":           refused,
	"use_dora":             refused,
	"modules_to_save":      refused,
	"peft_config_path":     refused,
	"adapter_name_or_path": refused,
}

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
	noteOtherFiles(before, now, note)
	was := s.State
	if was.DataSeed != nil && *was.DataSeed != *state.DataSeed {
		note("the records are in the order of data_seed %d from here on; it was %d", *state.DataSeed, *was.DataSeed)
	}
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

// noteOtherFiles notes evaluation files whose content has changed.
func noteOtherFiles(before, now Record, note Noter) {
	was := map[string]string{}
	for _, f := range before.EvalData {
		was[f.Path] = f.SHA256
	}
	for _, f := range now.EvalData {
		if old, known := was[f.Path]; known && old != f.SHA256 {
			note("%s holds other records than before; evaluations from here on are of these", f.Path)
		}
	}
}

// CheckSettings returns an error where a setting has another value than before
// that a run which resumes at s cannot take.
func CheckSettings(s Start, settings map[string]any) error {
	if s.Checkpoint == "" {
		return nil
	}
	before, err := ReadRecord(filepath.Dir(s.Checkpoint))
	if err != nil {
		return err
	}
	now, err := asRead(Record{Settings: settings})
	if err != nil {
		return err
	}
	if !hasAdapter(before.Settings) && !hasAdapter(now.Settings) {
		return nil
	}
	for _, c := range compare(before.Settings, now.Settings) {
		if effects[c.name] == refused {
			return fmt.Errorf(
				"%s was trained with %s %s, this run has %s, which is another adapter; give the same value, or --adapter_name_or_path %s and another --output_dir to start a new run from its weights",
				s.Checkpoint,
				c.name,
				c.was,
				c.is,
				s.Checkpoint,
			)
		}
	}
	return nil
}

// hasAdapter tells whether a run with these settings trains an adapter.
func hasAdapter(settings map[string]any) bool {
	rank, _ := settings["lora_r"].(float64)
	file, _ := settings["peft_config_path"].(string)
	folder, _ := settings["adapter_name_or_path"].(string)
	return rank > 0 || file != "" || folder != ""
}

// CheckInputs returns an error where a run over the inputs of now, whose training files
// are files, could not continue s. What an older checkpoint does not say is not compared.
func CheckInputs(s Start, now checkpoint.State, files []SourceRecord) error {
	was, path := s.State, s.Checkpoint
	if path == "" {
		return nil
	}
	switch {
	case was.Units != now.Units && (was.Cursor.Streams() || streams(now)):
		return fmt.Errorf(
			"%s was trained on %s, this run on %s, and the place in the data would mean other records; give streaming and shuffle_buffer_size as they were",
			path,
			unitsOf(was),
			unitsOf(now),
		)
	case was.Cursor.Streams() && was.DataDigest != now.DataDigest:
		return fmt.Errorf(
			"%s was trained on other data%s; give the same data_paths, or --overwrite_output_dir to start from scratch",
			path,
			otherFiles(s, files),
		)
	case was.DataDigest != now.DataDigest:
		return fmt.Errorf(
			"%s was trained on other data (sha256 %.12s… then, %.12s… now)%s; give the same data_paths, or --overwrite_output_dir to start from scratch",
			path,
			was.DataDigest,
			now.DataDigest,
			otherFiles(s, files),
		)
	case was.ProgramDigest != now.ProgramDigest:
		return fmt.Errorf(
			"%s was trained with another loss program (sha256 %.12s… then, %.12s… now); use the same plugin and parameters, or --overwrite_output_dir to start from scratch",
			path,
			was.ProgramDigest,
			now.ProgramDigest,
		)
	case was.TokenizerDigest != "" && was.TokenizerDigest != now.TokenizerDigest:
		return fmt.Errorf(
			"%s was trained with another tokenizer (sha256 %.12s… then, %.12s… now); give the same tokenizer_name_or_path and the same tokens to add",
			path,
			was.TokenizerDigest,
			now.TokenizerDigest,
		)
	case was.Units != now.Units:
		return fmt.Errorf(
			"%s was trained on %s, this run on %s, and the place in the epoch would mean other records; give packing, max_tokens_per_batch, train_sampling_strategy and max_length as they were",
			path,
			unitsOf(was),
			unitsOf(now),
		)
	case was.TemplateDigest != "" && was.TemplateDigest != now.TemplateDigest:
		return fmt.Errorf(
			"%s was trained with another chat template, or another day for it (sha256 %.12s… then, %.12s… now); give the same chat_template and chat_template_date, or --overwrite_output_dir to start from scratch",
			path,
			was.TemplateDigest,
			now.TemplateDigest,
		)
	case was.HeldDigest != now.HeldDigest:
		return fmt.Errorf(
			"%s was trained with %s held out by eval_split, this run holds out %s, and would evaluate on what was trained on; give the eval_split, the seed of the data and the formatter that it had",
			path,
			heldOf(was),
			heldOf(now),
		)
	case was.Records != 0 && was.Records != now.Records:
		return fmt.Errorf(
			"%s was trained on %d records of its files, this run takes %d of them, and the place in the epoch would mean other records; give the settings of the data and the formatter that it had",
			path,
			was.Records,
			now.Records,
		)
	}
	return checkOrder(s, now)
}

// heldOf names the training records that are held out.
func heldOf(s checkpoint.State) string {
	if s.HeldDigest == "" {
		return "no records"
	}
	return fmt.Sprintf("records of sha256 %.12s…", s.HeldDigest)
}

// streams tells whether a run reads its files as it goes.
func streams(s checkpoint.State) bool { return s.Records == 0 && s.Units != "" }

// unitsOf names what an epoch is counted in.
func unitsOf(s checkpoint.State) string { return cmp.Or(s.Units, "records at random") }

// checkOrder refuses another order of the records in the middle of an epoch.
func checkOrder(s Start, now checkpoint.State) error {
	was := s.State
	place := was.Cursor.Next
	if was.DataSeed == nil || *was.DataSeed == *now.DataSeed || place == 0 || place == now.Records {
		return nil
	}
	if was.Cursor.Streams() {
		return fmt.Errorf(
			"%s is in the middle of a stream that data_seed %d shuffles; give --data_seed %d",
			s.Checkpoint,
			*was.DataSeed,
			*was.DataSeed,
		)
	}
	return fmt.Errorf(
		"%s is after %d of the %d records of an epoch in the order of data_seed %d; in the order of %d some would be trained twice, and others never; give --data_seed %d, or resume at the end of an epoch",
		s.Checkpoint,
		place,
		now.Records,
		*was.DataSeed,
		*now.DataSeed,
		*was.DataSeed,
	)
}

// CheckMachine returns an error where a run in the state now could not continue s
// bit for bit, or not from the same weights.
func CheckMachine(s Start, now checkpoint.State, allowThreads bool) error {
	was, path := s.State, s.Checkpoint
	switch {
	case was.ModelDigest != "" && now.ModelDigest != "" && was.ModelDigest != now.ModelDigest:
		return fmt.Errorf(
			"%s was trained with other weights in model_name_or_path (sha256 %.12s… then, %.12s… now), which the adapter or the reference stands on; give the same model",
			path,
			was.ModelDigest,
			now.ModelDigest,
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
	for _, c := range compare(before.Settings, now.Settings) {
		_, isParameter := now.Task.Params[c.name]
		if isParameter || c.name == "params" {
			continue // they follow with their defaults
		}
		switch effects[c.name] {
		case fromHereOn:
			notes = append(notes, c.fromHereOn())
		case unused:
			notes = append(notes, fmt.Sprintf("%s was %s and is %s, which changes nothing: what it decides is in the checkpoint", c.name, c.was, c.is))
		}
	}
	for _, c := range compare(before.Task.Params, now.Task.Params) {
		notes = append(notes, c.fromHereOn())
	}
	return notes
}

// change is another value under a name, both as JSON.
type change struct{ name, was, is string }

func (c change) fromHereOn() string {
	return fmt.Sprintf("%s was %s and is %s from here on", c.name, c.was, c.is)
}

// compare lists the names whose values differ, of those that were there before.
func compare(was, is map[string]any) (list []change) {
	for _, name := range slices.Sorted(maps.Keys(is)) {
		old, known := was[name]
		if known && !reflect.DeepEqual(old, is[name]) {
			list = append(list, change{name, written(old), written(is[name])})
		}
	}
	return list
}

func written(v any) string {
	text, _ := json.Marshal(v) // it came from JSON
	return string(text)
}
