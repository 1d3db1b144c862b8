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
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk/program"
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
// of batches and number of threads; lines "step N" come on in.
func trainWorker(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	task, folder, path := args[0], args[1], args[2]
	threads, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	batches, err := readBatches(path)
	if err != nil {
		return err
	}
	hello := greeting{Threads: tensor.SetThreads(threads), Versions: "libtorch " + tensor.Version()}
	trainer, err := newTrainer(ctx, task, folder)
	if err != nil {
		return err
	}
	hello.Weights = trainer.Model.Params().Count()
	answers := json.NewEncoder(out)
	if err := answers.Encode(hello); err != nil {
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

// newTrainer is set up as llmhost train sets it up, with the settings that the
// peer has: AdamW without decay at a constant rate, gradients clipped to 1.
func newTrainer(ctx context.Context, task, folder string) (*train.Trainer, error) {
	loss, err := traceLoss(ctx, task)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
	if err != nil {
		return nil, err
	}
	schedule, err := optim.NewSchedule("constant", 1e-5, 0, 1, nil)
	if err != nil {
		return nil, err
	}
	return &train.Trainer{
		Model: m, Objective: objective.New(loss, tensor.CPU, tensor.Float32), Schedule: schedule,
		Optimizer: optim.NewAdamW(m.Params().All(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Fused: true}),
		Options:   train.Options{MaxGradNorm: 1, SharePrefix: true},
	}, nil
}

func traceLoss(ctx context.Context, task string) (*program.Program, error) {
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	if err != nil {
		return nil, err
	}
	defer catalog.Close(ctx)
	found, err := catalog.Task(ctx, task)
	if err != nil {
		return nil, err
	}
	params, err := found.Params(nil)
	if err != nil {
		return nil, err
	}
	trace, err := found.Loss.Trace(ctx, params)
	if err != nil {
		return nil, err
	}
	return trace.Program, nil
}
