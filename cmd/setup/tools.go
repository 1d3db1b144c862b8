package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// tools are the programs of this machine that the build will use.
type tools struct {
	CXX []string // the C++ compiler as go calls it, with its fixed arguments
}

// findTools asks go which compiler it would use and checks that it is there,
// before anything is downloaded for it.
func findTools(ctx context.Context) (tools, error) {
	if runtime.GOOS != "linux" {
		return tools{}, fmt.Errorf("llmhost builds on linux, this is %s", runtime.GOOS)
	}
	out, err := output(exec.CommandContext(ctx, "go", "env", "-json", "CGO_ENABLED", "CC", "CXX"))
	if err != nil {
		return tools{}, err
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return tools{}, fmt.Errorf("go env: %w", err)
	}
	return toolsFrom(env, exec.LookPath)
}

// toolsFrom checks the answers of go env; look finds a program in the path.
func toolsFrom(env map[string]string, look func(string) (string, error)) (tools, error) {
	for _, key := range []string{"CC", "CXX"} {
		program := strings.Fields(env[key] + " ")
		if len(program) == 0 {
			return tools{}, fmt.Errorf("go env names no %s; set it to a compiler", key)
		}
		if _, err := look(program[0]); err != nil {
			return tools{}, fmt.Errorf("%s: not found; llmhost compiles C++: install it (apt-get install g++), or name another compiler in %s", program[0], key)
		}
	}
	if env["CGO_ENABLED"] != "1" {
		return tools{}, fmt.Errorf("cgo is off (CGO_ENABLED=%s); llmhost calls libtorch: unset CGO_ENABLED or set it to 1", env["CGO_ENABLED"])
	}
	return tools{CXX: strings.Fields(env["CXX"])}, nil
}

// output runs cmd and gives its standard output; an error holds the last lines
// of its standard error.
func output(cmd *exec.Cmd) ([]byte, error) {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, lastLines(complaint.String(), 5))
	}
	return out, nil
}

// lastLines is the end of text, at most n lines of it.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
