package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be llmhost's worker, as bench is its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == trainVerb || os.Args[1] == opsVerb) {
		if err := dispatch(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// minute is a model with which a step takes milliseconds.
var minute = shape{Vocab: 300, Hidden: 32, Intermediate: 48, Layers: 2, Heads: 4, KVHeads: 2}

// open makes a bench on the minute model, as a user names a folder.
func open(t *testing.T, peer string, steps int) *bench {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, minute.create(folder))
	b, err := openBench(settings{Model: folder, Steps: steps, Peer: peer, Threads: 1, Device: "cpu"})
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(b.work) })
	return b
}

func TestRaceOfOne(t *testing.T) {
	b := open(t, "", 2)
	for _, task := range taskNames {
		r, err := b.runRace(context.Background(), task)
		require.NoError(t, err)
		require.Len(t, r.Contestants, 1)
		ours := r.Contestants[0]
		require.Len(t, ours.Turns, 2)
		require.Equal(t, 1, ours.Hello.Threads)
		require.Greater(t, ours.Hello.Weights, int64(minute.Vocab*minute.Hidden))
		require.Greater(t, ours.Memory.Peak, ours.Ready.Now/2)
		require.Positive(t, ours.Warmup.Loss)
		for _, turn := range ours.Turns {
			require.Positive(t, turn.Seconds)
			require.Positive(t, turn.Tokens)
			require.Positive(t, turn.Loss)
		}
	}
}

// TestPeerDoesTheSame trains one measured step with every variant of the peer;
// a race fails if the first losses differ.
func TestPeerDoesTheSame(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch and transformers")
	}
	b := open(t, peer, 1)
	for _, task := range taskNames {
		r, err := b.runRace(context.Background(), task)
		require.NoError(t, err)
		require.Len(t, r.Contestants, 1+len(variants))
		for _, c := range r.Contestants[1:] {
			require.LessOrEqual(t, c.Apart, firstLossLimit, "%s %s", task, c.Name)
			require.Positive(t, c.Faster.Median)
		}
	}
}

func TestRaceStopsWhereLossesPart(t *testing.T) {
	r := race{Task: "sft", Contestants: []*contestant{
		{Name: llmhostName, Warmup: turn{Loss: 10}}, {Name: "full", Warmup: turn{Loss: 10}}, {Name: "pack", Warmup: turn{Loss: 10.1}}}}
	require.ErrorContains(t, r.checkFirstLoss(), "10.100000 in pack")
}

// A whole run without a peer prints every part, says that there is none, and
// leaves all numbers in a file.
func TestMeasure(t *testing.T) {
	folder, path := t.TempDir(), filepath.Join(t.TempDir(), "bench.json")
	require.NoError(t, minute.create(folder))
	var out bytes.Buffer
	require.NoError(t, measure(context.Background(), settings{Tasks: taskNames, Model: folder, Steps: 1, JSON: path, Threads: 1, Device: "cpu"}, &out))
	for _, part := range []string{"no peer: -peer or LLMHOST_PEER_PYTHON names", "\nsft: ", "\nrrhf: ", "llmhost train", "µs a small operation", "load "} {
		require.Contains(t, out.String(), part)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r results
	require.NoError(t, json.Unmarshal(text, &r))
	require.Len(t, r.Races, 2)
	require.Len(t, r.Startups.LLMHost, startRounds)
	require.Empty(t, r.Startups.Peer)
	require.Positive(t, r.Ops[llmhostName]["add"].Median)
	require.Positive(t, r.Races[0].Contestants[0].Speed.Median)
}

func TestModelThatIsNotThere(t *testing.T) {
	_, err := openBench(settings{Model: filepath.Join(t.TempDir(), "llama")})
	require.ErrorContains(t, err, "no such file or directory; want tiny, small or the folder of a Hugging Face model")
}
