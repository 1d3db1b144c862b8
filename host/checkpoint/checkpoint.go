// Package checkpoint keeps the folders checkpoint-STEP of a run: written whole
// or not at all, found again, checked before they are trusted, and pruned. It
// knows files; what a checkpoint holds, State apart, is up to its callers.
package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"llmhost/host/atomicfile"
	"llmhost/host/data"
	"llmhost/host/jsonerror"
)

const (
	prefix       = "checkpoint-"
	stateName    = "trainer_state.json"
	manifestName = "checkpoint.json"
)

// State is what a run needs besides weights and optimizer to continue as if it
// had never stopped.
type State struct {
	GlobalStep    int         `json:"global_step"`
	TotalSteps    int         `json:"max_steps"`
	Epoch         float64     `json:"epoch"` // passes over the records, by their number
	Cursor        data.Cursor `json:"data_cursor"`
	Threads       int         `json:"threads"`
	Device        string      `json:"device"`
	Torch         string      `json:"torch"`
	RNG           []byte      `json:"cpu_rng_state"`
	DataDigest    string      `json:"data_sha256"`
	ProgramDigest string      `json:"program_sha256"`
	MetricsBytes  int64       `json:"metrics_bytes"` // length of metrics.jsonl

	LossStates map[string]float64 `json:"loss_states,omitempty"` // numbers that the loss keeps from step to step

	Progress json.RawMessage `json:"progress"` // what the training loop keeps from step to step

	// What older checkpoints do not have.
	Records         int      `json:"records,omitempty"`       // or other units of an epoch; 0 = unknown
	Units           string   `json:"units,omitempty"`         // of an epoch, as data.Grouping names them; "" = records at random
	DataSeed        *uint64  `json:"data_seed,omitempty"`     // of the order of the records
	LearningRate    *float64 `json:"learning_rate,omitempty"` // of the next step
	ModelDigest     string   `json:"model_sha256,omitempty"`  // of the weights below an adapter, or of the reference
	TokenizerDigest string   `json:"tokenizer_sha256,omitempty"`
	TemplateDigest  string   `json:"chat_template_sha256,omitempty"` // of the template that conversations are laid out by
	HeldDigest      string   `json:"held_out_sha256,omitempty"`      // of the training records that eval_split held out; "" = none
}

// manifest names the files of a checkpoint, so that a damaged one is noticed.
type manifest struct {
	Files []file `json:"files"`
}

type file struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Save makes the folder checkpoint-STEP in outputDir. write puts the weights
// and the like into the folder it is given. Until all is on the disk the
// folder has a temporary name; on an error it is removed, and every earlier
// checkpoint stays.
func Save(outputDir string, s State, write func(folder string) error) (path string, err error) {
	path = filepath.Join(outputDir, prefix+strconv.Itoa(s.GlobalStep))
	dir, err := atomicfile.CreateDir(path)
	if err != nil {
		return "", explain(path, err)
	}
	defer dir.Abort()
	if err := write(dir.Path()); err != nil {
		return "", explain(path, err)
	}
	if err := writeJSON(filepath.Join(dir.Path(), stateName), s); err != nil {
		return "", explain(path, err)
	}
	if err := writeManifest(dir.Path()); err != nil {
		return "", explain(path, err)
	}
	if err := dir.Commit(); err != nil {
		return "", explain(path, err)
	}
	return path, nil
}

// explain says which checkpoint could not be saved, and what to do about a full disk.
func explain(path string, err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, full) {
			return fmt.Errorf("%s: the disk is full (%w); free some space", path, full)
		}
	}
	if strings.HasPrefix(err.Error(), path+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func writeManifest(folder string) error {
	var m manifest
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		digest, size, err := Digest(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		m.Files = append(m.Files, file{filepath.ToSlash(name), size, digest})
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(folder, manifestName), m)
}

// Digest returns the sha256 of a file in hexadecimal, and its length.
func Digest(path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), size, err
}

// Check reads a checkpoint's state and checks every file against the manifest.
func Check(path string) (State, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return State{}, fmt.Errorf("%s: no such checkpoint%s", path, others(filepath.Dir(path)))
	}
	var m manifest
	err := readJSON(filepath.Join(path, manifestName), &m)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return State{}, fmt.Errorf("%s is not a whole checkpoint: it has no %s", path, manifestName)
	case err != nil:
		return State{}, fmt.Errorf("%s is not a whole checkpoint: %w", path, err)
	}
	for _, want := range m.Files {
		digest, size, err := Digest(filepath.Join(path, filepath.FromSlash(want.Name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return State{}, fmt.Errorf("%s is not a whole checkpoint: %s is missing", path, want.Name)
		case err != nil:
			return State{}, fmt.Errorf("%s is not a whole checkpoint: %w", path, err)
		case size != want.Bytes:
			return State{}, fmt.Errorf(
				"%s is not a whole checkpoint: %s has %d bytes; want %d",
				path,
				want.Name,
				size,
				want.Bytes,
			)
		case digest != want.SHA256:
			return State{}, fmt.Errorf(
				"%s is not a whole checkpoint: %s has sha256 %s; want %s",
				path,
				want.Name,
				digest,
				want.SHA256,
			)
		}
	}
	var s State
	return s, readJSON(filepath.Join(path, stateName), &s)
}

// others lists the checkpoints of a folder, as the end of a sentence.
func others(dir string) string {
	paths, err := List(dir)
	if err != nil || len(paths) == 0 {
		return ""
	}
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return "; " + dir + " has " + strings.Join(paths, ", ")
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, jsonerror.Explain(text, err))
	}
	return nil
}

// List returns the checkpoints of outputDir by rising step. No folder, no
// checkpoints.
func List(outputDir string) ([]string, error) {
	entries, err := os.ReadDir(outputDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		step, err := strconv.Atoi(strings.TrimPrefix(e.Name(), prefix))
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) && err == nil {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	paths := make([]string, len(steps))
	for i, step := range steps {
		paths[i] = filepath.Join(outputDir, prefix+strconv.Itoa(step))
	}
	return paths, nil
}

// Newest returns the newest whole checkpoint of outputDir, "" where there is
// none. damaged says what is wrong with newer ones.
func Newest(outputDir string) (path string, s State, damaged []error, err error) {
	paths, err := List(outputDir)
	for i := len(paths) - 1; i >= 0; i-- {
		s, problem := Check(paths[i])
		if problem == nil {
			return paths[i], s, damaged, nil
		}
		damaged = append(damaged, problem)
	}
	return "", State{}, damaged, err
}

// SetAside renames the checkpoints beyond step, which a run that resumes
// there neither trusts nor counts, to unused-checkpoint-STEP. It returns the new paths.
func SetAside(outputDir string, step int) (aside []string, err error) {
	paths, err := List(outputDir)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if beyond, _ := strconv.Atoi(strings.TrimPrefix(name, prefix)); beyond <= step {
			continue
		}
		to := filepath.Join(outputDir, "unused-"+name)
		for n := 2; ; n++ {
			if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
				break
			}
			to = filepath.Join(outputDir, fmt.Sprintf("unused-%s-%d", name, n))
		}
		if err := os.Rename(path, to); err != nil {
			return aside, err
		}
		aside = append(aside, to)
	}
	return aside, nil
}

// Prune deletes the oldest checkpoints, so that keep are left, and the newest in any
// case; 0 keeps all. That after the step best is not deleted: it counts as one of
// keep, but beside the newest.
func Prune(outputDir string, keep, best int) error {
	paths, err := List(outputDir)
	if err != nil || keep == 0 {
		return err
	}
	surplus := len(paths) - keep
	for _, path := range paths[:max(0, len(paths)-1)] {
		if surplus <= 0 {
			break
		}
		if filepath.Base(path) == Name(best) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		surplus--
	}
	return nil
}

// Name is the name of the folder of the checkpoint after a step.
func Name(step int) string { return prefix + strconv.Itoa(step) }

// IsState tells whether a file of a checkpoint's folder is the run's, not the model's.
func IsState(name string) bool { return name == stateName || name == manifestName }
