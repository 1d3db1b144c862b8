package host

import (
	"context"
	"io"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
)

// LoadExamples returns the examples that a run would train on, in the order of its
// files, and what its first lines say of its data.
func LoadExamples(ctx context.Context, s config.Settings, env Env) ([]data.Example, []string, error) {
	in, err := openInputs(ctx, s, env, console.New(io.Discard, nil))
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	examples, err := data.Collect(in.sets.train.Examples)
	return examples, in.sets.report, err
}

// LoadHeldOut returns the examples that eval_split holds out of a run's training files.
func LoadHeldOut(ctx context.Context, s config.Settings, env Env) ([]data.Example, error) {
	in, err := openInputs(ctx, s, env, console.New(io.Discard, nil))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return data.Collect(in.sets.eval[0].data.Examples)
}
