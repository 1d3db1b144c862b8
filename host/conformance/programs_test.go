package conformance_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/program"

	"github.com/stretchr/testify/require"
)

// tasks are the tasks whose losses are covered here, by the names that the
// golden numbers have for them too.
var tasks = []string{"sft", "rrhf"}

// taskOf returns the task that a case's name begins with, "" for others.
func taskOf(name string) string {
	for _, task := range tasks {
		if name == task || strings.HasPrefix(name, task+"_") {
			return task
		}
	}
	return ""
}

const noSuchTask = "not covered yet: llmhost does not have this task"

// component finds a part by its name, or in the plugin that a file holds.
func component(t *testing.T, kind plugin.Kind, name string) *plugin.Component {
	t.Helper()
	catalog, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: builtin.All(), Cache: filepath.Join(built, "cache")})
	require.NoError(t, err)
	t.Cleanup(func() { catalog.Close(context.Background()) })
	c, err := catalog.Component(context.Background(), kind, name)
	require.NoError(t, err)
	return c
}

// settle gives a component the parameters named, and its defaults for the rest.
func settle(t *testing.T, c *plugin.Component, params map[string]any) map[string]any {
	t.Helper()
	given := map[string]plugin.Given{}
	for name, value := range params {
		given[name] = plugin.Given{Value: value}
	}
	values, err := c.Settle(given)
	require.NoError(t, err)
	return values
}

// trace returns the program of a loss or pooling.
func trace(t *testing.T, kind plugin.Kind, name string, params map[string]any) *program.Program {
	t.Helper()
	c := component(t, kind, name)
	traced, err := c.Trace(context.Background(), settle(t, c, params))
	require.NoError(t, err)
	return traced.Program
}

// lossParams are the parameters of a variant: those of its JSON, and the
// reduction that its name tells.
func lossParams(task, variant string, params map[string]any) map[string]any {
	all := map[string]any{}
	for name, value := range params {
		all[name] = value
	}
	switch {
	case task == "sft" && strings.Contains(variant, "seq_mean"):
		all["sft_reduction"] = "seq_mean"
	case task == "rrhf" && strings.Contains(variant, "paper_sum"):
		all["rrhf_reduction"] = "paper_sum"
	}
	return all
}
