package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"llmhost/host"
	"llmhost/host/atomicfile"
	"llmhost/host/config"
	"llmhost/host/rundir"
	"llmhost/host/safetensors"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// long is a run of 12 steps with everything that a resume has to restore: epochs,
// accumulation, a schedule, evaluations and log entries between the checkpoints,
// and checkpoints that are deleted.
func long(t *testing.T) config.Settings {
	t.Helper()
	s := ranking(t)
	s.NumTrainEpochs, s.LoggingSteps, s.EvalSteps, s.SaveSteps, s.SaveTotalLimit = 4, 5, 3, 2, 2
	return s
}

// straight is the uninterrupted run of long, and the settings of a copy.
func straight(t *testing.T) (folder string, copy config.Settings) {
	t.Helper()
	s := long(t)
	mustTrain(t, s)
	copy = s
	copy.OutputDir = filepath.Join(t.TempDir(), "run")
	return s.OutputDir, copy
}

// requireSameEnd checks that two runs ended alike: weights and optimizer to the
// byte, and every entry of their logs.
func requireSameEnd(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, weights(t, want), weights(t, got), "model.safetensors")
	for _, name := range []string{"checkpoint-12/model.safetensors", "checkpoint-12/optimizer.safetensors"} {
		require.Equal(t, digest(t, want, name), digest(t, got, name), name)
	}
	require.Equal(t, readRecord(t, want).FinalSHA256, readRecord(t, got).FinalSHA256)
	require.True(t, readRecord(t, got).Finished)
	require.Empty(t, list(t, got, atomicfile.Prefix+"*"))
	require.Equal(t, entries(t, want), entries(t, got))
}

// list gives the names in a folder that fit a pattern.
func list(t *testing.T, folder, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	require.NoError(t, err)
	for i, path := range found {
		found[i] = filepath.Base(path)
	}
	return found
}

// child is a run in a process of its own, which can be killed.
type child struct {
	*exec.Cmd
	output bytes.Buffer
	ended  chan error
}

func startChild(t *testing.T, s config.Settings) *child {
	t.Helper()
	file := written(t, filepath.Join(t.TempDir(), "run.toml"), s.TOML())
	c := &child{Cmd: exec.Command(os.Args[0]), ended: make(chan error, 1)}
	c.Env = append(os.Environ(), childRun+"="+file)
	c.Stdout, c.Stderr = &c.output, &c.output
	require.NoError(t, c.Start())
	go func() { c.ended <- c.Wait() }()
	return c
}

// killWhen kills the child without warning as soon as due is true, and tells
// whether that happened before the child ended.
func (c *child) killWhen(t *testing.T, due func() bool) bool {
	t.Helper()
	for {
		select {
		case err := <-c.ended:
			require.NoError(t, err, c.output.String())
			return false
		case <-time.After(100 * time.Microsecond):
		}
		if due() {
			require.NoError(t, c.Process.Signal(syscall.SIGKILL))
			<-c.ended
			return true
		}
	}
}

// A run that is killed again and again, also while it writes a checkpoint or
// the final model, ends with the same bytes as an undisturbed one.
func TestKilledRunsEndAlike(t *testing.T) {
	want, s := straight(t)
	s.Resume = "auto"
	writes := func(name string) func() bool {
		return func() bool {
			found, _ := filepath.Glob(filepath.Join(s.OutputDir, atomicfile.Prefix+"*-"+name))
			return len(found) > 0
		}
	}
	has := func(name, text string) func() bool {
		return func() bool {
			found, _ := os.ReadFile(filepath.Join(s.OutputDir, name))
			return strings.Contains(string(found), text)
		}
	}
	halves := 0
	for _, moment := range []struct {
		name string
		due  func() bool
		half bool // something is written at that moment
	}{
		{"the run begins", has("run.json", `"finished": false`), false},
		{"it saves the first checkpoint", writes("checkpoint-2"), true},
		{"it saves the second", writes("checkpoint-4"), true},
		{"it has logged step 5", has("metrics.jsonl", `"step":5,`), false},
		{"it saves the fifth", writes("checkpoint-10"), true},
		{"it has evaluated step 12", has("metrics.jsonl", `"step":12,"epoch":4,"eval_loss"`), true},
		{"it writes the model", writes("model.safetensors"), true},
		{"it is about to end", func() bool {
			return writes("curve.svg")() || writes("run.json")() && has("run.json", `"global_step": 12`)()
		}, true},
	} {
		killed := startChild(t, s).killWhen(t, moment.due)
		left := list(t, s.OutputDir, atomicfile.Prefix+"*")
		t.Logf("%s: killed %v, left %v", moment.name, killed, left)
		if killed && moment.half && len(left) > 0 {
			halves++
		}
	}
	require.GreaterOrEqual(t, halves, 2, "the child was killed while it wrote")
	c := startChild(t, s)
	require.NoError(t, <-c.ended, c.output.String())
	requireSameEnd(t, want, s.OutputDir)
	require.Equal(t, []string{"checkpoint-10", "checkpoint-12"}, list(t, s.OutputDir, "checkpoint-*"))
}

// Ctrl-C saves the state, and says how to resume. A log entry that spans the stop
// has the same values as without it.
func TestInterruptedRunsEndAlike(t *testing.T) {
	want, s := straight(t)
	for _, step := range []string{"3", "9"} {
		ctx, stop := context.WithCancel(context.Background())
		lines, err := trainedUntil(ctx, s, func(line string) {
			if strings.Contains(line, "step  "+step+"/12") {
				stop()
			}
		})
		stop()
		var interrupted *train.Interrupted
		require.ErrorAs(t, err, &interrupted, lines)
		saved := filepath.Join(s.OutputDir, "checkpoint-"+step)
		require.EqualError(t, err, "interrupted after step "+step+"; "+saved+" holds the state of the run\n"+
			"to resume, run the same command with --resume_from_checkpoint auto")
		require.DirExists(t, saved)
		r := readRecord(t, s.OutputDir)
		require.False(t, r.Finished)
		require.Equal(t, step, itoa(r.GlobalStep), "run.json is true")
		s.Resume = "auto"
	}
	lines := mustTrain(t, s)
	require.Contains(t, lines, "resume "+filepath.Join(s.OutputDir, "checkpoint-9")+", after step 9, epoch 3.00; 3 steps left, of 24 records\n")
	require.NotContains(t, lines, "note: ")
	requireSameEnd(t, want, s.OutputDir)
	require.Equal(t, filepath.Join(s.OutputDir, "checkpoint-9"), readRecord(t, s.OutputDir).ResumedFrom)
}

// An evaluation in which the run is stopped is given up, and made when it is resumed.
func TestARunInterruptedInAnEvaluationEndsAlike(t *testing.T) {
	s := long(t)
	s.LoggingSteps, s.EvalBatchSize = 3, 1
	mustTrain(t, s)
	want := s.OutputDir
	s.OutputDir = filepath.Join(t.TempDir(), "run")
	ctx, stop := context.WithCancel(context.Background())
	lines, err := trainedUntil(ctx, s, func(line string) {
		if strings.Contains(line, "step  6/12") && strings.Contains(line, "  loss ") { // the evaluation follows
			stop()
		}
	})
	stop()
	var interrupted *train.Interrupted
	require.ErrorAs(t, err, &interrupted, lines)
	require.Equal(t, 6, interrupted.Step)
	require.NotContains(t, lines, "step  6/12  epoch 2.00  eval_loss")
	require.Equal(t, 6, readRecord(t, s.OutputDir).GlobalStep, "run.json is true")
	s.Resume = "auto"
	require.Contains(t, mustTrain(t, s), "step  6/12  epoch 2.00  eval_loss")
	requireSameEnd(t, want, s.OutputDir)
}

func TestInterruptWithoutCheckpoints(t *testing.T) {
	s := long(t)
	s.SaveStrategy = "no"
	ctx, stop := context.WithCancel(context.Background())
	_, err := trainedUntil(ctx, s, func(line string) {
		if strings.Contains(line, "step  3/12") {
			stop()
		}
	})
	require.EqualError(t, err, `interrupted after step 3; save_strategy is "no", so nothing was saved`)
	require.Empty(t, list(t, s.OutputDir, "checkpoint-*"))
	require.Equal(t, 3, readRecord(t, s.OutputDir).GlobalStep, "run.json is true")
}

// branch makes an unfinished copy of a run: its checkpoints up to a step.
func branch(t *testing.T, from string, steps ...string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.MkdirAll(to, 0o755))
	for _, step := range steps {
		name := "checkpoint-" + step
		require.NoError(t, os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))))
	}
	for _, name := range []string{"metrics.jsonl", "llmhost.lock"} {
		written(t, filepath.Join(to, name), contents(t, from, name))
	}
	text := strings.Replace(contents(t, from, "run.json"), `"finished": true`, `"finished": false`, 1)
	written(t, filepath.Join(to, "run.json"), text)
	return to
}

// whole is the run of long with all of its checkpoints.
func whole(t *testing.T) (string, config.Settings) {
	t.Helper()
	s := long(t)
	s.SaveTotalLimit = 0
	mustTrain(t, s)
	return s.OutputDir, s
}

// What is not in every run's state resumes to the byte too.
func TestEverySettingWithAStateResumes(t *testing.T) {
	for name, change := range map[string]func(*config.Settings){
		"adafactor": func(s *config.Settings) { s.Optim, s.WeightDecay = "adafactor", 0.1 },
		"noise":     func(s *config.Settings) { s.NoiseAlpha = 5 },
		"best":      func(s *config.Settings) { s.LoadBest, s.Patience, s.BestMetric = true, 9, "loss" },
	} {
		t.Run(name, func(t *testing.T) {
			s := long(t)
			s.SaveTotalLimit = 0
			change(&s)
			mustTrain(t, s)
			want := s.OutputDir
			s.OutputDir, s.Resume = branch(t, want, "2", "4", "6"), "auto"
			mustTrain(t, s)
			requireSameEnd(t, want, s.OutputDir)
		})
	}
}

// A dry run tells what a run would do, and leaves no trace of itself.
func TestDryRun(t *testing.T) {
	s := long(t)
	s.DryRun, s.RunName = true, "first try"
	lines := mustTrain(t, s)
	require.Contains(t, lines, "run    first try\nplan   12 steps of 8 records, ")
	require.Regexp(t, `\nmemory [0-9,.]+ MB so far; training adds at least [0-9.]+ MB of gradients, [0-9.]+ MB of optimizer state, and its activations\n`, lines)
	require.Contains(t, lines, "\nready  for step 1; dry_run is set, so nothing was trained and nothing written\n")
	require.NoDirExists(t, s.OutputDir)

	s.DryRun = false
	mustTrain(t, s)
	require.Contains(t, contents(t, s.OutputDir, "curve.svg"), "first try, task rrhf")
	require.Equal(t, "first try", readRecord(t, s.OutputDir).Settings["run_name"])
	before := tree(t, s.OutputDir)
	s.DryRun, s.Resume, s.NumTrainEpochs = true, "auto", 5
	require.Contains(t, mustTrain(t, s), "\nready  for step 13; ")
	require.Equal(t, before, tree(t, s.OutputDir))

	s.Optim = "adafactor"
	_, err := trained(s)
	require.ErrorContains(t, err, "; give the optim that the checkpoint was trained with")
}

func TestResumeFromAPath(t *testing.T) {
	want, s := whole(t)
	t.Run("of the folder itself", func(t *testing.T) {
		s := s
		s.OutputDir = branch(t, want, "2", "4", "6")
		s.Resume = filepath.Join(s.OutputDir, "checkpoint-4") + "/"
		lines := mustTrain(t, s)
		aside := filepath.Join(s.OutputDir, "unused-checkpoint-6")
		require.Contains(t, lines, "note: this run does not use checkpoint-6, which is now called "+aside+"\n")
		require.DirExists(t, aside)
		requireSameEnd(t, want, s.OutputDir)
	})
	t.Run("of another run", func(t *testing.T) {
		s := s
		s.Resume, s.OutputDir = filepath.Join(want, "checkpoint-8"), filepath.Join(t.TempDir(), "new")
		s.LoggingSteps = 1
		require.Contains(t, mustTrain(t, s), "note: logging_steps was 5 and is 1 from here on\n")
		require.Equal(t, weights(t, want), weights(t, s.OutputDir))
		require.Equal(t, 9, entries(t, s.OutputDir)[0].Step, "its log begins where it began")

		_, err := trained(s)
		require.EqualError(t, err, "output_dir "+s.OutputDir+" is not empty, and "+s.Resume+" is not in it; name an empty output_dir to branch off there, "+
			"or give --resume_from_checkpoint auto to resume from the newest checkpoint of output_dir")
	})
	t.Run("that is not there", func(t *testing.T) {
		s := s
		s.Resume = filepath.Join(want, "checkpoint-5")
		_, err := trained(s)
		require.EqualError(t, err, s.Resume+": no such checkpoint; "+want+" has checkpoint-2, checkpoint-4, checkpoint-6, checkpoint-8, checkpoint-10, checkpoint-12")
		s.Resume = t.TempDir()
		_, err = trained(s)
		require.EqualError(t, err, s.Resume+" is not a whole checkpoint: it has no checkpoint.json")
	})
}

func TestAutoWithoutACheckpointStartsAnew(t *testing.T) {
	s := ranking(t)
	s.Resume = "auto"
	require.NotContains(t, mustTrain(t, s), "resume ")
	again := s
	again.Resume, again.OutputDir = "", filepath.Join(t.TempDir(), "run")
	mustTrain(t, again)
	require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))
}

// tree is every file of a folder with its time and content, and every folder: in
// the run's own the lock comes and goes.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		require.NoError(t, err)
		all[path] = ""
		if !e.IsDir() {
			all[path] = info.ModTime().String() + digest(t, path)
		}
		return nil
	}))
	return all
}

func TestAFinishedRunIsLeftAlone(t *testing.T) {
	for _, strategy := range []string{"steps", "no"} {
		t.Run("save_strategy "+strategy, func(t *testing.T) {
			s := ranking(t)
			s.SaveStrategy = strategy
			mustTrain(t, s)
			before := tree(t, s.OutputDir)
			s.Resume = "auto"
			require.Equal(t, s.OutputDir+" is finished: 6 steps, 2 epochs; nothing to do\n", mustTrain(t, s))
			require.Equal(t, before, tree(t, s.OutputDir))
		})
	}
}

func TestAFinishedRunGoesOnToMoreEpochs(t *testing.T) {
	s := ranking(t)
	mustTrain(t, s)
	s.Resume, s.NumTrainEpochs = "auto", 3
	lines := mustTrain(t, s)
	require.Contains(t, lines, "note: num_train_epochs was 2 and is 3 from here on\n")
	require.Contains(t, lines, "checkpoint-6, after step 6, epoch 2.00; 3 steps left, of 24 records\n")
	require.Contains(t, lines, "note: the learning rate of step 7 was to be 0 and is 0.00309\n")
	r := readRecord(t, s.OutputDir)
	require.Equal(t, []int{9, 9}, []int{r.GlobalStep, r.TotalSteps})
	require.Equal(t, digest(t, s.OutputDir, "model.safetensors"), r.FinalSHA256)
	require.DirExists(t, filepath.Join(s.OutputDir, "checkpoint-9"))
}

func TestOutputDirInUse(t *testing.T) {
	s := ranking(t)
	s.MaxSteps = 2
	mustTrain(t, s)
	first := weights(t, s.OutputDir)
	before := tree(t, s.OutputDir)
	s.LearningRate = 1e-3
	_, err := trained(s)
	require.EqualError(t, err, "output_dir "+s.OutputDir+" is not empty; give --resume_from_checkpoint auto to resume from its newest checkpoint, or --overwrite_output_dir to start from scratch")
	require.Equal(t, before, tree(t, s.OutputDir))

	s.OverwriteOutput, s.SaveStrategy = true, "no"
	mustTrain(t, s)
	require.NotEqual(t, first, weights(t, s.OutputDir))
	require.Empty(t, list(t, s.OutputDir, "checkpoint-*"))
	require.Len(t, list(t, s.OutputDir, "events.out.tfevents.*"), 1)

	s.OutputDir = filepath.Join(s.OutputDir, "config.json")
	_, err = trained(s)
	require.EqualError(t, err, "output_dir "+s.OutputDir+" is a file, or is below one; name a folder")
}

// A run holds its folder: no other run, resume or merge gets in, whatever it asks.
func TestOutputDirIsHeldByARun(t *testing.T) {
	s := long(t)
	s.NumTrainEpochs = 1000
	running := startChild(t, s)
	at := filepath.Join(s.OutputDir, "checkpoint-2")
	require.Eventually(t, func() bool { _, err := os.Stat(at); return err == nil }, time.Minute, time.Millisecond)
	inUse := fmt.Sprintf(" is in use: llmhost train has held it since .* as process %d on .*; wait for it to end, stop it with kill %d, or name another output_dir$",
		running.Process.Pid, running.Process.Pid)
	for name, change := range map[string]func(*config.Settings){
		"from scratch": func(*config.Settings) {},
		"overwrite":    func(s *config.Settings) { s.OverwriteOutput = true },
		"resume":       func(s *config.Settings) { s.Resume = "auto" },
		"by a path":    func(s *config.Settings) { s.Resume = at },
	} {
		second := s
		change(&second)
		_, err := trained(second)
		require.Regexp(t, inUse, fmt.Sprint(err), name)
	}
	n := smallModel(s.OutputDir)
	_, err := host.Init(n)
	require.Regexp(t, inUse, fmt.Sprint(err), "init")
	require.NoError(t, running.Process.Kill())
	<-running.ended
	s.Resume, s.NumTrainEpochs = "auto", 1
	_, err = trained(s)
	require.NotContains(t, fmt.Sprint(err), "in use", "the lock died with its holder")
	require.NoFileExists(t, filepath.Join(s.OutputDir, rundir.LockName))
}

// Damage to the newest checkpoint costs the steps since the one before.
func TestADamagedCheckpointIsPassedOver(t *testing.T) {
	want, s := whole(t)
	s.OutputDir, s.Resume, s.SaveTotalLimit = branch(t, want, "4", "6", "8"), "auto", 2
	weightsOf := func(step string) string { return filepath.Join(s.OutputDir, "checkpoint-"+step, "model.safetensors") }
	require.NoError(t, os.Truncate(weightsOf("8"), 1000))
	text := []byte(contents(t, weightsOf("6")))
	text[len(text)-1] ^= 1
	written(t, weightsOf("6"), string(text))
	full := len(contents(t, want, "checkpoint-8", "model.safetensors"))
	lines := mustTrain(t, s)
	for _, note := range []string{
		"note: skipped: " + filepath.Dir(weightsOf("8")) + " is not a whole checkpoint: model.safetensors has 1000 bytes; want " + itoa(full),
		"note: skipped: " + filepath.Dir(weightsOf("6")) + " is not a whole checkpoint: model.safetensors has sha256 ",
		"resume " + filepath.Join(s.OutputDir, "checkpoint-4") + ", after step 4",
	} {
		require.Contains(t, lines, note)
	}
	require.Equal(t, []string{"checkpoint-10", "checkpoint-12"}, list(t, s.OutputDir, "checkpoint-*"))
	require.Equal(t, weights(t, want), weights(t, s.OutputDir))
	require.Equal(t, entries(t, want), entries(t, s.OutputDir))
}

func TestResumeIsRefusedWhereItCouldNotBeExact(t *testing.T) {
	want, whole := whole(t)
	stopped := branch(t, want, "4")
	at := filepath.Join(stopped, "checkpoint-4")
	whole.OutputDir, whole.Resume = stopped, "auto"
	data, other := digest(t, whole.DataPaths[0]), quickstart(t, "train.jsonl", 1, 24)
	program := readState(t, at).ProgramDigest
	before := tree(t, stopped)
	for _, c := range []struct {
		name   string
		change func(*config.Settings)
		want   string
	}{
		{"threads", func(s *config.Settings) { s.Threads = 1 }, at + " was trained with 2 threads, this run has 1, and the last bits of its numbers would differ; give --threads 2, or --allow_thread_count_change"},
		{"data", func(s *config.Settings) { s.DataPaths = []string{other} }, at + " was trained on other data (sha256 " + short(sha(data)) + "… then, " + short(sha(digest(t, other))) + "… now): " + other + " was not among its files, " + whole.DataPaths[0] + " is missing now; give the same data_paths, or --overwrite_output_dir to start from scratch"},
		{"loss", func(s *config.Settings) {
			s.Params = map[string]config.Param{"length_penalty": {Value: 0.5, Where: "run.toml:3:1"}}
		}, at + " was trained with another loss program (sha256 " + short(program) + "… then, "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := whole
			c.change(&s)
			_, err := trained(s)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, tree(t, stopped))
		})
	}
	whole.Threads, whole.AllowThreadChange = 1, true
	mustTrain(t, whole)
	require.Equal(t, 1, readRecord(t, stopped).Threads)
}

// state is what a test reads of a checkpoint.
type state struct {
	ProgramDigest string `json:"program_sha256"`
	GlobalStep    int    `json:"global_step"`
}

func readState(t *testing.T, checkpoint string) (s state) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(contents(t, checkpoint, "trainer_state.json")), &s))
	return s
}

func short(digest string) string { return digest[:12] }

// A plugin file that differs from llmhost.lock stops a resumed run and a locked
// one; a new run prints a note.
func TestAPluginFileThatChanged(t *testing.T) {
	file := rrhfModule(t)
	s := ranking(t)
	s.Task, s.MaxSteps = filepath.Join(t.TempDir(), "rrhf.wasm"), 2
	written(t, s.Task, contents(t, file))
	mustTrain(t, s)
	was := digest(t, s.Task)
	written(t, s.Task, withSection(contents(t, file)))
	is := digest(t, s.Task)
	changed := "plugin " + s.Task + ": its sha256 is " + is + ", llmhost.lock has " + was + "; restore the file, or start a new run without locked"

	more := s
	more.Resume, more.MaxSteps = "auto", 3
	_, err := trained(more)
	require.EqualError(t, err, changed)

	restarted := s
	restarted.OverwriteOutput, restarted.Locked = true, true
	_, err = trained(restarted)
	require.EqualError(t, err, changed)
	restarted.Locked = false
	require.Contains(t, mustTrain(t, restarted), "note: plugin "+s.Task+": now 1.0.0 of sha256 "+short(is)+", was 1.0.0 of sha256 "+short(was)+"\n")
	require.NotContains(t, mustTrain(t, restarted), "note: plugin ", "the lock names the new file")

	restarted.TaskSHA256 = was
	_, err = trained(restarted)
	require.EqualError(t, err, "plugin "+s.Task+": its sha256 is "+is+", the run asks for "+was+"; restore the file, or change task_sha256")
	restarted.TaskSHA256 = is
	mustTrain(t, restarted)
}

// Auto that finds no checkpoint is a new run: it may use another plugin file.
func TestAutoThatStartsAnewTakesAChangedPlugin(t *testing.T) {
	file := rrhfModule(t)
	s := ranking(t)
	s.Task, s.MaxSteps, s.SaveStrategy = filepath.Join(t.TempDir(), "rrhf.wasm"), 1, "no"
	written(t, s.Task, contents(t, file))
	mustTrain(t, s)
	written(t, s.Task, withSection(contents(t, file)))
	s.Resume, s.MaxSteps = "auto", 2
	require.Contains(t, mustTrain(t, s), "note: plugin "+s.Task+": now ")
}

// Checkpoints hold what transformers reads, and the state of every parameter.
func TestCheckpointIsAModel(t *testing.T) {
	s := ranking(t)
	s.MaxSteps = 2
	mustTrain(t, s)
	folder := filepath.Join(s.OutputDir, "checkpoint-2")
	require.Equal(t, weights(t, s.OutputDir), weights(t, folder))
	for _, name := range []string{"config.json", "tokenizer.json"} {
		require.Equal(t, contents(t, s.OutputDir, name), contents(t, folder, name))
	}
	state, err := safetensors.Open(filepath.Join(folder, "optimizer.safetensors"))
	require.NoError(t, err)
	defer state.Close()
	file, err := safetensors.Open(folder)
	require.NoError(t, err)
	defer file.Close()
	require.Len(t, state.Names(), 3*len(file.Names()))
	for _, name := range file.Names() {
		parameter, err := file.Get(name)
		require.NoError(t, err)
		moment, err := state.Want(name+":exp_avg", "the model", parameter.Shape...)
		require.NoError(t, err)
		require.NotEqual(t, make([]byte, len(moment.Data)), moment.Data, name)
	}
}
