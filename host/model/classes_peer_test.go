package model_test

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/model/hfconfig"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/classes.py
var classesScript string

// peerFields are the fields of transformers' config classes.
type peerFields struct {
	Base    map[string]any
	Rope    []string
	Classes map[string]struct {
		Name   string
		Fields map[string]struct {
			Default any
			Takes   []string
		}
	}
}

// runPeer runs a script in the peer Python and returns what it prints.
func runPeer(t *testing.T, script string, argument any) []byte {
	t.Helper()
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch and transformers")
	}
	text, err := json.Marshal(argument)
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", script, string(text))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=critical", "HF_HUB_OFFLINE=1", "OMP_NUM_THREADS=1")
	var failed strings.Builder
	cmd.Stderr = &failed
	printed, err := cmd.Output()
	require.NoError(t, err, "%s", failed.String())
	return printed
}

var kindNames = map[string]hfconfig.Type{"null": hfconfig.Null, "int": hfconfig.Int, "float": hfconfig.Float, "bool": hfconfig.Bool,
	"string": hfconfig.String, "list": hfconfig.List, "object": hfconfig.Object}

// The table of a class has the fields that transformers' class has and no other,
// each with its default and the kinds of values that it takes.
func TestPeerClasses(t *testing.T) {
	var peer peerFields
	require.NoError(t, json.Unmarshal(runPeer(t, classesScript, model.Types()), &peer))
	for _, c := range model.Classes() {
		t.Run(c.ModelType, func(t *testing.T) {
			theirs := peer.Classes[c.ModelType]
			require.Equal(t, theirs.Name, c.Name)
			ours := map[string]hfconfig.Field{}
			for _, f := range c.Fields {
				if !f.Old {
					ours[f.Name] = f
				}
			}
			for name, field := range theirs.Fields {
				require.Contains(t, ours, name, "a field of transformers that the table lacks")
				requireField(t, ours[name], field.Default, field.Takes)
				delete(ours, name)
			}
			require.Empty(t, ours, "fields that transformers' class does not have")
			for _, f := range c.Fields {
				if f.Old {
					require.NotContains(t, theirs.Fields, f.Name, "marked as no field of the class")
				}
			}
		})
	}
	requireShared(t, peer.Base)
	page, err := os.ReadFile("CONFIG.md")
	require.NoError(t, err)
	for _, key := range peer.Rope {
		require.Contains(t, string(page), "`"+key+"`")
	}
}

func requireField(t *testing.T, f hfconfig.Field, def any, takes []string) {
	t.Helper()
	want, err := json.Marshal(def)
	require.NoError(t, err)
	require.JSONEq(t, string(want), f.Default, f.Name)
	var kinds hfconfig.Type
	for _, kind := range takes {
		kinds |= kindNames[kind]
	}
	require.Equal(t, kinds.String(), f.Types.String(), f.Name)
}

// requireShared compares the keys that every class has.
func requireShared(t *testing.T, base map[string]any) {
	t.Helper()
	for _, f := range hfconfig.Shared {
		if f.Old {
			require.NotContains(t, base, f.Name)
			continue
		}
		require.Contains(t, base, f.Name)
		want, err := json.Marshal(base[f.Name])
		require.NoError(t, err)
		require.JSONEq(t, string(want), f.Default, f.Name)
		delete(base, f.Name)
	}
	require.Empty(t, base, "fields of every class that the table lacks")
}
