package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// process is a child that answers each line on its stdin with a line of JSON.
type process struct {
	name     string
	command  *exec.Cmd
	in       io.WriteCloser
	out      *json.Decoder
	complain bytes.Buffer // its stderr
}

// startProcess starts a child and reads its greeting. The child ends with ctx
// or with close.
func startProcess(ctx context.Context, name string, threads int, command []string, greeting any) (*process, error) {
	p := &process{name: name, command: exec.CommandContext(ctx, command[0], command[1:]...)}
	p.command.Env = environment(threads)
	p.command.Stderr = &p.complain
	in, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, json.NewDecoder(out)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, p.read(greeting)
}

// environment limits every math library to the same threads, and keeps the peer
// off the network.
func environment(threads int) []string {
	n := strconv.Itoa(threads)
	return append(os.Environ(), "OMP_NUM_THREADS="+n, "MKL_NUM_THREADS="+n, "TOKENIZERS_PARALLELISM=false",
		"HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=1", "HF_HUB_DISABLE_PROGRESS_BARS=1")
}

// ask sends a line and reads the answer.
func (p *process) ask(line string, answer any) error {
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return p.died(err)
	}
	return p.read(answer)
}

func (p *process) read(answer any) error {
	if err := p.out.Decode(answer); err != nil {
		return p.died(err)
	}
	return nil
}

// died ends the child and returns an error with its last words on stderr.
func (p *process) died(cause error) error {
	p.close()
	return fmt.Errorf("%s: %w; it said:\n%s", p.name, cause, lastLines(p.complain.String(), 12))
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (p *process) pid() int { return p.command.Process.Pid }

// close lets the child end by closing its stdin, and waits for it.
func (p *process) close() {
	p.in.Close()
	p.command.Wait()
}
