package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/plugins/ranked_chats/rankedchats"
	"llmhost/sdk"
)

// The formatter of chats in Python gives what its sibling in Go gives.
func TestChatsInPython(t *testing.T) {
	python := filepath.Join(plugin.DefaultCache(), "plugin-python", "bin")
	t.Setenv("PATH", python+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if out, err := exec.Command("python3", "-c", "import grpc, cryptography").CombinedOutput(); err != nil {
		t.Skipf("needs a Python with grpcio and cryptography: %s", out)
	}
	options := plugin.Options{Builtin: []sdk.Plugin{rankedchats.Plugin}, Process: process.Limits{Start: time.Minute, Call: 30 * time.Second, Format: 30 * time.Second}}
	c, err := plugin.NewCatalog(context.Background(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	native, err := c.Component(context.Background(), plugin.Formatter, "ranked_chats")
	require.NoError(t, err)
	other, err := c.Component(context.Background(), plugin.Formatter, "python/ranked_chats#ranked_chats")
	require.NoError(t, err)
	require.Equal(t, native.Params, other.Params)

	list := sdk.Cell{Type: sdk.StringList, Strs: []string{"Woof.", "a \"b\"\n é 🙂"}}
	scores := sdk.Cell{Type: sdk.FloatList, Floats: []float64{1, -0.5}}
	chat := func(text string) sdk.Cell { return sdk.Cell{Type: sdk.JSON, Str: text} }
	hi, tools := chat(`[{"role": "user", "content": "Hi é", "train": false}]`), chat(`[{"type": "function"}]`)
	var rows []sdk.Row
	for _, cells := range [][]sdk.Cell{
		{hi, list, scores, tools}, {chat(`[{"role": "system", "content": [{"type": "text"}]}]`), list, scores, {}}, {chat("[]"), list, scores, {}},
		{hi, {Type: sdk.StringList, Strs: []string{"one"}}, scores, {}}, {chat(`[{"from": "human"}]`), list, scores, {}}, {chat("{}"), list, scores, {}},
	} {
		rows = append(rows, sdk.NewRow(cells))
	}
	for _, values := range []map[string]any{nil, {"ranked_chats_system": "Be brief."}} {
		sameExamples(t, native, other, values, rows)
	}
}
