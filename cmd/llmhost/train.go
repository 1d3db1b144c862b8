package main

import (
	"context"
	"io"
	"os"
	"slices"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/console"

	"golang.org/x/term"
)

// trainGroups are the settings that train reads.
var trainGroups = []config.Group{
	config.GroupTask,
	config.GroupModel,
	config.GroupAdapters,
	config.GroupData,
	config.GroupTokens,
	config.GroupChats,
	config.GroupRun,
	config.GroupPluginLimits,
	config.GroupOptimisation,
	config.GroupEvaluation,
	config.GroupLogging,
	config.GroupParameters,
}

func runTrain(ctx context.Context, args []string) error {
	if i := slices.IndexFunc(args, asksForHelp); i >= 0 {
		return trainHelp(ctx, args[:i], args[i:])
	}
	if err := wantOneProcess(os.Getenv); err != nil {
		return err
	}
	settings, notices, err := config.Load("", args)
	for _, notice := range notices {
		note("%s", notice)
	}
	if err != nil {
		return err
	}
	if err := settings.Require("task", "model_name_or_path", "output_dir", "data_paths|data_dir|datasets"); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	return host.Train(ctx, settings, environment(newOutput(stop)))
}

// environment is what a run gets, which stops where nobody reads its output.
func environment(o *output) host.Env {
	var terminal io.Writer
	if term.IsTerminal(int(os.Stderr.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
		terminal = o.writer(os.Stderr, os.Stdout)
	}
	return host.Env{
		Builtins: builtin.All(),
		Version:  version,
		Lines:    console.Safe(o.writer(os.Stdout, os.Stderr)),
		Terminal: terminal,
	}
}
