package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/tensor"
	"llmhost/host/train"
)

// greeting is what a worker says when it is ready for its first step.
type greeting struct {
	Versions string `json:"versions"`
	Threads  int    `json:"threads"`
	Weights  int64  `json:"weights,omitempty"`
}

// outcome is a worker's answer to a step.
type outcome struct {
	Seconds float64 `json:"seconds"`
	Loss    float64 `json:"loss"`
}

// trainWorker is llmhost's side of a race: args are task, model folder, file
// of batches, number of threads and device; lines "step N" come on in.
func trainWorker(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	task := args[0]
	folder := args[1]
	path := args[2]
	threads := args[3]
	device := args[4]
	count, err := strconv.Atoi(threads)
	if err != nil {
		return err
	}
	batches, err := readBatches(path)
	if err != nil {
		return err
	}
	trainer, free, err := openTrainer(ctx, task, folder, threads, device)
	if err != nil {
		return err
	}
	defer free()
	answers := json.NewEncoder(out)
	if err := answers.Encode(greeting{
		Versions: "libtorch " + tensor.Version(),
		Threads:  tensor.SetThreads(count),
		Weights:  trainer.Model.Params().Count(),
	}); err != nil {
		return err
	}
	return serve(in, answers, func(step int) (any, error) { return trainStep(trainer, batches[step]) })
}

// serve answers each line "step N" until there are no more.
func serve(in io.Reader, answers *json.Encoder, step func(int) (any, error)) error {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "step %d", &n); err != nil {
			return fmt.Errorf("line %q: want step N: %w", lines.Text(), err)
		}
		answer, err := step(n)
		if err != nil {
			return err
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// trainStep is timed from the records to the moved weights; so is the peer's.
// Reading the loss waits for a GPU.
func trainStep(t *train.Trainer, batch []record) (outcome, error) {
	began := time.Now()
	var examples []data.Example
	for _, r := range batch {
		examples = append(examples, r.example())
	}
	report, err := t.Step([][]data.Example{examples})
	if err != nil {
		return outcome{}, err
	}
	loss := report.Read().Loss
	return outcome{Seconds: time.Since(began).Seconds(), Loss: loss}, nil
}

// openTrainer builds the trainer of llmhost train, with the settings that the
// peer has: AdamW without decay at a constant rate, gradients clipped to 1.
func openTrainer(ctx context.Context, task, folder, threads, device string) (*train.Trainer, func(), error) {
	settings, _, err := config.Load("", []string{
		"--task", task, "--model_name_or_path", folder, "--threads", threads, "--device", device,
		"--learning_rate", "1e-5", "--lr_scheduler_type", "constant",
	})
	if err != nil {
		return nil, nil, err
	}
	return host.OpenTrainer(ctx, settings, host.Env{Builtins: builtin.All(), Lines: io.Discard})
}
