package builtin_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/sdk"
)

// descriptor is what this test reads of one.
type descriptor struct {
	Name, Version, Doc string
	Components         []struct {
		Kind, Name, Doc string
		Params          []struct{ Name, Doc string }
	}
	Tasks []struct{ Name, Doc, Formatter, Pooling, Loss string }
}

func describe(t *testing.T, p sdk.Plugin) descriptor {
	t.Helper()
	reply := sdk.NewServer(p).Describe()
	require.Equal(t, byte(sdk.StatusOK), reply[0], "%s", reply)
	var d descriptor
	require.NoError(t, json.Unmarshal(reply[1:], &d))
	return d
}

func TestNamesAreUniqueAndDocumented(t *testing.T) {
	seen := map[string]bool{}
	once := func(kind, name, doc string) {
		require.False(t, seen[kind+" "+name], "two %s are called %s", kind, name)
		seen[kind+" "+name] = true
		require.NotEmpty(t, doc, "%s %s says nothing", kind, name)
	}
	for _, p := range builtin.All() {
		d := describe(t, p)
		once("plugin", d.Name, d.Doc)
		require.NotEmpty(t, d.Version, d.Name)
		for _, c := range d.Components {
			once(c.Kind, c.Name, c.Doc)
			for _, param := range c.Params {
				require.NotEmpty(t, param.Doc, "parameter %s of %s says nothing", param.Name, c.Name)
			}
		}
		for _, task := range d.Tasks {
			once("task", task.Name, task.Doc)
		}
	}
	for _, name := range []string{"task rrhf", "task sft", "loss rrhf", "loss sft", "formatter preference", "formatter promptanswer", "pooling last", "pooling eos", "pooling average", "pooling max"} {
		require.True(t, seen[name], name)
	}
}
