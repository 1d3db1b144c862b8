package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/jsonerror"
)

// Record is run.json: the inputs of a run and how far it has come.
type Record struct {
	Finished     bool            `json:"finished"`
	GlobalStep   int             `json:"global_step"`
	Epoch        *float64        `json:"epoch"` // passes over the records made; older records have none
	TotalSteps   int             `json:"max_steps"`
	Versions     Versions        `json:"versions"`
	Device       string          `json:"device"`
	Threads      int             `json:"threads"`
	DTypes       DTypes          `json:"dtypes"`
	Task         TaskRecord      `json:"task"`
	Model        SourceRecord    `json:"model"`
	Tokenizer    SourceRecord    `json:"tokenizer"`
	ChatTemplate *TemplateRecord `json:"chat_template,omitempty"` // where the model or the run has one
	Data         []SourceRecord  `json:"data"`
	EvalData     []SourceRecord  `json:"eval_data,omitempty"`
	HeldOut      *HeldOutRecord  `json:"held_out,omitempty"` // where eval_split asks for it
	Format       *FormatRecord   `json:"format,omitempty"`
	Datasets     []DatasetRecord `json:"datasets,omitempty"` // where there are several
	Binary       string          `json:"binary_sha256"`
	ResumedFrom  string          `json:"resumed_from,omitempty"`
	TrainSeconds float64         `json:"train_seconds"` // of this process
	FinalSHA256  string          `json:"final_sha256,omitempty"`
	Best         *BestRecord     `json:"best,omitempty"` // where the run asks for it

	Invariants *InvariantsRecord `json:"invariants,omitempty"` // nil where nobody looks

	Settings map[string]any `json:"settings"`
}

// HeldOutRecord says what eval_split held out of the training records.
type HeldOutRecord struct {
	Records int    `json:"records"`
	Of      int    `json:"of"`     // the records of all training files
	SHA256  string `json:"sha256"` // over their content, in the order of the files
}

// InvariantsRecord counts the sequences that break an invariant, by its name.
type InvariantsRecord struct {
	Sequences int            `json:"sequences"`  // that were looked at before the first step
	Broken    map[string]int `json:"broken"`     // of these
	InBatches map[string]int `json:"in_batches"` // as they were handed out, by this process
}

// BestRecord is the best evaluation of a run.
type BestRecord struct {
	Step   int     `json:"step"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
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

// FormatRecord says what the records of a run were taken for.
type FormatRecord struct {
	Formatter string   `json:"formatter"`
	Form      string   `json:"form,omitempty"`
	Chat      bool     `json:"chat,omitempty"`
	Detected  bool     `json:"detected"` // by the fields of the records
	Unread    []string `json:"fields_not_read,omitempty"`
}

// DatasetRecord is one of several data sets of a run.
type DatasetRecord struct {
	Paths    []string       `json:"paths"`
	Weight   *float64       `json:"weight,omitempty"`
	Records  int            `json:"records"`
	Examples int            `json:"examples"` // of an epoch; 0 where it is streamed
	Params   map[string]any `json:"params"`

	FormatRecord
}

// SourceRecord is a file or folder that a run read.
type SourceRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"` // of its bytes; "" of a file that is streamed

	Bytes    int64     `json:"bytes,omitempty"`    // of a data file that is not streamed
	Identity *Identity `json:"identity,omitempty"` // of a file that is streamed
}

// Identity tells one state of a file from another without reading all of it.
type Identity struct {
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Ends     string    `json:"ends_sha256"` // of its first and last MiB
}

// TemplateRecord is the chat template of a run.
type TemplateRecord struct {
	Paths  []string `json:"paths"` // where its texts came from, one, or several by name
	SHA256 string   `json:"sha256"`
	Today  string   `json:"today"` // the day that it takes for today
}

// WriteRecord writes run.json.
func (d *Dir) WriteRecord(r Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(d.Path, RecordName), append(text, '\n'))
}

// ReadRecord returns the record of a run folder, the zero Record where there
// is none.
func ReadRecord(dir string) (r Record, err error) {
	path := filepath.Join(dir, RecordName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = jsonerror.Explain(text, json.Unmarshal(text, &r))
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// String writes the types as people read them.
func (d DTypes) String() string {
	if d.Param == d.Compute {
		return d.Param
	}
	return d.Param + " weights, " + d.Compute + " products"
}

// At is the record after so many steps and epochs, with the time spent in this
// process.
func (r Record) At(step int, epoch float64, spent time.Duration) Record {
	r.GlobalStep = step
	r.Epoch = &epoch
	r.TrainSeconds = spent.Seconds()
	return r
}
