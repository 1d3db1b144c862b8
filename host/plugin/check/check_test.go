package check_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/formatter"
	"llmhost/host/plugin/check/loss"
	"llmhost/host/plugin/check/pooling"
	"llmhost/host/plugin/check/task"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// root is that of this module.
var root string

// The tests run in a folder of their own: a plugin is given by its name or by a
// path, and this package has a folder called pooling.
func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	code, err := inFolder(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func inFolder(m *testing.M) (code int, err error) {
	if root, err = filepath.Abs("../../.."); err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "llmhost-check-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	if err := os.Chdir(folder); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// suite is every check, as llmhost plugins check has it.
var suite = check.Suite{Task: task.All(settings), Loss: loss.All, Pooling: pooling.All, Formatter: formatter.All}

// settings takes defaults for the settings of a run.
func settings(owner string, defaults map[string]any) error {
	_, _, err := config.Default().WithDefaults(owner, defaults)
	return err
}

// checked checks a plugin as though it were linked in.
func checked(t *testing.T, p sdk.Plugin, options check.Options) *check.Report {
	t.Helper()
	return checkedIn(t, plugin.Options{Builtin: []sdk.Plugin{p}}, p.Name, options)
}

func checkedIn(t *testing.T, o plugin.Options, spec string, options check.Options) *check.Report {
	t.Helper()
	ctx := context.Background()
	c, err := plugin.NewCatalog(ctx, o)
	require.NoError(t, err)
	defer c.Close(ctx)
	return suite.Plugin(ctx, c, spec, options)
}

// build compiles a main package of this module, for WASM or for this system.
func build(t *testing.T, pkg, file string, env ...string) string {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go tool to build a plugin from source")
	}
	path := filepath.Join(t.TempDir(), file)
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", path}
	if env != nil {
		args = append(args, "-buildmode=c-shared")
	}
	cmd := exec.Command(goTool, append(args, "llmhost/"+pkg)...)
	cmd.Dir = root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

var forWASM = []string{"GOOS=wasip1", "GOARCH=wasm"}

// Every builtin plugin passes. One kind of loss is a note: it is defined by means
// of a micro-batch; so is a KL that is estimated by a difference.
func TestBuiltinPluginsPass(t *testing.T) {
	for _, p := range builtin.All() {
		t.Run(p.Name, func(t *testing.T) {
			if p.Formatters == nil { // those are measured by this process' memory
				t.Parallel()
			}
			report := checkedIn(t, plugin.Options{Builtin: builtin.All()}, p.Name, check.Options{})
			require.True(t, report.OK(), report.Text())
			for _, f := range report.Findings { // notes
				kind := f.Check == "cuts" && f.Params["dpo_loss_type"] == "kto_pair"
				difference := f.Check == "bounded" && f.Params["kl_coef"] != nil // a KL that is estimated by a difference
				require.True(t, f.Why != "" || kind || difference, report.Text())
			}
		})
	}
}

// Every folder of plugins/ passes as a WASM module.
func TestShippedPluginsPass(t *testing.T) {
	mains, err := filepath.Glob(filepath.Join(root, "plugins/*/main.go"))
	require.NoError(t, err)
	require.NotEmpty(t, mains)
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		t.Run(name, func(t *testing.T) {
			path := build(t, "plugins/"+name, name+".wasm", forWASM...)
			report := checkedIn(t, plugin.Options{Builtin: builtin.All(), Cache: t.TempDir()}, path, check.Options{})
			require.True(t, report.OK(), report.Text())
			require.Equal(t, "wasm", report.Transport)
		})
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	report := checkedIn(t, plugin.Options{}, "none.wasm", check.Options{})
	require.False(t, report.OK())
	require.Equal(t, "plugin none.wasm: no such file", report.Findings[0].Text)

	report = checkedIn(t, plugin.Options{Builtin: builtin.All()}, "sft#other", check.Options{})
	require.False(t, report.OK())
	require.Contains(t, report.Text(), `plugin sft has nothing called "other"`)
}
