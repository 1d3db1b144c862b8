package rundir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"llmhost/host/checkpoint"
	"llmhost/host/data"
	"llmhost/host/metrics"
	"llmhost/host/rundir"

	"github.com/stretchr/testify/require"
)

// notes takes the sentences that a call has for the user.
type notes []string

func (n *notes) take(format string, args ...any) { *n = append(*n, fmt.Sprintf(format, args...)) }

// saved writes checkpoints of so many steps into a run's folder.
func saved(t *testing.T, dir string, steps ...int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, step := range steps {
		_, err := checkpoint.Save(dir, checkpoint.State{GlobalStep: step, Progress: []byte("{}")}, func(folder string) error {
			return os.WriteFile(filepath.Join(folder, "weights"), []byte("w"), 0o644)
		})
		require.NoError(t, err)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	run, empty := filepath.Join(root, "run"), filepath.Join(root, "empty")
	saved(t, run, 2, 4)
	second := filepath.Join(run, "checkpoint-2")
	for _, test := range []struct {
		name, dir, resume string
		overwrite         bool
		want              string // the checkpoint
		elsewhere         bool
		fails             string
	}{
		{name: "a new folder", dir: empty},
		{name: "a folder in use", dir: run, fails: "is not empty; give --resume_from_checkpoint auto"},
		{name: "a folder to overwrite", dir: run, overwrite: true},
		{name: "the newest checkpoint", dir: run, resume: "auto", want: filepath.Join(run, "checkpoint-4")},
		{name: "auto where there is none", dir: empty, resume: "auto"},
		{name: "a named one", dir: run, resume: second, want: second},
		{name: "one of another run", dir: empty, resume: second, want: second, elsewhere: true},
		{name: "one of another run, into a folder in use", dir: root, resume: second, fails: "name an empty output_dir to branch off there"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var said notes
			start, err := rundir.Find(test.dir, test.resume, test.overwrite, said.take)
			if test.fails != "" {
				require.ErrorContains(t, err, test.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, start.Checkpoint)
			require.Equal(t, test.elsewhere, start.Elsewhere)
			require.Equal(t, test.want != "" && !test.elsewhere, start.Continues())
			require.Empty(t, said)
		})
	}
}

func TestFindPassesOverADamagedCheckpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	saved(t, dir, 2, 4)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "checkpoint-4", "weights"), []byte("x"), 0o644))
	var said notes
	start, err := rundir.Find(dir, "auto", false, said.take)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "checkpoint-2"), start.Checkpoint)
	require.Len(t, said, 1)
	require.Contains(t, said[0], "skipped: ")
}

// A log continues where the checkpoint left off, and a run from scratch begins one.
func TestOpenCutsTheLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var said notes
	open := func(start rundir.Start) *rundir.Dir {
		d, err := rundir.Open(dir, rundir.Options{Start: start, Resumed: start.Checkpoint != ""}, said.take)
		require.NoError(t, err)
		return d
	}
	entry := func(step int) metrics.Entry {
		return metrics.Entry{Step: step, Values: []metrics.Value{{Name: "loss", Value: 1}}}
	}
	steps := func(d *rundir.Dir) (all []int) {
		entries, err := d.Entries()
		require.NoError(t, err)
		for _, e := range entries {
			all = append(all, e.Step)
		}
		return all
	}

	d := open(rundir.Start{})
	require.NoError(t, d.Append(entry(1)))
	bytes, err := d.Sync()
	require.NoError(t, err)
	require.NoError(t, d.Append(entry(2)))
	require.Equal(t, []int{1, 2}, steps(d))
	d.Close()

	d = open(rundir.Start{Checkpoint: filepath.Join(dir, "checkpoint-1"), State: checkpoint.State{GlobalStep: 1, MetricsBytes: bytes}})
	require.Equal(t, []int{1}, steps(d))
	d.Close()

	d = open(rundir.Start{})
	require.Empty(t, steps(d))
	d.Close()
}

// The picture is drawn at once, and again when it is no longer new.
func TestRedraw(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	d, err := rundir.Open(dir, rundir.Options{}, t.Logf)
	require.NoError(t, err)
	defer d.Close()
	picture := func() string {
		text, err := os.ReadFile(filepath.Join(dir, rundir.CurveName))
		require.NoError(t, err)
		return string(text)
	}
	loss := func(step int, v float64) metrics.Entry {
		return metrics.Entry{Step: step, Values: []metrics.Value{{Name: "loss", Value: v}}}
	}
	require.NoError(t, d.Append(loss(1, 2)))
	d.Redraw("run, task sft")
	first := picture()
	require.Contains(t, first, "run, task sft")
	require.NoError(t, d.Append(loss(2, 1)))
	d.Redraw("run, task sft")
	require.Equal(t, first, picture(), "it is new")
	d.MakeOld()
	d.Redraw("run, task sft")
	require.Contains(t, picture(), "2.00 → 1.00")
}

func TestAResumedRunMustHaveTheSameInputs(t *testing.T) {
	seed := uint64(42)
	was := checkpoint.State{
		DataDigest:      "aaaaaaaaaaaaaa",
		ProgramDigest:   "bbbbbbbbbbbbbb",
		TokenizerDigest: "dddddddddddddd",
		TemplateDigest:  "eeeeeeeeeeeeee",
		Records:         40,
		DataSeed:        &seed,
		Cursor:          data.Cursor{Epoch: 2, Next: 20},
	}
	start := rundir.Start{Checkpoint: "run/checkpoint-2", State: was}
	require.NoError(t, rundir.CheckInputs(start, was, nil))
	for want, change := range map[string]func(*checkpoint.State){
		"run/checkpoint-2 was trained on other data (sha256 aaaaaaaaaaaa… then, cccccccccccc… now)":                                     func(s *checkpoint.State) { s.DataDigest = "cccccccccccccc" },
		"run/checkpoint-2 was trained with another loss program (sha256 bbbbbbbbbbbb… then, cccccccccccc… now)":                         func(s *checkpoint.State) { s.ProgramDigest = "cccccccccccccc" },
		"run/checkpoint-2 was trained with another tokenizer (sha256 dddddddddddd… then, cccccccccccc… now)":                            func(s *checkpoint.State) { s.TokenizerDigest = "cccccccccccccc" },
		"run/checkpoint-2 was trained with another chat template, or another day for it (sha256 eeeeeeeeeeee… then, cccccccccccc… now)": func(s *checkpoint.State) { s.TemplateDigest = "cccccccccccccc" },
		"run/checkpoint-2 was trained on 40 records of its files, this run takes 39 of them":                                            func(s *checkpoint.State) { s.Records = 39 },
		"run/checkpoint-2 is after 20 of the 40 records of an epoch in the order of data_seed 42; in the order of 7 some would be trained twice, and others never; give --data_seed 42, or resume at the end of an epoch": func(s *checkpoint.State) {
			seed := uint64(7)
			s.DataSeed = &seed
		},
	} {
		now := was
		change(&now)
		require.ErrorContains(t, rundir.CheckInputs(start, now, nil), want)
		require.NoError(t, rundir.CheckInputs(rundir.Start{}, now, nil), "a run from scratch takes any input")
	}
	now := was
	now.DataSeed = new(uint64)
	start.State.Cursor.Next = 40
	require.NoError(t, rundir.CheckInputs(start, now, nil), "the next epoch may have another order")
	old := rundir.Start{Checkpoint: "run/checkpoint-2", State: checkpoint.State{DataDigest: was.DataDigest, ProgramDigest: was.ProgramDigest}}
	require.NoError(t, rundir.CheckInputs(old, was, nil), "an older checkpoint does not say all")
}

func TestAResumedRunMustHaveTheSameMachine(t *testing.T) {
	was := checkpoint.State{Threads: 2, ModelDigest: "aaaaaaaaaaaaaa"}
	start := rundir.Start{Checkpoint: "run/checkpoint-2", State: was}
	require.NoError(t, rundir.CheckMachine(start, was, false))
	threads, weights := was, was
	threads.Threads = 1
	weights.ModelDigest = "cccccccccccccc"
	require.ErrorContains(t, rundir.CheckMachine(start, threads, false), "was trained with 2 threads, this run has 1")
	require.NoError(t, rundir.CheckMachine(start, threads, true))
	require.ErrorContains(t, rundir.CheckMachine(start, weights, true), "was trained with other weights in model_name_or_path (sha256 aaaaaaaaaaaa… then, cccccccccccc… now)")
}

func TestNoteChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var said notes
	d, err := rundir.Open(dir, rundir.Options{}, said.take)
	require.NoError(t, err)
	defer d.Close()
	before := rundir.Record{Settings: map[string]any{"learning_rate": 0.1, "output_dir": "a", "gone": 1}, Task: rundir.TaskRecord{Params: map[string]any{"beta": 0.5}}}
	require.NoError(t, d.WriteRecord(before.At(3, 1.5, time.Second)))
	now := rundir.Record{Settings: map[string]any{"learning_rate": 0.2, "output_dir": "b", "new": 1}, Task: rundir.TaskRecord{Params: map[string]any{"beta": 0.25}}}
	start := rundir.Start{Checkpoint: filepath.Join(dir, "checkpoint-3"), State: checkpoint.State{Torch: "2.11.0", Device: "cpu"}}
	require.NoError(t, rundir.NoteChanges(start, now, checkpoint.State{Torch: "2.11.0", Device: "cuda:0"}, said.take))
	require.Equal(t, notes{
		"learning_rate was 0.1 and is 0.2 from here on",
		"beta was 0.5 and is 0.25 from here on",
		"the checkpoint was made with libtorch 2.11.0 on cpu, this is 2.11.0 on cuda:0; the last bits of numbers may differ",
	}, said)
}
