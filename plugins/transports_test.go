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
	"llmhost/plugins/ranked_chats/rankedchats"
	"llmhost/plugins/weighted_mean/weightedmean"
	"llmhost/sdk"
)

// sources are the plugins by the folders that build them.
var sources = map[string]sdk.Plugin{
	"alpaca":        alpaca.Plugin,
	"dpo_shift":     dposhift.Plugin,
	"focal":         focal.Plugin,
	"pooling":       pooling.Plugin,
	"ranked_chats":  rankedchats.Plugin,
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
		records, err := want.Records(ctx, nil)
		require.NoError(t, err)
		others, err := got.Records(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, records, others)
		for _, values := range []map[string]any{nil, other(want.Params)} {
			require.Equal(t, formatted(t, want, values, records.Columns), formatted(t, got, values, records.Columns))
		}
		return
	}
	one, err := want.Trace(ctx, nil)
	require.NoError(t, err)
	other, err := got.Trace(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, string(one.Canonical()), string(other.Canonical()))
	require.Equal(t, one.Locations, other.Locations)
}

// other are values of text parameters that are not their defaults.
func other(params []sdk.Param) map[string]any {
	values := map[string]any{}
	for _, p := range params {
		if len(p.Values) > 0 {
			values[p.Name] = p.Values[0]
		}
	}
	return values
}

// formatted is what a formatter makes of records of many kinds.
func formatted(t *testing.T, c *plugin.Component, values map[string]any, columns []sdk.Column) []sdk.Result {
	t.Helper()
	f, err := c.Formatter(context.Background(), values)
	require.NoError(t, err)
	defer f.Close()
	results, err := f.Format(context.Background(), rows(columns))
	require.NoError(t, err)
	examples := 0
	for i, r := range results {
		_, results[i].Err, _ = strings.Cut(r.Err, ": ") // a plugin's name, which those linked in lack
		if r.Err == "" && r.Dropped == "" {
			examples++
		}
	}
	require.NotZero(t, examples)
	return results
}

// rows are texts, lists and chats in every column, sound ones and others.
func rows(columns []sdk.Column) []sdk.Row {
	texts := []string{"Hi", "", "a \"b\" \\ \n\t é 🙂\x00 <|im_end|>", strings.Repeat("long ", 1000)}
	values := []string{
		`[{"role": "user", "content": "Hi"}]`, `[{"role":"system","z":1e400,"content":[{"type":"text","text":"\ud83d\ude00 é"}],"a":1.50}, {"content": null, "role": "user", "train": true}]`,
		`[]`, `{"role": "user"}`, `[{"content": "Hi"}]`, `[{"role": "user", "weight": 2}]`, `[{"role": "user", "role": "user"}]`,
	}
	var all []sdk.Row
	for i := range 3 * len(texts) * len(values) {
		var cells []sdk.Cell
		for _, c := range columns {
			cell := sdk.Cell{Type: c.Type, Str: texts[i%len(texts)], Float: float64(i), Int: int64(i), Floats: []float64{1, -0.5}[:2-i%9/8]}
			switch {
			case c.Type == sdk.StringList:
				cell.Strs = append(cell.Strs, texts[i%len(texts)], "another")
			case c.Type == sdk.JSON && c.Required:
				cell.Str = values[i%len(values)]
			case c.Type == sdk.JSON:
				cell.Str = `[{"type": "function"}]`
			}
			if !c.Required && i%3 == 0 {
				cell = sdk.Cell{}
			}
			cells = append(cells, cell)
		}
		all = append(all, sdk.NewRow(cells))
	}
	return all
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
