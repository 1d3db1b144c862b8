package plugin_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/sdk"
)

// program compiles a main package to a program, once in a test run.
var program = func() func(t testing.TB, pkg string) string {
	var mu sync.Mutex
	done := map[string]string{}
	return func(t testing.TB, pkg string) string {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if path := done[pkg]; path != "" {
			return path
		}
		for _, source := range []string{"../../sdk/process/serve.go", "process/testdata/guest/main.go"} {
			_, err := os.ReadFile(source) // so that go test does not reuse its results when one changes
			require.NoError(t, err)
		}
		goTool, err := exec.LookPath("go")
		if err != nil {
			t.Skip("needs the go tool to build a plugin from source")
		}
		path := filepath.Join(scratch, strings.ReplaceAll(pkg, "/", "_"))
		cmd := exec.Command(goTool, "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "llmhost/"+pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		done[pkg] = path
		return path
	}
}()

const unruly = "host/plugin/process/testdata/guest"

// variants are parameters of the rrhf loss that change its program.
var variants = []map[string]any{nil, {"rrhf_weight": 0.1, "length_penalty": 0.0}, {"rrhf_reduction": "paper_sum"}}

// requireSameTask holds a task to another one that came over another transport.
func requireSameTask(t *testing.T, want, got *plugin.Task) {
	t.Helper()
	ctx := context.Background()
	require.Equal(t, want.Loss.Params, got.Loss.Params)
	require.Same(t, want.Formatter, got.Formatter, "both name the builtin one")
	for _, values := range variants {
		a, err := want.Loss.Trace(ctx, values)
		require.NoError(t, err)
		b, err := got.Loss.Trace(ctx, values)
		require.NoError(t, err)
		require.Equal(t, string(a.Canonical()), string(b.Canonical()))
		require.Len(t, b.Locations, len(a.Locations))
	}
}

func TestProgramGivesTheSameTask(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Cache: scratch})
	linked, err := c.Task(ctx, "rrhf")
	require.NoError(t, err)
	path := program(t, "plugins/rrhf")
	task, err := c.Task(ctx, path)
	require.NoError(t, err)
	requireSameTask(t, linked, task)

	info := task.Plugin.Info
	require.Equal(t, plugin.Process, info.Transport)
	require.Equal(t, "process", string(info.Transport))
	require.Equal(t, []string{"rrhf", "1.0.0", path}, []string{info.Name, info.Version, info.Path})
	require.Len(t, info.Digest, 64)
	a, err := linked.Loss.Trace(ctx, nil)
	require.NoError(t, err)
	b, err := task.Loss.Trace(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, a.Locations, b.Locations)
	require.False(t, b.Cached, "a program may depend on more than its file, so it is asked again")
}

func TestRunningProgramsRightsAreSaid(t *testing.T) {
	ctx := context.Background()
	path, folder := program(t, "plugins/rrhf"), t.TempDir()
	var said []string
	for range 2 {
		c := catalog(t, plugin.Options{Cache: folder, Notice: func(line string) { said = append(said, line) }})
		p, err := c.Open(ctx, path)
		require.NoError(t, err)
		require.Equal(t, []string{"plugin " + path + " is a separate program and has your rights: it can change your files and use the network (sha256 " + p.Digest + ")"}, said, "once")
	}
}

func TestProgramIsPinned(t *testing.T) {
	c := catalog(t, plugin.Options{})
	mark := filepath.Join(t.TempDir(), "ran")
	path := filepath.Join(t.TempDir(), "my-plugin")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\ntouch "+mark+"\n"), 0o755))
	other := strings.Repeat("0", 64)
	c.Pin(path+"#one", other)
	_, err := c.Task(context.Background(), path+"#one")
	require.Regexp(t, ": its sha256 is [0-9a-f]{64}, the run asks for "+other+"; restore the file, or change task_sha256$", err.Error())
	require.NoFileExists(t, mark, "it never ran")
}

// formatting configures a formatter with its defaults.
func formatting(t *testing.T, c *plugin.Catalog, spec string) plugin.Formatting {
	t.Helper()
	ctx := context.Background()
	component, err := c.Component(ctx, plugin.Formatter, spec)
	require.NoError(t, err)
	f, err := component.Formatter(ctx, nil)
	require.NoError(t, err)
	return f
}

// texts are rows of one text each.
func texts(all ...string) (rows []sdk.Row) {
	for _, text := range all {
		rows = append(rows, sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: text}}))
	}
	return rows
}

func TestFormattersGiveTheSameRows(t *testing.T) {
	c := catalog(t, plugin.Options{})
	linked := formatting(t, c, "preference")
	want, err := format(linked, preferences(t))
	require.NoError(t, err)
	require.NotEmpty(t, want[0].Example.Candidates)
	require.NotEmpty(t, want[2].Dropped)
	require.NotEmpty(t, want[3].Err)
	const source = "host/plugin/testdata/preference"
	for transport, path := range map[plugin.Transport]string{plugin.WASM: built(t, source), plugin.Process: program(t, source)} {
		f := formatting(t, c, path)
		require.Equal(t, linked.Columns, f.Columns, transport)
		got, err := format(f, preferences(t))
		require.NoError(t, err, transport)
		require.Equal(t, want, got, transport)
	}
}

// preferences are rows for the preference formatter, good and bad ones.
func preferences(t *testing.T) (rows []sdk.Row) {
	t.Helper()
	for _, x := range []struct {
		texts  []string
		scores []float64
	}{
		{[]string{"\n\nHuman: a\n\nAssistant: b", "\n\nHuman: a\n\nAssistant: c"}, []float64{1, 2}},
		{[]string{"q<sep>één", "q<sep>zwei", "q<sep>drei"}, []float64{0.1, -0.5, 1e300}},
		{[]string{"no answer<sep> "}, []float64{1}},
		{[]string{"a", "b"}, []float64{1}},
		{nil, nil},
	} {
		cells := make([]sdk.Cell, 4) // texts, text, scores, score
		if x.texts != nil {
			cells[0], cells[3] = sdk.Cell{Type: sdk.StringList, Strs: x.texts}, sdk.Cell{Type: sdk.FloatList, Floats: x.scores}
		}
		rows = append(rows, sdk.NewRow(cells))
	}
	return rows
}

func TestFormatterThatDies(t *testing.T) {
	c := catalog(t, plugin.Options{})
	path := program(t, unruly)
	f := formatting(t, c, path)
	results, err := format(f, texts("a", "drop", "b"))
	require.NoError(t, err)
	require.Equal(t, "told to", results[1].Dropped)

	_, err = format(f, texts("a", "b", "exit", "c"))
	var at *plugin.RowError
	require.ErrorAs(t, err, &at)
	require.Equal(t, 2, at.AtRow(), "the row that ended it twice")
	require.Regexp(t, "^plugin "+path+`: died during Format: exit code 3 \(sha256 [0-9a-f]{12}\); its last output: "told to exit"; it was restarted and died again at this record$`, err.Error())

	results, err = format(f, texts("a", "once "+filepath.Join(t.TempDir(), "mark"), "b"))
	require.NoError(t, err, "one death is forgiven")
	require.Equal(t, "b", results[2].Example.Candidates[0].Prompt)
}

func TestFormatterThatDoesNotAnswer(t *testing.T) {
	c := catalog(t, plugin.Options{Process: process.Limits{Format: 200 * time.Millisecond}})
	path := program(t, unruly)
	f := formatting(t, c, path)
	began := time.Now()
	_, err := format(f, texts("a", "sleep"))
	require.Regexp(t, "^plugin "+path+`: did not answer Format within 202ms and was stopped \(sha256 [0-9a-f]{12}\); look for a loop that does not end$`, err.Error())
	require.Less(t, time.Since(began), 2*time.Second, "it is not asked again")
	results, err := format(f, texts("a"))
	require.NoError(t, err, "the next batch has a fresh process")
	require.Len(t, results, 1)
}

func TestLossOfAProgramThatFails(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Process: process.Limits{Call: 300 * time.Millisecond}})
	path := program(t, unruly)
	for name, want := range map[string]string{"exits": "died during Trace: exit code 9", "spins": "did not answer Trace within 300ms"} {
		loss, err := c.Component(ctx, plugin.Loss, path+"#"+name)
		require.NoError(t, err)
		_, err = loss.Trace(ctx, nil)
		require.ErrorContains(t, err, fmt.Sprintf("plugin %s: %s", path, want))
	}
	loss, err := c.Component(ctx, plugin.Loss, path+"#fine")
	require.NoError(t, err)
	_, err = loss.Trace(ctx, nil)
	require.NoError(t, err, "the next trace has a fresh process")
}
