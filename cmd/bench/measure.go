package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"llmhost/host/atomicfile"
)

//go:embed peers/*.py
var peers embed.FS

// results are all numbers of a run.
type results struct {
	Machine  machine   `json:"machine"`
	Model    string    `json:"model"`
	Races    []*race   `json:"races"`
	Startups *startups `json:"startups"`
	Ops      opCosts   `json:"microseconds_per_op"`
}

// machine is what the numbers depend on.
type machine struct {
	Processor  string  `json:"processor"`
	Processors int     `json:"processors"`
	Threads    int     `json:"threads"`
	LoadBefore float64 `json:"load_before"`
	LoadAfter  float64 `json:"load_after"`
}

// measure runs everything and prints each part when it is there.
func measure(ctx context.Context, s settings, out io.Writer) (err error) {
	b, err := openBench(s)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	r := results{Model: s.Model, Machine: machine{
		Processor: processorName(), Processors: runtime.NumCPU(), Threads: s.Threads, LoadBefore: load()}}
	p := printer{out}
	p.heading(s, r.Machine)
	for _, task := range s.Tasks {
		raced, err := b.runRace(ctx, task)
		if err != nil {
			return err
		}
		r.Races = append(r.Races, raced)
		p.race(raced)
	}
	if r.Startups, err = b.runStartups(ctx); err != nil {
		return err
	}
	p.startups(r.Startups)
	if r.Ops, err = b.runOps(ctx); err != nil {
		return err
	}
	p.ops(r.Ops)
	r.Machine.LoadAfter = load()
	p.footer(r.Machine)
	return r.write(s.JSON)
}

// openBench makes the work folder with the model and the peer's scripts.
func openBench(s settings) (b *bench, err error) {
	b = &bench{settings: s}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp("", "llmhost-bench-"); err != nil {
		return nil, err
	}
	if err = copyPeers(b.work); err == nil {
		b.model, err = modelFolder(s.Model, b.work)
	}
	if err == nil {
		_, err = vocabOf(b.model)
	}
	if err != nil {
		os.RemoveAll(b.work)
	}
	return b, err
}

func copyPeers(folder string) error {
	files, err := fs.Glob(peers, "peers/*.py")
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := peers.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, strings.TrimPrefix(name, "peers/")), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// write puts all numbers at path, where there is one.
func (r results) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteFile(path, append(text, '\n'))
}
