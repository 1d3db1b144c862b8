package plugins_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/builtin/alpaca"
	"llmhost/builtin/pooling"
	"llmhost/builtin/rrhf"
	"llmhost/host/plugin"
	"llmhost/host/plugin/worker"
	"llmhost/plugins/dpo_shift/dposhift"
	"llmhost/plugins/focal/focal"
	"llmhost/plugins/weighted_mean/weightedmean"
	"llmhost/sdk"
)

// sources are the plugins by the folders that build them.
var sources = map[string]sdk.Plugin{
	"alpaca":        alpaca.Plugin,
	"dpo_shift":     dposhift.Plugin,
	"focal":         focal.Plugin,
	"pooling":       pooling.Plugin,
	"rrhf":          rrhf.Plugin,
	"weighted_mean": weightedmean.Plugin,
}

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

func TestEveryFolderIsListed(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.Len(t, mains, len(sources))
	for _, main := range mains {
		require.Contains(t, sources, filepath.Dir(main))
	}
}

// One source, three builds: the same components with the same parameters and,
// byte for byte, the same programs.
func TestTransportsAgree(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build plugins with")
	}
	ctx, cache := context.Background(), t.TempDir()
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			native, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: []sdk.Plugin{source}})
			require.NoError(t, err)
			want := native.Builtin()[0]
			for _, transport := range []plugin.Transport{plugin.WASM, plugin.Process} {
				catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All(), Cache: cache})
				require.NoError(t, err)
				got, err := catalog.Open(ctx, build(t, name, transport))
				require.NoError(t, err)
				require.Equal(t, transport, got.Transport)
				require.Equal(t, []string{want.Name, want.Version, want.Doc, want.SDK}, []string{got.Name, got.Version, got.Doc, got.SDK})
				require.Len(t, got.Components, len(want.Components))
				for i, c := range got.Components {
					requireSame(t, want.Components[i], c)
				}
				require.NoError(t, catalog.Close(ctx))
			}
		})
	}
}

func requireSame(t *testing.T, want, got *plugin.Component) {
	t.Helper()
	ctx := context.Background()
	require.Equal(t, []string{string(want.Kind), want.Name, want.Doc}, []string{string(got.Kind), got.Name, got.Doc})
	require.Len(t, got.Params, len(want.Params))
	for i, p := range want.Params {
		require.Equal(t, p, got.Params[i])
	}
	if want.Kind == plugin.Formatter {
		columns, err := want.Columns(ctx, nil)
		require.NoError(t, err)
		others, err := got.Columns(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, columns, others)
		return
	}
	one, err := want.Trace(ctx, nil)
	require.NoError(t, err)
	other, err := got.Trace(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, string(one.Canonical()), string(other.Canonical()))
	require.Equal(t, one.Locations, other.Locations)
}

// build builds the plugin of a folder for a transport.
func build(t *testing.T, name string, transport plugin.Transport) string {
	t.Helper()
	path, args := filepath.Join(t.TempDir(), name), []string{"build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w"}
	env := append(os.Environ(), "CGO_ENABLED=0")
	if transport == plugin.WASM {
		path, args, env = path+".wasm", append(args, "-buildmode=c-shared"), append(env, "GOOS=wasip1", "GOARCH=wasm")
	}
	command := exec.Command("go", append(args, "-o", path, "./"+name)...)
	command.Env = env
	text, err := command.CombinedOutput()
	require.NoError(t, err, strings.TrimSpace(string(text)))
	return path
}
