package plugin_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// built compiles a main package to WASM, once in a test run.
var built = func() func(t testing.TB, pkg string) string {
	var mu sync.Mutex
	done := map[string]string{}
	return func(t testing.TB, pkg string) string {
		mu.Lock()
		defer mu.Unlock()
		if path := done[pkg]; path != "" {
			return path
		}
		for _, source := range []string{"../../sdk/wasm/exports_wasip1.go", "../../sdk/wasm/spare_wasip1.go", "testdata/guest/main.go", "testdata/formatters/main.go", "testdata/liar/main.go", "../../builtin/alpaca/alpaca.go", "../../builtin/pooling/pooling.go", "../../sdk/serve/serve_wasip1.go", "../../plugins/rrhf/main.go"} {
			_, err := os.ReadFile(source) // so that go test does not reuse its results when one changes
			require.NoError(t, err)
		}
		goTool, err := exec.LookPath("go")
		if err != nil {
			t.Skip("needs the go tool to build a plugin from source")
		}
		path := filepath.Join(scratch, strings.ReplaceAll(pkg, "/", "_")+".wasm")
		cmd := exec.Command(goTool, "build", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "llmhost/"+pkg)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		done[pkg] = path
		return path
	}
}()

// scratch holds the plugins that tests build.
var scratch string

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	folder, err := os.MkdirTemp("", "llmhost-plugin-test-*")
	if err != nil {
		panic(err)
	}
	scratch = folder
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

func catalog(t testing.TB, options plugin.Options) *plugin.Catalog {
	t.Helper()
	if options.Builtin == nil {
		options.Builtin = builtin.All()
	}
	c, err := plugin.NewCatalog(context.Background(), options)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

const guest = "host/plugin/testdata/guest"

func TestTransportsGiveOneProgram(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Cache: scratch})
	linked, err := c.Task(ctx, "rrhf")
	require.NoError(t, err)
	module, err := c.Task(ctx, built(t, "plugins/rrhf"))
	require.NoError(t, err)
	require.Equal(t, plugin.Builtin, linked.Plugin.Transport)
	require.Equal(t, plugin.WASM, module.Plugin.Transport)
	require.Equal(t, linked.Loss.Params, module.Loss.Params)
	require.Same(t, linked.Formatter, module.Formatter, "both name the builtin one")
	for _, values := range []map[string]any{nil, {"rrhf_weight": 0.1, "length_penalty": 0.0}, {"rrhf_reduction": "paper_sum"}} {
		a, err := linked.Loss.Trace(ctx, values)
		require.NoError(t, err)
		b, err := module.Loss.Trace(ctx, values)
		require.NoError(t, err)
		require.Equal(t, string(a.Canonical()), string(b.Canonical()))
		require.Equal(t, a.Locations, b.Locations)
	}
}

func TestTracesAreKeptOnDisk(t *testing.T) {
	ctx, folder := context.Background(), t.TempDir()
	path := built(t, guest)
	trace := func(values map[string]any) *plugin.Trace {
		c := catalog(t, plugin.Options{Cache: folder})
		loss, err := c.Component(ctx, plugin.Loss, path+"#fine")
		require.NoError(t, err)
		got, err := loss.Trace(ctx, values)
		require.NoError(t, err)
		return got
	}
	first := trace(nil)
	require.False(t, first.Cached)
	again := trace(map[string]any{"scale": 1.0})
	require.True(t, again.Cached, "the same parameters, spelt out")
	require.Equal(t, first.Canonical(), again.Canonical())
	require.Equal(t, first.Locations, again.Locations)
	require.False(t, trace(map[string]any{"scale": 3.0}).Cached)

	kept, err := filepath.Glob(filepath.Join(folder, "programs", "*.json"))
	require.NoError(t, err)
	require.Len(t, kept, 3, "two traces and the descriptor")
	for _, file := range kept {
		require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	}
	restored := trace(nil)
	require.False(t, restored.Cached, "what cannot be read is asked of the plugin again")
	require.Equal(t, first.Digest(), restored.Digest())
	require.True(t, trace(nil).Cached)
}

func TestMisbehavingLosses(t *testing.T) {
	ctx := context.Background()
	path := built(t, guest)
	c := catalog(t, plugin.Options{Cache: scratch, Limits: wasm.Limits{Call: 500 * time.Millisecond}})
	sum := func() string {
		p, err := c.Open(ctx, path)
		require.NoError(t, err)
		return p.Digest[:12]
	}()
	for _, x := range []struct{ name, want string }{
		{"shapes", "plugin PATH: tracing loss shapes:\n" +
			"  guest/main.go:41: add: shapes [B, K, T] and [B, K] do not broadcast: T against K at axis -1; want equal dimensions or 1\n" +
			"  guest/main.go:42: sum: axis 7 is out of range for 3 axes"},
		{"panics", "plugin PATH: tracing loss panics: guest/main.go:49: the trace panicked: runtime error: slice bounds out of range [13:1]"},
		{"exits", `plugin PATH: llmhost_trace ended the module with exit code 9 (sha256 ` + sum + `); its last output: "I am leaving"`},
		{"counts", "loss counts of plugin PATH: guest/main.go:71: node 2: term x: its count depends on policy.logps, which the model computes; a count may use data alone (masks, columns, dim_size)"},
	} {
		loss, err := c.Component(ctx, plugin.Loss, path+"#"+x.name)
		require.NoError(t, err)
		_, err = loss.Trace(ctx, nil)
		require.EqualError(t, err, strings.ReplaceAll(x.want, "PATH", path))
	}
	loss, err := c.Component(ctx, plugin.Loss, path+"#spins")
	require.NoError(t, err)
	_, err = loss.Trace(ctx, nil)
	require.Regexp(t, `: its worker spent more than 500ms on tracing and was killed \(sha256 [0-9a-f]{12}\); look for a loop that does not end$`, err.Error())

	loss, err = c.Component(ctx, plugin.Loss, path+"#fine")
	require.NoError(t, err)
	_, err = loss.Trace(ctx, nil)
	require.NoError(t, err, "the next instance is not affected")
}

func TestSpecs(t *testing.T) {
	ctx := context.Background()
	path := built(t, guest)
	c := catalog(t, plugin.Options{Cache: scratch})
	folder := t.TempDir()
	script := filepath.Join(folder, "my-plugin")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	text := filepath.Join(folder, "text.wasm")
	require.NoError(t, os.WriteFile(text, []byte("hello"), 0o644))
	for _, x := range []struct{ spec, want string }{
		{"rrfh", `no builtin task is called "rrfh"; did you mean rrhf? (builtin: rrhf, sft, classification, multi_objective_classification, reward, rejection_sampling, weighted_learning, dpo, kto, orpo, simpo, cpo, offline_ppo, distill; a plugin file is given by its path, such as plugins/rrfh.wasm)`},
		{"preference", `no builtin task is called "preference" (builtin: rrhf, sft, classification, multi_objective_classification, reward, rejection_sampling, weighted_learning, dpo, kto, orpo, simpo, cpo, offline_ppo, distill; a plugin file is given by its path, such as plugins/preference.wasm)`},
		{"plugins/none.wasm", "plugin plugins/none.wasm: no such file"},
		{folder + "/", "plugin " + folder + "/: is a folder without a plugin.toml, which says how to run it; want one, an executable, or the .wasm file that llmhost plugins build makes of a project"},
		{script, "plugin " + script + ": is not a plugin: it ended with exit code 0 before a handshake"},
		{text, "plugin " + text + `: is not a WASM module (it begins with "hello"); llmhost plugins build makes one of a project`},
		{path, "plugin " + path + ": has 2 tasks; choose one with " + path + "#NAME: one, two"},
		{path + "#tow", "plugin " + path + `: has no task "tow"; did you mean two? (it has one, two)`},
	} {
		_, err := c.Task(ctx, x.spec)
		require.EqualError(t, err, x.want)
	}
	task, err := c.Task(ctx, path+"#one")
	require.NoError(t, err)
	require.Equal(t, "fine", task.Loss.Name)
	require.Equal(t, "preference", task.Formatter.Name)
	require.Nil(t, task.Pooling)
	require.Equal(t, map[string]any{"learning_rate": 0.1}, task.Settings())

	for spec, want := range map[string]string{"last": "last", "builtin:max": "max"} {
		pooling, err := c.Component(ctx, plugin.Pooling, spec)
		require.NoError(t, err)
		require.Equal(t, want, pooling.Name)
	}
	_, err = c.Component(ctx, plugin.Pooling, "first")
	require.EqualError(t, err, `plugin builtin: has no pooling "first" (it has last, eos, average, max)`)
	_, err = c.Component(ctx, plugin.Pooling, path)
	require.EqualError(t, err, "plugin "+path+": has no pooling")
	_, err = c.Component(ctx, plugin.Loss, path)
	require.EqualError(t, err, "plugin "+path+": has 6 of kind loss; choose one with "+path+"#NAME: fine, shapes, panics, spins, exits, counts")

	for spec, want := range map[string]string{"rrhf": "rrhf", "last": "last", path + "#counts": "counts", path + "#one": "fine"} {
		found, err := c.Program(ctx, spec)
		require.NoError(t, err)
		require.Equal(t, want, found.Name)
	}
}

func TestPin(t *testing.T) {
	ctx := context.Background()
	path := built(t, guest)
	c := catalog(t, plugin.Options{Cache: scratch})
	p, err := c.Open(ctx, path)
	require.NoError(t, err)

	c = catalog(t, plugin.Options{Cache: scratch})
	c.Pin(path+"#one", p.Digest)
	_, err = c.Task(ctx, path+"#one")
	require.NoError(t, err)

	c = catalog(t, plugin.Options{Cache: scratch})
	other := strings.Repeat("0", 64)
	c.Pin(path, other)
	_, err = c.Task(ctx, path+"#one")
	require.EqualError(t, err, "plugin "+path+": its sha256 is "+p.Digest+", the run asks for "+other+"; restore the file, or change task_sha256")
}

func TestParams(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Cache: scratch})
	task, err := c.Task(ctx, built(t, guest)+"#one")
	require.NoError(t, err)
	values, err := task.Params(nil)
	require.NoError(t, err)
	require.Equal(t, 2.0, values["scale"], "the task's default wins over the loss's")
	require.Equal(t, "auto", values["prompt_split"])
	values, err = task.Params(map[string]plugin.Given{"scale": {Value: "3.5", Text: true}, "prompt_split": {Value: "sep"}})
	require.NoError(t, err)
	require.Equal(t, 3.5, values["scale"])
	require.Equal(t, "sep", values["prompt_split"])

	_, err = task.Params(map[string]plugin.Given{
		"scale":        {Value: int64(5), Where: "run.toml:7:1"},
		"scael":        {Value: 1.0, Where: "run.toml:8:1"},
		"prompt_split": {Value: "common", Text: true, Where: "flag --prompt_split"},
		"nonsense":     {Value: true, Where: "flag --nonsense"},
		"sep_token":    {Value: false},
	})
	var problems *plugin.ParamsError
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems.Problems, 5, "all at once")
	require.Equal(t, `flag --nonsense: task one has no parameter nonsense; it has preference_data_text_name, preference_data_score_name, padding_score, prompt_split, sep_token, assistant_marks, scale`, problems.Problems[0])
	require.Contains(t, problems.Problems[1], `flag --prompt_split: prompt_split is "common"; want one of auto, sep, assistant, common_prefix`)
	require.Equal(t, []string{
		"run.toml:7:1: scale is 5; want a number from 0 to 4",
		"run.toml:8:1: task one has no parameter scael; did you mean scale?",
		"sep_token is false; want a text",
	}, problems.Problems[2:])

	pooling, err := c.Component(ctx, plugin.Pooling, "last")
	require.NoError(t, err)
	_, err = pooling.Settle(map[string]plugin.Given{"x": {Value: 1.0}})
	require.EqualError(t, err, "pooling last has no parameters, so none called x")
}

func TestFormatters(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{})
	component, err := c.Component(ctx, plugin.Formatter, "builtin:preference")
	require.NoError(t, err)
	values, err := component.Settle(map[string]plugin.Given{"prompt_split": {Value: "sep"}})
	require.NoError(t, err)
	f, err := component.Formatter(ctx, values)
	require.NoError(t, err)
	require.NotEmpty(t, f.Columns)
	results, err := format(f, make([]sdk.Row, 2))
	require.NoError(t, err)
	require.Len(t, results, 2)
	_, err = component.Trace(ctx, nil)
	require.EqualError(t, err, "formatter preference of plugin preference: a formatter has no program")
	loss, err := c.Component(ctx, plugin.Loss, "sft")
	require.NoError(t, err)
	_, err = loss.Formatter(ctx, nil)
	require.EqualError(t, err, "loss sft of plugin sft: is not a formatter")
}

func TestTexts(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Cache: scratch})
	list := plugin.List(ctx, c.Builtin())
	require.Regexp(t, `(?m)^rrhf +task +builtin +1\.0\.0 +- +align a model with scored candidates by\s+ranking\n +needs head lm, records of builtin:preference$`, list)
	require.Regexp(t, `(?m)^rrhf +loss +builtin +1\.0\.0 +- +rank hinge (.*\n +)+needs column\.score\s+candidate_mask\s+policy\.logps\s+label_mask$`, list)
	require.Regexp(t, `(?m)^promptanswer +formatter +builtin +1\.0\.0 +- +a prompt(.*\n +)+needs prompt answer \[weight\]; gives\n +example_column\.weight$`, list)
	require.Regexp(t, `(?m)^last +pooling +builtin`, list)
	for _, line := range strings.Split(list, "\n") {
		require.LessOrEqual(t, len(line), 120)
	}

	path := built(t, "plugins/rrhf")
	text, err := c.Explain(ctx, path, nil)
	require.NoError(t, err)
	require.Regexp(t, `^plugin rrhf 1\.0\.0 \(wasm, \S+rrhf\.wasm, [\d,]+ bytes; sdk go 0\.3\.0, ABI 2\)\n.*\nsha256    [0-9a-f]{64}\n`, text)
	require.Contains(t, text, "task rrhf: align a model with scored candidates by ranking\n  formatter builtin:preference\n  head      lm\n  loss      rrhf\n")
	require.Regexp(t, `rrhf_weight +float +default 1 +0 … +weight of the ranking term`, text)
	require.Regexp(t, `rrhf_reduction +string +default "mean" +mean \| paper_sum +`, text)
	require.Regexp(t, `input policy\.logps +f32 \[B, K, T\] +from the model`, text)
	require.Regexp(t, `argmax\(%\d+, dim=1\) +i64 \[B\] +rrhf/rrhf\.go:\d+`, text)
	require.Contains(t, text, "term   rank = 1 · Σ")
	require.Contains(t, text, "cost   at B=8,K=4,T=128: 47 operations over 10,849 elements, 20.2 KiB of inputs, 5.3 KiB held for the backward pass\n")
	text, err = c.Explain(ctx, path, map[string]int64{"T": 1000, "B": 1})
	require.NoError(t, err)
	require.Contains(t, text, "cost   at B=1,K=4,T=1000: ")

	text, err = c.Explain(ctx, "preference", nil)
	require.NoError(t, err)
	require.Contains(t, text, "prompt_split")
	require.Contains(t, text, "columns\n")
	_, err = c.Explain(ctx, path+"#other", nil)
	require.EqualError(t, err, "plugin "+path+`: has nothing called "other"`)
	_, err = c.Explain(ctx, "other", nil)
	require.ErrorContains(t, err, `no builtin task is called "other"`)
}

// A path that exists is a path, whatever marks are in it.
func TestMarksInPaths(t *testing.T) {
	ctx := context.Background()
	code, err := os.ReadFile(built(t, guest))
	require.NoError(t, err)
	folder := t.TempDir()
	for _, name := range []string{"c#/p.wasm", "p#one.wasm", "c#/p#two", "builtin:max"} {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, code, 0o644))
	}
	t.Chdir(folder)
	c := catalog(t, plugin.Options{Cache: scratch})
	for spec, want := range map[string]string{
		"c#/p.wasm#fine": "fine", "c#/p.wasm#counts": "counts", "p#one.wasm#fine": "fine", filepath.Join(folder, "c#/p.wasm#spins"): "spins",
	} {
		loss, err := c.Component(ctx, plugin.Loss, spec)
		require.NoError(t, err, spec)
		require.Equal(t, want, loss.Name)
		c.Pin(spec, loss.Plugin.Digest)
	}
	task, err := c.Task(ctx, "c#/p.wasm#one")
	require.NoError(t, err)
	require.Equal(t, "c#/p.wasm", task.Plugin.Path)
	pooling, err := c.Component(ctx, plugin.Pooling, "builtin:max")
	require.NoError(t, err)
	require.Equal(t, plugin.Builtin, pooling.Plugin.Transport, "the prefix means the builtin one; ./builtin:max is the file")
	for spec, want := range map[string]string{
		"c#/none.wasm":      "plugin c#/none.wasm: no such file",
		"c#/none.wasm#one":  "plugin c#/none.wasm: no such file",
		"c#/p.wasm#nothing": `plugin c#/p.wasm: has no task "nothing" (it has one, two)`,
	} {
		_, err := c.Task(ctx, spec)
		require.EqualError(t, err, want)
	}
}
