package main

import (
	"context"
	"fmt"
	"os"

	"llmhost/host/nearest"
)

// dataCommands are what llmhost data does, each in a file of its own. A usage
// line may go on below.
var dataCommands = []dataCommand{
	{name: "check", usage: checkUsage, run: checkData},
	{name: "show", usage: showUsage, run: showData},
	{name: "convert", usage: convertUsage, run: convertData},
	{name: "sample", usage: sampleUsage, run: sampleData},
	{name: "split", usage: splitUsage, run: splitData},
	{
		name:  "formats",
		usage: "formats\n    list the forms of records that the builtin formatters read",
		run:   listFormats,
	},
	{
		name:  "import",
		usage: "import FILE [--dataset NAME,NAME]\n    write the TOML that says what LLaMA-Factory's dataset_info.json or axolotl's YAML says about\n    data sets; those of several kinds stand under [[datasets]]",
		run:   importData,
	},
}

// dataCommand is a subcommand of data; run gets the arguments after its name.
type dataCommand struct {
	name, usage string
	run         func(ctx context.Context, args []string) error
}

// runData looks at data files, without a model.
func runData(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		for _, c := range dataCommands {
			fmt.Fprintln(os.Stdout, "llmhost data "+c.usage)
		}
		return nil
	}
	var names []string
	for _, c := range dataCommands {
		if c.name == args[0] {
			return c.run(ctx, args[1:])
		}
		names = append(names, c.name)
	}
	return fmt.Errorf("there is no %q%s; llmhost data --help lists what there is", args[0], nearest.Hint(args[0], names))
}
