// Command bench measures llmhost side by side with the same work in PyTorch
// and transformers: training speed and peak memory of each task, the time from
// start to first step, and the cost of one small operation. All sides get the
// same weights, batches, threads and settings, take turns step by step in
// processes of their own, and must agree on the first loss.
//
//	go run ./cmd/bench -peer python3 -model tiny -steps 7 -json bench.json
//
// Start at measure in measure.go. peers holds the Python side; exported.py there
// reads with transformers and PEFT what llmhost wrote, for the tests of host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := dispatch(ctx, os.Args[1:], os.Stdin, os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// The verbs that bench starts itself with, for llmhost's side.
const (
	trainVerb = "train-worker"
	opsVerb   = "ops-worker"
)

func dispatch(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) > 0 && args[0] == trainVerb {
		return trainWorker(ctx, args[1:], in, out)
	}
	if len(args) > 0 && args[0] == opsVerb {
		return opsWorker(args[1:], in, out)
	}
	s, err := settingsFrom(args, os.Getenv)
	if err != nil {
		return err
	}
	return measure(ctx, s, out)
}
