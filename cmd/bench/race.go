package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// llmhostName is the contestant that the others are compared with.
const llmhostName = "llmhost"

// turn is one step of one contestant.
type turn struct {
	Step    int     `json:"step"`
	Tokens  int     `json:"tokens"` // real ones, a shared prompt counted once a row
	Seconds float64 `json:"seconds"`
	Loss    float64 `json:"loss"`
	CPU     float64 `json:"cpu_seconds"`
	Foreign float64 `json:"foreign"` // share of the machine that other processes took
}

func (t turn) clean() bool { return t.Foreign < cleanShare }

// contestant is one process that trains, and what was measured of it.
type contestant struct {
	Name   string   `json:"name"`
	Hello  greeting `json:"hello"`
	Warmup turn     `json:"warmup"`
	Turns  []turn   `json:"turns"` // step for step the same in all contestants
	Ready  memory   `json:"memory_before_first_step"`
	Memory memory   `json:"memory"`

	Speed judged `json:"tokens_per_second"`
	// Faster is this contestant's time over llmhost's for the same batch: how
	// many times as fast llmhost is.
	Faster judged `json:"llmhost_times_as_fast"`
	// Apart is the largest relative difference between a loss and llmhost's.
	Apart float64 `json:"losses_apart"`

	process *process
}

// race is one task, trained by several contestants that take turns.
type race struct {
	Task        string        `json:"task"`
	Contestants []*contestant `json:"contestants"` // llmhost first
}

// variants are the peer's ways to do the same, each in a process of its own;
// peers/worker.py says what they are.
var variants = []string{"full", "pack", "fused"}

// bench is one run of the command.
type bench struct {
	settings
	work  string // a folder that goes away with the run
	model string // its folder
	self  string // this program
}

// runRace trains one task. The contestants take turns step by step, in
// rotating order, so that whatever slows the machine down for a while falls on
// all of them.
func (b *bench) runRace(ctx context.Context, task string) (*race, error) {
	batches, path, err := b.prepareBatches(task)
	if err != nil {
		return nil, err
	}
	r := &race{Task: task}
	defer r.close()
	if err := b.enter(ctx, r, path); err != nil {
		return r, err
	}
	for step, batch := range batches {
		for i := range r.Contestants {
			c := r.Contestants[(step+i)%len(r.Contestants)]
			if err := b.takeTurn(c, step, tokens(batch)); err != nil {
				return r, fmt.Errorf("%s, step %d: %w", task, step, err)
			}
		}
		if err := r.checkFirstLoss(); err != nil {
			return r, err
		}
	}
	for _, c := range r.Contestants {
		c.compare(r.Contestants[0])
	}
	return r, r.readMemory()
}

// prepareBatches writes the records of one step to warm up and of those that
// are measured.
func (b *bench) prepareBatches(task string) (batches [][]record, path string, err error) {
	vocab, err := vocabOf(b.model)
	if err != nil {
		return nil, "", err
	}
	batches = makeBatches(task, vocab, 1+b.Steps)
	path = filepath.Join(b.work, task+".jsonl")
	return batches, path, writeBatches(path, batches)
}

// enter starts the contestants, one after the other.
func (b *bench) enter(ctx context.Context, r *race, batches string) error {
	threads := strconv.Itoa(b.Threads)
	commands := map[string][]string{llmhostName: {b.self, trainVerb, r.Task, b.model, batches, threads, b.Device}}
	names := []string{llmhostName}
	if b.Peer != "" {
		for _, v := range variants {
			names = append(names, v)
			commands[v] = []string{b.Peer, filepath.Join(b.work, "worker.py"), r.Task, v, b.model, batches, threads, b.Device}
		}
	}
	for _, name := range names {
		c := &contestant{Name: name}
		r.Contestants = append(r.Contestants, c)
		var err error
		if c.process, err = startProcess(ctx, name, b.Threads, commands[name], &c.Hello); err != nil {
			return err
		}
		if c.Ready, err = processMemory(c.process.pid()); err != nil {
			return err
		}
	}
	return nil
}

// takeTurn makes one step. The first is to warm up: its time is not measured.
func (b *bench) takeTurn(c *contestant, step, tokens int) error {
	if step > 0 {
		if err := waitForQuiet(b.Patience); err != nil {
			return err
		}
	}
	w, err := startWatch(c.process.pid())
	if err != nil {
		return err
	}
	var o outcome
	if err := c.process.ask("step "+strconv.Itoa(step), &o); err != nil {
		return err
	}
	own, foreign, err := w.since()
	t := turn{
		Step:    step,
		Tokens:  tokens,
		Seconds: o.Seconds,
		Loss:    o.Loss,
		CPU:     own.Seconds(),
		Foreign: foreign,
	}
	if step == 0 {
		c.Warmup = t
	} else {
		c.Turns = append(c.Turns, t)
	}
	return err
}

// checkFirstLoss compares the losses that the common weights gave.
func (r *race) checkFirstLoss() error {
	ours := r.Contestants[0]
	for _, c := range r.Contestants[1:] {
		if err := sameLoss(r.Task, c.Name, ours.Warmup.Loss, c.Warmup.Loss); err != nil {
			return err
		}
	}
	return nil
}

func (r *race) readMemory() (err error) {
	for _, c := range r.Contestants {
		if c.Memory, err = processMemory(c.process.pid()); err != nil {
			return err
		}
	}
	return nil
}

func (r *race) close() {
	for _, c := range r.Contestants {
		if c.process != nil {
			c.process.close()
		}
	}
}

// compare derives what the turns of c say in comparison with ours.
func (c *contestant) compare(ours *contestant) {
	var speeds, ratios []sample
	c.Apart = apart(ours.Warmup.Loss, c.Warmup.Loss)
	for i, t := range c.Turns {
		o := ours.Turns[i]
		speeds = append(speeds, sample{float64(t.Tokens) / t.Seconds, t.clean()})
		ratios = append(ratios, sample{t.Seconds / o.Seconds, t.clean() && o.clean()})
		c.Apart = max(c.Apart, apart(o.Loss, t.Loss))
	}
	c.Speed, c.Faster = judge(speeds), judge(ratios)
}

// cleanTurns counts the undisturbed steps.
func (c *contestant) cleanTurns() (n int) {
	for _, t := range c.Turns {
		if t.clean() {
			n++
		}
	}
	return n
}
