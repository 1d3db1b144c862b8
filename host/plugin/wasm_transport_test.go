package plugin_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/plugin"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

const (
	obedient = "host/plugin/testdata/formatters"
	liar     = "host/plugin/testdata/liar"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// opened configures a formatter.
func opened(t testing.TB, options plugin.Options, spec string, params map[string]any) plugin.Formatting {
	t.Helper()
	if options.Cache == "" {
		options.Cache = scratch
	}
	c, err := catalog(t, options).Component(context.Background(), plugin.Formatter, spec)
	require.NoError(t, err)
	f, err := c.Formatter(context.Background(), params)
	require.NoError(t, err)
	t.Cleanup(f.Close)
	return f
}

// transports opens one formatter over every transport.
func transports(t *testing.T, pkg, name string) map[string]plugin.Formatting {
	return map[string]plugin.Formatting{
		"wasm":    opened(t, plugin.Options{}, built(t, pkg)+"#"+name, nil),
		"process": opened(t, plugin.Options{}, program(t, pkg)+"#"+name, nil),
	}
}

func TestFormattersOverAllTransports(t *testing.T) {
	rows := alpacaRows(2000)
	rows[7] = sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "grüße\x00"}, {}, {Type: sdk.String, Str: " "}})
	linked := opened(t, plugin.Options{}, "alpaca", nil)
	want, err := format(linked, rows)
	require.NoError(t, err)
	require.Equal(t, "an empty answer", want[7].Dropped)
	for transport, f := range transports(t, "plugins/alpaca", "alpaca") {
		require.Equal(t, linked.Columns, f.Columns, transport)
		got, err := format(f, rows)
		require.NoError(t, err)
		require.Equal(t, want, got, transport)
		for i := range 20 { // one row a batch gives what many give
			one, err := format(f, rows[i:i+1])
			require.NoError(t, err)
			require.Equal(t, want[i:i+1], one, transport)
		}
		none, err := format(f, nil)
		require.NoError(t, err)
		require.Empty(t, none)
	}
}

func TestCellsAndColumnsCross(t *testing.T) {
	row := sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "é"}, {Type: sdk.Float, Float: 0.1}, {Type: sdk.Bool, Int: 1}, {Type: sdk.Int, Int: -3},
		{Type: sdk.StringList, Strs: []string{"a", "", "c"}}, {Type: sdk.FloatList, Floats: []float64{1, 2, 3}}, {Type: sdk.JSON, Str: `{"a":[]}`}})
	want := sdk.Result{Example: sdk.Example{Columns: map[string]float64{"f": 0.1, "i": -3, "b": 1}, Candidates: []sdk.Candidate{
		{Prompt: "a", Answer: `é{"a":[]}`, Columns: map[string]float64{"n": 1}},
		{Prompt: "", Answer: `é{"a":[]}`, Columns: map[string]float64{"n": 2}},
		{Prompt: "c", Answer: `é{"a":[]}`, Columns: map[string]float64{"n": 3}},
	}}}
	for transport, f := range transports(t, obedient, "all") {
		got, err := format(f, []sdk.Row{row, sdk.NewRow(make([]sdk.Cell, 7)), row})
		require.NoError(t, err, transport)
		require.Equal(t, want, got[0], transport)
		require.Contains(t, got[1].Err, "made no candidate", transport)
		require.Equal(t, want, got[2], transport)
	}
}

// One bad row does not keep the others back, whatever is bad about it.
func TestBadRowsAreTheirOwn(t *testing.T) {
	for transport, f := range transports(t, obedient, "obey") {
		got, err := format(f, texts("a", "panic", "drop", "cut", "b"))
		require.NoError(t, err, transport)
		require.Equal(t, "a", got[0].Example.Candidates[0].Prompt)
		require.Regexp(t, `^formatters/main\.go:\d+: panicked: told to$`, got[1].Err)
		require.Equal(t, "told to", got[2].Dropped)
		require.Equal(t, "the prompt of candidate 0 is not UTF-8; a text was cut inside a character", got[3].Err)
		require.Equal(t, "b", got[4].Example.Candidates[0].Prompt)
	}
}

// load formats lines of texts from a file, as a run does.
func load(t *testing.T, ctx context.Context, f plugin.Formatting, texts []string) (data.Texts, error) {
	t.Helper()
	var lines strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&lines, "{\"text\": %q}\n", text)
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("a.jsonl", []byte(lines.String()), 0o666))
	return data.Format(ctx, source.Files{Paths: []string{"a.jsonl"}}, data.Formatter{Name: "obey", Columns: f.Columns, Format: f.Format, Parallel: f.Parallel}, data.FailOnBadRow)
}

func numbered(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}

// TestFormattersThatDie holds the sentence that a run ends with.
func TestFormattersThatDie(t *testing.T) {
	path := built(t, obedient)
	sum := fmt.Sprintf("%x", sha256.Sum256(read(t, path)))[:12]
	for _, x := range []struct {
		does  string
		limit worker.Limits
		want  string // a regular expression
	}{
		{"exit", worker.Limits{}, `^a\.jsonl:601: formatter obey: plugin PATH: llmhost_format ended the module with exit code 3 \(sha256 ` + sum + `\); its last output: "I am leaving"; ` +
			`its worker was restarted and crashed again at this record \(in the batch a\.jsonl:513 to a\.jsonl:1000\)$`},
		{"bomb", worker.Limits{MemoryMiB: 48}, `^a\.jsonl:601: formatter obey: plugin PATH: .*out of memory.*\(in the batch a\.jsonl:513 to a\.jsonl:1000\)$`},
		{"spin", worker.Limits{Batch: 100 * time.Millisecond}, `^a\.jsonl:513 to a\.jsonl:1000: formatter obey: plugin PATH: its worker spent more than 588ms on formatting 488 rows and was killed \(sha256 ` + sum + `\); look for a loop that does not end$`},
	} {
		t.Run(x.does, func(t *testing.T) {
			all := numbered(1000)
			all[600] = x.does
			_, err := load(t, context.Background(), opened(t, plugin.Options{Workers: x.limit}, path+"#obey", nil), all)
			require.Error(t, err)
			require.Regexp(t, strings.ReplaceAll(x.want, "PATH", path), err.Error())
		})
	}
}

func TestManyRecordsInOrder(t *testing.T) {
	f := opened(t, plugin.Options{Workers: worker.Limits{Workers: 4}}, built(t, obedient)+"#obey", nil)
	want := numbered(100_000)
	for i := 0; i < len(want); i += 1000 {
		want[i] = strings.Repeat("long", 5000) // batches of different sizes
	}
	got, err := load(t, context.Background(), f, want)
	require.NoError(t, err)
	require.Len(t, got.All, len(want))
	for i, e := range got.All {
		if e.Candidates[0].Prompt != want[i] || e.Source.Line != i+1 {
			t.Fatalf("record %d is %q of %v", i, e.Candidates[0].Prompt, e.Source)
		}
	}
}

func TestLoadingIsStopped(t *testing.T) {
	f := opened(t, plugin.Options{Workers: worker.Limits{Batch: time.Hour}}, built(t, obedient)+"#obey", nil)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := load(t, ctx, f, []string{"spin"})
	require.Equal(t, context.DeadlineExceeded, err)
}

func TestFormattersThatLie(t *testing.T) {
	for lie, want := range map[string]string{
		"garbage":  "formatter liar of plugin PATH: its reply is broken: row frame: 1936617326 answers to 2 rows",
		"rows":     "formatter liar of plugin PATH: its reply is broken: row frame: 3 answers to 2 rows",
		"no frame": "plugin PATH: the reply to formatting with liar is not a frame; rebuild it with this sdk",
		"nothing":  "plugin PATH: the reply to formatting with liar is not a frame; rebuild it with this sdk",
		"error":    "plugin PATH: formatting with liar: I will not",
	} {
		t.Run(lie, func(t *testing.T) {
			path := built(t, liar)
			f := opened(t, plugin.Options{}, path, map[string]any{"lie": lie})
			_, err := format(f, texts("a", "b"))
			require.Error(t, err)
			got, _, _ := strings.Cut(err.Error(), " (sha256")
			require.Equal(t, strings.ReplaceAll(want, "PATH", path), got)
		})
	}
}

// TestPoolingsOverAllTransports: one source gives one program.
func TestPoolingsOverAllTransports(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Cache: scratch})
	for _, name := range []string{"last", "eos", "average", "max"} {
		linked, err := c.Component(ctx, plugin.Pooling, name)
		require.NoError(t, err)
		want, err := linked.Trace(ctx, nil)
		require.NoError(t, err)
		for _, path := range []string{built(t, "plugins/pooling"), program(t, "plugins/pooling")} {
			pooling, err := c.Program(ctx, path+"#"+name)
			require.NoError(t, err)
			require.Equal(t, plugin.Pooling, pooling.Kind)
			got, err := pooling.Trace(ctx, nil)
			require.NoError(t, err)
			require.Equal(t, string(want.Canonical()), string(got.Canonical()))
		}
	}
}

// A task may have all its parts from its own file.
func TestTaskOfOneFile(t *testing.T) {
	ctx := context.Background()
	for _, path := range []string{built(t, obedient), program(t, obedient)} {
		task, err := catalog(t, plugin.Options{Cache: scratch}).Task(ctx, path)
		require.NoError(t, err)
		for _, part := range task.Components() {
			require.Same(t, task.Plugin, part.Plugin)
		}
		require.Len(t, task.Components(), 3)
		values, err := task.Params(map[string]plugin.Given{"obey_field": {Value: "other"}})
		require.NoError(t, err)
		for _, part := range []*plugin.Component{task.Loss, task.Pooling} {
			_, err := part.Trace(ctx, values)
			require.NoError(t, err)
		}
		f, err := task.Formatter.Formatter(ctx, values)
		require.NoError(t, err)
		require.Equal(t, []sdk.Column{{Name: "other", Type: sdk.String, Required: true, Doc: "what to do"}}, f.Columns)
		f.Close()
	}
}

func TestExplainShowsColumns(t *testing.T) {
	text, err := catalog(t, plugin.Options{Cache: scratch}).Explain(context.Background(), built(t, obedient)+"#obey", nil)
	require.NoError(t, err)
	require.Regexp(t, `columns\n  text +a string +required +what to do\n`, text)
}

// TestFormatterMemoryStaysFlat formats a million records, in a short run a
// tenth of that, and looks at the worker's memory and at the host's.
func TestFormatterMemoryStaysFlat(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	f := opened(t, plugin.Options{Workers: worker.Limits{Workers: 1}}, built(t, "plugins/alpaca"), nil)
	rows := alpacaRows(10_000)
	format := func(rounds int) (workerMiB, hostMiB int) {
		for range rounds {
			requireAll(t, f, rows, 500)
		}
		var host runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&host)
		return workersMiB(t), int(host.HeapAlloc >> 20)
	}
	worker, host := format(5)
	require.NotZero(t, worker, "the worker is among the children")
	workerAfter, hostAfter := format(rounds)
	t.Logf("worker %d MiB, then %d; host's heap %d MiB, then %d", worker, workerAfter, host, hostAfter)
	require.LessOrEqual(t, workerAfter, worker+16)
	require.LessOrEqual(t, hostAfter, host+4)
}

// workersMiB is the memory of this process's children.
func workersMiB(t *testing.T) (sum int) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	require.NoError(t, err)
	if len(lists) == 0 {
		t.Skip("this system does not list the children of a process, so no worker can be seen")
	}
	for _, list := range lists {
		for _, pid := range strings.Fields(string(read(t, list))) {
			fields := strings.Fields(string(read(t, "/proc/"+pid+"/statm")))
			pages, err := strconv.Atoi(fields[1])
			require.NoError(t, err)
			sum += pages * os.Getpagesize() >> 20
		}
	}
	return sum
}
