// Command llmhost trains language models with losses, record formats and
// poolings that are plugins. It holds flags and wiring; host holds the runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"llmhost/host/console"
	"llmhost/host/nearest"
	"llmhost/host/plugin/worker"
	"llmhost/host/train"
)

// version is set by the linker.
var version = "development"

// command is a subcommand; run gets the arguments after its name.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string) error
}

var commands = []command{
	{"train", "train a model: llmhost train --config run.toml --task plugins/rrhf.wasm", runTrain},
	{"init", "make a small model with random weights: llmhost init --output_dir models/tiny", runInit},
	{"merge", "put an adapter into its model's weights: llmhost merge --adapter_name_or_path runs/lora --output_dir runs/merged", runMerge},
	{"data", "look at data files: llmhost data formats", runData},
	{"plugins", "list, explain, write, build, check and run plugins: llmhost plugins explain plugins/rrhf.wasm", runPlugins},
	{"cache", "list, prune and clear the tokens of data that earlier runs kept: llmhost cache list", runCache},
	{"version", "print the versions of llmhost and libtorch", runVersion},
}

// stdout and stderr are what a person may read: texts of plugins, data and models
// cannot act on the terminal.
var (
	stdout = console.Safe(os.Stdout)
	stderr = console.Safe(os.Stderr)
)

// errUsage asks for exit code 2 without another message.
var errUsage = errors.New("usage")

func main() {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	os.Exit(dispatch(untilSignal(), os.Args[1:]))
}

func dispatch(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		usage()
		return 0
	}
	for _, c := range commands {
		if c.name == args[0] {
			return exitCode(c.name, c.run(ctx, args[1:]))
		}
	}
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	fmt.Fprintf(stderr, "llmhost: there is no command %q%s\n\n", args[0], nearest.Hint(args[0], names))
	usage()
	return 2
}

func usage() {
	fmt.Fprintln(os.Stderr, "llmhost COMMAND [ARGUMENTS]")
	fmt.Fprintln(os.Stderr)
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprintln(os.Stderr, "\nllmhost COMMAND --help tells more.")
}

// note prints a sentence that the user should know.
func note(format string, args ...any) {
	fmt.Fprintln(stderr, "note: "+console.OneLine(fmt.Sprintf(format, args...)))
}

// exitCode prints an error according to its kind.
func exitCode(name string, err error) int {
	var stopped *train.Interrupted
	var unseen *errUnseen
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.As(err, &stopped):
		fmt.Fprintln(stderr, err)
		return 130
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(stderr, "llmhost %s: interrupted\n", name)
		return 130
	}
	fmt.Fprintf(stderr, "llmhost %s: %v\n", name, err)
	if errors.As(err, &unseen) {
		return 3
	}
	return 1
}
