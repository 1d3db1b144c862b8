package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// misdeed is a hostile module and what must be said about it. Each is met in a
// process of its own, so that one which got hold of the host would be noticed.
type misdeed struct {
	name   string
	code   func() []byte
	limits wasm.Limits // of the module; zero fields are the defaults
	want   string      // after "plugin hostile.wasm: "; … stands for what varies
	here   string      // the same where the module runs in the host's own process; "" where it is want, - where nothing there would stop it
}

// quick limits keep a case that needs no second short.
var quick = wasm.Limits{Start: 300 * time.Millisecond, Call: 300 * time.Millisecond}

// patient are limits for what ends by itself, and takes long to on a busy machine.
var patient = wasm.Limits{Start: 10 * time.Second, Call: 10 * time.Second}

// hostile is the whole suite.
var hostile = append(append(append([]misdeed{}, misshapen...), violent...), lying...)

// What a hostile module may cost: the time to its error, of which a busy machine
// takes several times what an idle one does, memory of the host on top of what it
// had, and memory of a worker.
const (
	mostTime      = 15 * time.Second
	mostHostMiB   = 64
	mostHereMiB   = 320 // in the host's own process: 64 MiB of the module's, and a stack as deep as wazero lets it get
	mostWorkerMiB = 704 // what a worker is bounded to from inside, should nobody watch in time
)

// encounter is what a child reports.
type encounter struct {
	Error     string
	Took      time.Duration
	HostMiB   int
	WorkerMiB int
	Here      string // as Error, in the host's own process
	TookHere  time.Duration
	HereMiB   int
	Sound     string // what a sound plugin met afterwards, in the same host
}

// met names, in the environment of a child, the case that it is to meet.
const met = "LLMHOST_TEST_HOSTILE"

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	if name, child := os.LookupEnv(met); child {
		report, err := meetByName(name)
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(report)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHostileModules(t *testing.T) {
	require.Empty(t, inChild(t, "").Sound, "a sound module")
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			got := inChild(t, c.name)
			requireText(t, c.want, got.Error)
			require.NotEqual(t, "", got.Error)
			require.Less(t, got.Took, mostTime)
			if c.here != "-" {
				requireText(t, or(c.here, c.want), got.Here)
				require.Less(t, got.TookHere, mostTime)
				require.Less(t, got.HereMiB, mostHereMiB, "memory of the host")
			}
			require.Empty(t, got.Sound, "the next plugin suffers")
			require.Less(t, got.HostMiB, mostHostMiB, "memory of the host")
			require.Less(t, got.WorkerMiB, mostWorkerMiB, "memory of a worker")
		})
	}
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// requireText compares an error with a sentence in which … stands for anything.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	want = "plugin hostile.wasm: " + want
	if own, begins := strings.CutPrefix(want, "plugin hostile.wasm: !"); begins { // it does not begin with the plugin
		want = own
	}
	rest := got
	for i, part := range strings.Split(want, "…") {
		at := strings.Index(rest, part)
		require.True(t, at == 0 || i > 0 && at > 0, "want %s\ngot  %s", want, got)
		rest = rest[at+len(part):]
	}
	require.True(t, rest == "" || strings.HasSuffix(want, "…"), "want %s\ngot  %s", want, got)
}

// inChild meets a case in a child, and kills it where it hangs.
func inChild(t *testing.T, name string) (report encounter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), met+"="+name, "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	child.Stdout, child.Stderr = &stdout, &stderr
	err := child.Run()
	require.NoError(t, ctx.Err(), "the host hangs")
	require.NoError(t, err, "the host died: %s", tail(stderr.String()))
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report), stdout.String())
	return report
}

func tail(text string) string { return text[max(0, len(text)-2000):] }

// meetByName meets the case, or a sound plugin alone where the name is "".
func meetByName(name string) (report encounter, err error) {
	for _, c := range hostile {
		if c.name == name {
			report = meet(c)
		}
	}
	runtime.GC() // would never return if code of the module still ran
	if _, err := visit(sound(), wasm.Limits{}); err != nil {
		report.Sound = err.Error()
	}
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		return report, err
	}
	report.WorkerMiB = int(children.Maxrss >> 10)
	return report, nil
}

func meet(c misdeed) (report encounter) {
	code := c.code()
	before := memoryFromHere()
	took, err := visit(code, c.limits)
	report.Took, report.HostMiB = took, memoryMiB("VmHWM")-before
	if err != nil {
		report.Error = strings.ReplaceAll(err.Error(), filepath.Join(os.TempDir(), "hostile.wasm"), "hostile.wasm")
	}
	if c.here == "-" {
		return report
	}
	before, began := memoryFromHere(), time.Now()
	if err := describe(code, c.limits); err != nil {
		report.Here = err.Error()
	}
	report.TookHere, report.HereMiB = time.Since(began), memoryMiB("VmHWM")-before
	return report
}

// visit does with a module what a run and the commands about plugins do: it
// opens it, traces what has a program, and formats rows with the rest.
func visit(code []byte, limits wasm.Limits) (took time.Duration, err error) {
	path := filepath.Join(os.TempDir(), "hostile.wasm")
	if err := os.WriteFile(path, code, 0o600); err != nil {
		return 0, err
	}
	began := time.Now()
	defer func() { took = time.Since(began) }()
	ctx := context.Background()
	workers := worker.Limits{Start: limits.Start, Batch: limits.Call, Workers: 1}
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All(), Limits: limits, Workers: workers})
	if err != nil {
		return 0, err
	}
	defer catalog.Close(ctx)
	p, err := catalog.Open(ctx, path)
	if err != nil {
		return 0, err
	}
	for _, c := range p.Components {
		if err := use(ctx, c); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// usual are the dimensions of a batch of eight prompts with four candidates of
// up to 512 label tokens, and of a pooling over 8,192 tokens.
var usual = map[string]int64{"B": 8, "K": 4, "T": 512, "P": 8192, "H": 1024, "M": 8192, "N": 32}

// usualMemory is what a program may take for such a batch.
const usualMemory = 2 << 30

func use(ctx context.Context, c *plugin.Component) error {
	if c.Kind != plugin.Formatter {
		trace, err := c.Trace(ctx, nil)
		if err == nil {
			err = trace.Fits(usual, usualMemory, trace.Locations)
		}
		return err
	}
	f, err := c.Formatter(ctx, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	row := sdk.NewRow(make([]sdk.Cell, len(f.Columns)))
	results, err := f.Format(ctx, []sdk.Row{row, row, row})
	for _, r := range results {
		if r.Err != "" {
			err = fmt.Errorf("%v: %s", c, r.Err)
		}
	}
	return err
}

// describe has a module describe itself, configure and trace in this process.
func describe(code []byte, limits wasm.Limits) error {
	_, err := asked(code, limits)
	return err
}

// asked is the reply to the last of these.
func asked(code []byte, limits wasm.Limits) ([]byte, error) {
	ctx := context.Background()
	m, err := wasm.Open(ctx, "hostile.wasm", code, limits, "")
	if err != nil {
		return nil, err
	}
	defer m.Close(ctx)
	in, err := m.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close(ctx)
	if _, err := in.Describe(ctx); err != nil {
		return nil, err
	}
	if _, err := in.Configure(ctx, 0, []byte("{}")); err != nil {
		return nil, err
	}
	return in.Trace(ctx, 1, []byte("{}"))
}

// memoryFromHere forgets the most memory that this process had, where the
// kernel can, and returns what it has.
func memoryFromHere() int {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return memoryMiB("VmRSS")
}

// memoryMiB reads a number of this process's, 0 where there is no such file.
func memoryMiB(name string) int {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), name+":")
	kib := 0
	_, _ = fmt.Sscan(rest, &kib)
	return kib >> 10
}
