package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPipErrorNamesCauseAndFix(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, c := range []struct {
		name, said, want string
		err              error
	}{
		{"no python", "", "python3: not found, and libtorch comes with its pip; install it (apt-get install python3 python3-pip), or name a libtorch folder in LIBTORCH", &exec.Error{Name: "python3", Err: exec.ErrNotFound}},
		{"no pip", "/usr/bin/python3: No module named pip", "python3 has no pip, and libtorch comes with it; install it (apt-get install python3-pip), or name a libtorch folder in LIBTORCH", failed},
		{"no network", "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching distribution found for torch==2.11.0",
			"pip cannot reach its package index for torch==2.11.0; check the network or pip's own settings, or name a libtorch folder in LIBTORCH", failed},
		{"full disk", "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk of the cache folder is full; free some, or set XDG_CACHE_HOME to a folder on another disk", failed},
		{"no such version", "(from versions: 2.10.0, 2.12.0)\nERROR: No matching distribution found for torch==2.11.0",
			"pip finds no wheel of torch==2.11.0 for linux/" + runtime.GOARCH + "; ask for another version with -torch, or name a libtorch folder in LIBTORCH", failed},
		{"an empty index", "(from versions: none)\nERROR: No matching distribution found for torch==2.11.0",
			"pip finds no wheel of torch==2.11.0 for linux/" + runtime.GOARCH + "; check the network and the index that pip is set to, or name a libtorch folder in LIBTORCH", failed},
		{"anything else", "one\ntwo\n", "pip download torch==2.11.0: exit status 1: one\ntwo", failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.EqualError(t, pipError("torch==2.11.0", c.err, c.said), c.want)
		})
	}
}

func TestReadSizesOfWheelsAlone(t *testing.T) {
	sizes := make(chan int64, 8)
	readSizes(strings.NewReader(`Collecting torch==2.13.0
  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (30 kB)
  Downloading torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl (526.5 MB)
  Using cached some/where/other-1-py3-none-any.whl (12 kB)
`), sizes)
	require.Equal(t, int64(526.5e6), <-sizes)
	require.Equal(t, int64(12e3), <-sizes)
	require.Empty(t, sizes)
}

func TestProgress(t *testing.T) {
	r, said := silent()
	p := r.newProgress("torch")
	p.update(5) // the size is not known yet
	p.total = 200e6
	for _, done := range []int64{0, 19e6, 21e6, 25e6, 150e6, 300e6} {
		p.update(done)
	}
	p.end()
	require.Equal(t, "setup: torch: 21 of 200 MB (10%)\nsetup: torch: 150 of 200 MB (75%)\nsetup: torch: 200 of 200 MB (100%)\n", said.String())
	require.Equal(t, "setup: torch ["+strings.Repeat("█", 15)+strings.Repeat("░", 15)+"] 100/200 MB  50 MB/s  2s left   ", p.bar(100e6, 2*time.Second))

	said.Reset()
	p.terminal = true
	p.update(100e6)
	p.end()
	require.Regexp(t, "^\rsetup: torch .* 100/200 MB .*\n$", said.String())
}

func TestExplain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	full := fmt.Errorf("unpack: %w", &os.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC})
	require.EqualError(t, explain(ctx, full), "unpack: write /x: no space left on device; free some space, or set XDG_CACHE_HOME to a folder on another disk")
	cancel()
	require.EqualError(t, explain(ctx, errors.New("signal: killed")), "stopped; make setup continues from the last finished step")
}

func TestToolsFrom(t *testing.T) {
	look := func(program string) (string, error) {
		if program == "g++" || program == "gcc" {
			return "/usr/bin/" + program, nil
		}
		return "", exec.ErrNotFound
	}
	got, err := toolsFrom(map[string]string{"CC": "gcc", "CXX": "g++ -m64", "CGO_ENABLED": "1"}, look)
	require.NoError(t, err)
	require.Equal(t, []string{"g++", "-m64"}, got.CXX)
	_, err = toolsFrom(map[string]string{"CC": "gcc", "CXX": "clang++", "CGO_ENABLED": "1"}, look)
	require.EqualError(t, err, "clang++: not found; llmhost compiles C++: install it (apt-get install g++), or name another compiler in CXX")
	_, err = toolsFrom(map[string]string{"CC": "gcc", "CXX": "g++", "CGO_ENABLED": "0"}, look)
	require.EqualError(t, err, "cgo is off (CGO_ENABLED=0); llmhost calls libtorch: unset CGO_ENABLED or set it to 1")
}

func TestSettingsFrom(t *testing.T) {
	env := map[string]string{"LLMHOST_TORCH_VERSION": "2.13.0", "LIBTORCH": "/opt/libtorch"}
	s, err := settingsFrom(nil, func(key string) string { return env[key] })
	require.NoError(t, err)
	require.Equal(t, "2.13.0", s.Version)
	require.Equal(t, "/opt/libtorch", s.Libtorch)
	_, err = settingsFrom([]string{"-torch", "newest"}, func(string) string { return "" })
	require.EqualError(t, err, `libtorch version "newest" is not like 2.13.0; check -torch and LLMHOST_TORCH_VERSION`)
}
