package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/worker"
)

// asProgram asks a child of the test, in its environment, to be the program.
const asProgram = "LLMHOST_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" || worker.Asked(os.Args) {
		main()
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // under nohup, programs that tests start would ignore it too
	os.Exit(m.Run())
}

// program is llmhost with arguments, to be run in a folder.
func program(folder string, args ...string) (command *exec.Cmd, stdout, stderr *bytes.Buffer) {
	command = exec.Command(os.Args[0], args...)
	command.Dir, command.Env = folder, append(os.Environ(), asProgram+"=1")
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	command.Stdout, command.Stderr = stdout, stderr
	return command, stdout, stderr
}

// run runs llmhost to its end.
func run(folder string, args ...string) (code int, stdout, stderr string) {
	command, out, failed := program(folder, args...)
	_ = command.Run() // the exit code tells
	return command.ProcessState.ExitCode(), out.String(), failed.String()
}

// fails checks that llmhost ends with a code and exactly this on stderr.
func fails(t *testing.T, folder string, code int, want string, args ...string) {
	t.Helper()
	found, _, stderr := run(folder, args...)
	require.Equal(t, want, stderr)
	require.Equal(t, code, found)
}

func write(t *testing.T, text string, path ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(path...), []byte(text), 0o644))
}

func TestBadSettings(t *testing.T) {
	dir := t.TempDir()
	write(t, "task = \"rrhf\"\nlearning_rte = 1\nmax_length = \"long\"\nseed = -1\n", dir, "run.toml")
	fails(t, dir, 1, `llmhost train: run.toml:2:1: unknown setting "learning_rte"; did you mean learning_rate?
run.toml:3:1: max_length is the string "long"; want a whole number
run.toml:4:1: seed is -1; want at least 0
`, "train", "--config", "run.toml")
	fails(t, dir, 1, "llmhost train: other.toml: no such file; give the path of a TOML file\n", "train", "--config", "other.toml")
	fails(t, dir, 1, "llmhost train: flag --bf16: bf16 is the string \"perhaps\"; want true or false\n", "train", "--bf16=perhaps")
	fails(t, dir, 1, "llmhost train: unexpected argument \"run.toml\"; settings are given as --name value\n", "train", "run.toml")
	fails(t, dir, 1, `llmhost train: task is not set; want the NAME of a builtin task, FILE.wasm or EXECUTABLE, with #task where a file has several; write it into the TOML file or give --task
model_name_or_path is not set; want the folder of a Hugging Face model; write it into the TOML file or give --model_name_or_path
output_dir is not set; want the folder of the run: model, checkpoints, logs; write it into the TOML file or give --output_dir
data_paths or data_dir or datasets is not set; want the training files (JSON, CSV, Parquet, Arrow, text), folders and patterns, taken in this order; write it into the TOML file or give --data_paths
`, "train")
	fails(t, dir, 1, "note: flag --model_max_length: model_max_length is called max_length here\n"+
		"llmhost train: flag --batch_size: llmhost has no such setting: batch_size; write per_device_train_batch_size, the records of a micro-batch, and gradient_accumulation_steps, how many of those make a step\n"+
		"flag --fp16: llmhost has no such setting: fp16; write bf16 = true, or leave it out for float32\n"+
		"task is not set; want the NAME of a builtin task, FILE.wasm or EXECUTABLE, with #task where a file has several; write it into the TOML file or give --task\n",
		"train", "--model_max_length", "8", "--fp16", "--batch_size", "4", "--do_train", "--model_name_or_path", "m", "--output_dir", "o", "--data_paths", "d")
	fails(t, dir, 1, "llmhost init: --output_dir is missing; name the folder of the new model\n", "init")
	fails(t, dir, 1, "llmhost init: output_dir . is not empty; name another folder or empty this one\n", "init", "--output_dir", ".")
	code, _, stderr := run(dir, "trian")
	require.Equal(t, 2, code)
	require.True(t, strings.HasPrefix(stderr, "llmhost: there is no command \"trian\"; did you mean train?\n"), stderr)
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"--help"}, {"train", "--help"}, {"init", "--help"}, {"plugins", "--help"}, {"version"}} {
		code, stdout, stderr := run(t.TempDir(), args...)
		require.Zero(t, code, args)
		require.NotEmpty(t, stdout+stderr, args)
	}
}

// Help fits a screen, and that of a task shows what the task has.
// The help's own way to write parameters works, and so do numbers that JSON does
// not have, in what is read and in what is printed.
func TestPluginsRun(t *testing.T) {
	dir := t.TempDir()
	write(t, `{"policy.logps": [[[-1, "-Infinity"], [-3, -4]]], "label_mask": [[[true, true], [true, true]]], "candidate_mask": [[true, true]], "column.score": [[1, 0]]}`, dir, "in.json")
	code, stdout, stderr := run(dir, "plugins", "run", "rrhf", "--inputs", "in.json", "--params", "rrhf_weight=2", "length_penalty=0.5", "--grads", "-")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, `"loss": "Infinity"`)
	require.Contains(t, stdout, `"coefficient": 2`)
	require.Contains(t, stdout, `"gradients": {`)
	code, _, stderr = run(dir, "plugins", "run", "rrhf", "--inputs", "in.json", "--params", "rrhf_weight=2", "twice", "--grads", "-")
	require.Equal(t, 1, code)
	require.Equal(t, "llmhost plugins: unexpected argument \"twice\"; want key=value after --params, or nothing\n", stderr)
}

func TestTrainHelp(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"--learning_rate", "--data_paths a.jsonl b.jsonl", `data_paths = ["a.jsonl", "b.jsonl"]`, "--task rrhf, sft, ", "--help all"}},
		{[]string{"--task", "dpo"}, []string{"Task dpo: ", "--dpo_beta ", "(also beta, pref_beta, rl_beta)", "--prompt_split", "--data_paths"}},
		{[]string{"--task=cpo"}, []string{"Task cpo: ", "--cpo_beta "}},
		{[]string{"--task", "multi_objective_classification"}, []string{"--cls_objectives "}},
		{[]string{"--lerning_rate", "x", "--task", "sft"}, []string{"Task sft: ", "--sft_reduction "}},
	} {
		code, stdout, stderr := run(t.TempDir(), append(append([]string{"train"}, c.args...), "--help")...)
		require.Zero(t, code, stderr)
		lines := strings.Split(stdout, "\n")
		require.LessOrEqual(t, len(lines), 50, c.args)
		for _, line := range lines {
			require.LessOrEqual(t, utf8.RuneCountInString(line), 100, line)
		}
		for _, want := range c.want {
			require.Contains(t, stdout, want, c.args)
		}
	}
	_, all, _ := run(t.TempDir(), "train", "--help", "all")
	require.Contains(t, all, "--plugin_trace_ms")
	_, group, _ := run(t.TempDir(), "train", "--help", "tokens")
	require.True(t, strings.HasPrefix(group, "Tokens\n  --max_length "), group)
	_, one, _ := run(t.TempDir(), "train", "--help", "lr")
	require.True(t, strings.HasPrefix(one, "  --learning_rate (number; "), one)
	_, foreign, _ := run(t.TempDir(), "train", "--help=--fp16")
	require.Equal(t, "llmhost has no such setting: fp16; write bf16 = true, or leave it out for float32\n", foreign)
	code, _, stderr := run(t.TempDir(), "train", "--help", "learning_rte")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, `there is no setting and no group "learning_rte"; want all, a setting's name, or one of task, model, `)
	require.Contains(t, stderr, "did you mean learning_rate?")
}

func TestPlugins(t *testing.T) {
	dir := t.TempDir()
	code, stdout, _ := run(dir, "plugins", "list")
	require.Zero(t, code)
	require.Contains(t, stdout, "rrhf")
	code, stdout, _ = run(dir, "plugins", "explain", "rrhf")
	require.Zero(t, code)
	require.Contains(t, stdout, "rrhf_weight")
	fails(t, dir, 1, "llmhost plugins: there is no \"lst\"; want list, explain, run, new, build or check\n", "plugins", "lst")
	fails(t, dir, 1, "llmhost plugins: --inputs is missing; plugins explain lists the tensors that the file must hold\n", "plugins", "run", "rrhf")
	fails(t, dir, 1, "llmhost plugins: plugin x.wasm: no such file\n", "plugins", "explain", "x.wasm")
}

// endless prepares a run that only ends when it is stopped, and returns its folder.
func endless(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	code, stdout, stderr := run(dir, "init", "--output_dir", "start", "--hidden_size", "32", "--num_hidden_layers", "1")
	require.Zero(t, code, stderr)
	require.Regexp(t, `^start: a Llama of \d+ weights with a byte-level tokenizer \(seed 42\)\n$`, stdout)
	data, err := filepath.Abs("../../examples/quickstart/sft.train.jsonl")
	require.NoError(t, err)
	write(t, "task = \"sft\"\nmodel_name_or_path = \"start\"\noutput_dir = \"run\"\nmax_length = 64\nlogging_steps = 1\nmax_steps = 100000\nthreads = 2\n"+
		"data_paths = ["+quoted(data)+"]\n", dir, "run.toml")
	return dir
}

// awaitStep waits until the run in a folder has logged a step.
func awaitStep(t *testing.T, dir string) (metrics string) {
	t.Helper()
	metrics = filepath.Join(dir, "run", "metrics.jsonl")
	require.Eventually(t, func() bool { info, err := os.Stat(metrics); return err == nil && info.Size() > 0 }, 30*time.Second, time.Millisecond)
	return metrics
}

// What a user does: a new model, a run that Ctrl-C ends, the same command to go
// on, and once more with nothing left to do.
func TestRunIsInterruptedAndGoesOn(t *testing.T) {
	dir := endless(t)
	command, lines, failed := program(dir, "train", "--config", "run.toml")
	require.NoError(t, command.Start())
	metrics := awaitStep(t, dir)
	require.NoError(t, command.Process.Signal(syscall.SIGINT))
	_ = command.Wait()
	require.Equal(t, 130, command.ProcessState.ExitCode(), failed.String())
	require.Regexp(t, saved, failed.String())
	require.Contains(t, lines.String(), "\nstopping after this step; Ctrl-C again to stop at once\n")
	require.NotContains(t, lines.String(), "\r", "no bar without a terminal")

	more := []string{"train", "--config", "run.toml", "--resume_from_checkpoint", "auto", "--max_steps", lastStep(t, metrics, 2)}
	code, stdout, stderr := run(dir, more...)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "note: max_steps was 100000 and is ")
	require.Contains(t, stdout, "model    run (Hugging Face layout, with its tokenizer)")
	code, stdout, stderr = run(dir, more...)
	require.Zero(t, code, stderr)
	require.Regexp(t, `^run is finished: \d+ of \d+ steps; nothing to do\n$`, stdout)
}

func quoted(text string) string { out, _ := json.Marshal(text); return string(out) }

// lastStep is the last step that a log names, and some more, as text.
func lastStep(t *testing.T, path string, more int) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var entry struct{ Step int }
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &entry))
	out, _ := json.Marshal(entry.Step + more)
	return string(out)
}
