package host

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"llmhost/host/atomicfile"
	"llmhost/host/checkpoint"
	"llmhost/host/config"
)

// The files of a run folder besides the model's.
const (
	recordName   = "run.json"
	settingsName = "config.toml"
	metricsName  = "metrics.jsonl"
	curveName    = "curve.svg"
	eventsPrefix = "events.out.tfevents."
)

// origin is where a run begins: at the checkpoint Path, or anew where Path is "".
type origin struct {
	Path      string
	State     checkpoint.State
	Elsewhere bool // Path is of another folder than output_dir, which is empty
	notes     []string
}

// goesOn tells whether output_dir already holds what the run did before.
func (o origin) goesOn() bool { return o.Path != "" && !o.Elsewhere }

// findOrigin decides how a run begins, and refuses to write over what another
// run left. It changes nothing.
func findOrigin(s config.Settings) (origin, error) {
	switch s.Resume {
	case "":
		used, err := notEmpty(s.OutputDir)
		if err != nil || !used || s.OverwriteOutput {
			return origin{}, err
		}
		return origin{}, fmt.Errorf("output_dir %s is not empty; give --resume_from_checkpoint auto to go on from its newest checkpoint, or --overwrite_output_dir to start anew", s.OutputDir)
	case "auto":
		path, state, damaged, err := checkpoint.Newest(s.OutputDir)
		o := origin{Path: path, State: state}
		for _, d := range damaged {
			o.notes = append(o.notes, fmt.Sprintf("passed over: %v", d))
		}
		return o, err
	}
	return namedOrigin(filepath.Clean(s.Resume), s.OutputDir)
}

// namedOrigin is the checkpoint at path. One of another run begins a run of
// its own, in a folder of its own.
func namedOrigin(path, outputDir string) (origin, error) {
	state, err := checkpoint.Check(path)
	if err != nil {
		return origin{}, err
	}
	o := origin{Path: path, State: state}
	home, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return origin{}, err
	}
	here, err := os.Stat(outputDir)
	if err == nil && os.SameFile(home, here) {
		return o, nil
	}
	o.Elsewhere = true
	if used, err := notEmpty(outputDir); err != nil || used {
		return origin{}, cmp.Or(err, fmt.Errorf("output_dir %s is not empty, and %s is not in it; name an empty output_dir to branch off there, or give --resume_from_checkpoint auto to go on from the newest checkpoint of output_dir", outputDir, path))
	}
	return o, nil
}

func notEmpty(folder string) (bool, error) {
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, syscall.ENOTDIR):
		return false, fmt.Errorf("output_dir %s is a file, or lies below one; name a folder", folder)
	}
	return len(entries) > 0, err
}

// openRunDir makes output_dir ready for a run that begins at o. A run that
// resumes sets aside the checkpoints beyond its beginning; one that begins anew
// removes what an earlier one left under the names of this package.
func openRunDir(dir string, o *origin, resume bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if _, err := atomicfile.Sweep(dir); err != nil {
		return err
	}
	if resume {
		aside, err := checkpoint.SetAside(dir, o.State.GlobalStep)
		if err != nil {
			return err
		}
		for _, path := range aside {
			o.notes = append(o.notes, "this run does not go on from "+strings.TrimPrefix(filepath.Base(path), "unused-")+", which is called "+path+" now")
		}
	}
	if o.goesOn() {
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
		name := e.Name()
		if name == recordName || name == settingsName || name == metricsName || name == curveName || strings.HasPrefix(name, eventsPrefix) {
			stale = append(stale, filepath.Join(dir, name))
		}
	}
	for _, path := range stale {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// Record is run.json: what a run was made of and where it stands.
type Record struct {
	Finished     bool           `json:"finished"`
	GlobalStep   int            `json:"global_step"`
	TotalSteps   int            `json:"max_steps"`
	Versions     Versions       `json:"versions"`
	Device       string         `json:"device"`
	Threads      int            `json:"threads"`
	DTypes       DTypes         `json:"dtypes"`
	Task         TaskRecord     `json:"task"`
	Model        SourceRecord   `json:"model"`
	Tokenizer    SourceRecord   `json:"tokenizer"`
	Data         []SourceRecord `json:"data"`
	EvalData     []SourceRecord `json:"eval_data,omitempty"`
	Binary       string         `json:"binary_sha256"`
	ResumedFrom  string         `json:"resumed_from,omitempty"`
	TrainSeconds float64        `json:"train_seconds"` // of this process
	FinalSHA256  string         `json:"final_sha256,omitempty"`
	Settings     map[string]any `json:"settings"`
}

// Versions are those of the programs that made a run.
type Versions struct {
	LLMHost string `json:"llmhost"`
	Go      string `json:"go"`
	Torch   string `json:"libtorch"`
}

// DTypes are the element types of a run's numbers.
type DTypes struct {
	Param   string `json:"param"`
	Compute string `json:"compute"`
	Loss    string `json:"loss"`
}

// TaskRecord says which plugin's loss was trained.
type TaskRecord struct {
	Name      string         `json:"name"`
	Transport string         `json:"transport"`
	Version   string         `json:"version"`
	Path      string         `json:"path,omitempty"`
	SHA256    string         `json:"sha256"`
	Program   string         `json:"program_sha256"`
	Formatter string         `json:"formatter"`
	Params    map[string]any `json:"params"`
}

// SourceRecord is a file or folder that a run read.
type SourceRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

func (r Record) write(dir string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, recordName), append(text, '\n'))
}

// readRecord returns the record of a run folder, the zero Record where there
// is none.
func readRecord(dir string) (r Record, err error) {
	path := filepath.Join(dir, recordName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
