package plugin_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/sdk"
	"llmhost/sdk/op"
)

// python puts an interpreter that has grpcio and cryptography first on the
// PATH: that of LLMHOST_PLUGIN_PYTHON, or the one that .ci/python makes.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("LLMHOST_PLUGIN_PYTHON")
	if path == "" {
		path = filepath.Join(plugin.DefaultCache(), "plugin-python", "bin", "python3")
	}
	if out, err := exec.Command(path, "-c", "import grpc, cryptography").CombinedOutput(); err != nil {
		t.Skipf("needs a Python with grpcio and cryptography: run .ci/python, or name one in LLMHOST_PLUGIN_PYTHON (%s: %v %s)", path, err, out)
	}
	t.Setenv("PATH", filepath.Dir(path)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return path
}

const pythons = "../../examples/python"

// slow are limits for machines on which Python takes its time.
var slow = process.Limits{Start: time.Minute, Call: 30 * time.Second, Format: 30 * time.Second}

func TestPythonGivesTheSameTask(t *testing.T) {
	python(t)
	ctx := context.Background()
	c := catalog(t, plugin.Options{Process: slow})
	linked, err := c.Task(ctx, "rrhf")
	require.NoError(t, err)
	task, err := c.Task(ctx, pythons+"/rrhf")
	require.NoError(t, err)
	require.Equal(t, plugin.Process, task.Plugin.Transport)
	requireSameTask(t, linked, task)
	trace, err := task.Loss.Trace(ctx, nil)
	require.NoError(t, err)
	require.Regexp(t, `^rrhf/main\.py:\d+$`, trace.Locations[0])
}

func TestPythonFormatter(t *testing.T) {
	python(t)
	c := catalog(t, plugin.Options{Process: slow})
	f := formatting(t, c, pythons+"/ranked")
	require.Equal(t, sdk.Column{Name: "answers", Type: sdk.StringList, Required: true, Doc: "answers to it", Examples: []string{`["4", "5"]`}}, f.Columns[1])
	record := func(prompt string, answers []string, scores ...float64) sdk.Row {
		return sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: prompt}, {Type: sdk.StringList, Strs: answers}, {Type: sdk.FloatList, Floats: scores}})
	}
	results, err := format(f, []sdk.Row{
		record("wie viel?", []string{"één", ""}, 1, -0.5),
		record("q", []string{"a"}, 1),
		record("q", []string{"a", "b"}, 1),
	})
	require.NoError(t, err)
	require.Equal(t, []sdk.Result{
		{Example: sdk.Example{Candidates: []sdk.Candidate{
			{Prompt: "wie viel?", Answer: "één", Columns: map[string]float64{"score": 1}},
			{Prompt: "wie viel?", Answer: "", Columns: map[string]float64{"score": -0.5}},
		}}},
		{Dropped: "fewer than two answers"},
		{Err: "ValueError: 2 answers and 1 scores; want as many of each"},
	}, results)
}

// script writes a plugin in Python with the package of the examples beside it.
func script(t *testing.T, text string) string {
	t.Helper()
	folder := t.TempDir()
	shared, err := filepath.Abs(pythons + "/llmhost_plugin")
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(folder+"/llmhost_plugin", os.DirFS(shared)))
	require.NoError(t, os.Mkdir(folder+"/my", 0o755))
	require.NoError(t, os.WriteFile(folder+"/my/main.py", []byte(text), 0o644))
	require.NoError(t, os.WriteFile(folder+"/my/plugin.toml", []byte("interpreter = \"python3\"\nentry = \"main.py\"\nfiles = [\".\", \"../llmhost_plugin\"]\n"), 0o644))
	return folder + "/my"
}

func TestMistakesInPython(t *testing.T) {
	python(t)
	ctx := context.Background()
	path := script(t, `
from llmhost_plugin import Loss, Objective, Plugin, Term, serve
import os

print("printing is fine")

class Shapes(Loss):
    name = "shapes"
    def trace(self, g):
        return Objective([Term("x", (g.logps + g.column("score")).sum())])

class Raises(Loss):
    name = "raises"
    def trace(self, g):
        return helper([])

def helper(x):
    return x[3]

class Branches(Loss):
    name = "branches"
    def trace(self, g):
        if g.logps > 0:
            return None

class Exits(Loss):
    name = "exits"
    def trace(self, g):
        print("I am leaving")
        os._exit(9)

serve(Plugin("mistakes", "0.0.1", "", [Shapes, Raises, Branches, Exits]))
`)
	c := catalog(t, plugin.Options{Process: slow})
	for name, want := range map[string]string{
		"shapes":   "loss shapes of plugin PATH: my/main.py:10: node 0: add: shapes [B, K, T] and [B, K] do not broadcast",
		"raises":   "plugin PATH: tracing loss raises: my/main.py:18: IndexError: list index out of range",
		"branches": "plugin PATH: tracing loss branches: my/main.py:23: a tensor of a trace is neither true nor false; use where, & and |",
		"exits":    "plugin PATH: died during Trace: exit code 9",
	} {
		loss, err := c.Component(ctx, plugin.Loss, path+"#"+name)
		require.NoError(t, err)
		_, err = loss.Trace(ctx, nil)
		require.ErrorContains(t, err, strings.ReplaceAll(want, "PATH", path))
	}
}

func TestPythonThatDoesNotServe(t *testing.T) {
	python(t)
	c := catalog(t, plugin.Options{Process: slow})
	path := script(t, "import no_such_module\n")
	_, err := c.Open(context.Background(), path)
	require.EqualError(t, err, "plugin "+path+`: is not a plugin: it ended with exit code 1 before a handshake; its last output: "ModuleNotFoundError: No module named 'no_such_module'"`)
	path = script(t, "print('early', flush=True)\nimport main_of_rrhf\n")
	require.NoError(t, os.WriteFile(path+"/main_of_rrhf.py", []byte("from llmhost_plugin import Plugin, serve\nserve(Plugin('x', '1', '', []))\n"), 0o644))
	_, err = c.Open(context.Background(), path)
	require.EqualError(t, err, "plugin "+path+`: printed "early" to standard output before its handshake; print to standard error, or after the SDK has begun to serve`)
}

// TestPythonKnowsInputsAndOps holds the package to the tables of sdk/op.
func TestPythonKnowsInputsAndOps(t *testing.T) {
	source, err := os.ReadFile(pythons + "/llmhost_plugin/graph.py")
	require.NoError(t, err)
	for _, row := range op.Table() {
		name := strings.TrimSuffix(row.Name, "_scalar")
		require.Contains(t, string(source), `"`+name+`"`, "op %s", row.Name)
	}
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to ask the package for its inputs")
	}
	ask := exec.Command(interpreter, "-B", "-c", "import json; from llmhost_plugin.graph import INPUTS; print(json.dumps(INPUTS))")
	ask.Dir = pythons
	out, err := ask.Output()
	require.NoError(t, err)
	want := map[string]map[string][]any{}
	for _, kind := range []op.ProgramKind{op.LossProgram, op.PoolingProgram} {
		want[string(kind)] = map[string][]any{}
		for _, input := range op.Inputs(kind) {
			want[string(kind)][input.Name] = []any{input.Value.DType, append([]op.Dim{}, input.Value.Shape...)}
		}
	}
	text, err := json.Marshal(want)
	require.NoError(t, err)
	require.JSONEq(t, string(text), string(out))
}

func TestPythonWithoutItsPackages(t *testing.T) {
	for _, path := range []string{"/usr/bin/python3", "/usr/local/bin/python3"} {
		if exec.Command(path, "--version").Run() != nil || exec.Command(path, "-c", "import grpc").Run() == nil {
			continue
		}
		t.Setenv("PATH", filepath.Dir(path))
		_, err := catalog(t, plugin.Options{Process: slow}).Open(context.Background(), pythons+"/rrhf")
		require.Regexp(t, `before a handshake; its last output: "No module named '(grpc|cryptography)[^']*'; .* -m pip install grpcio cryptography"$`, err.Error())
		return
	}
	t.Skip("there is no python3 that lacks grpcio")
}

func TestPythonPackage(t *testing.T) {
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to run the package's own tests with")
	}
	test := exec.Command(interpreter, "-B", "-m", "unittest", "-q")
	test.Dir = pythons
	out, err := test.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
