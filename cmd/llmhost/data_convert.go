package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"llmhost/host"
	"llmhost/host/data/record"
)

const convertUsage = `convert FILE … --out FILE [--to FORM] [--formatter NAME] [--best] [--skip] [--force]
    write records into another kind of file, which the name says (.jsonl, .json, .csv, .parquet …),
    or into another form, of which llmhost data convert --forms lists the names. With --formatter
    or --task the records are those that this formatter lays out: prompt and answer as texts`

// convertData writes records into another file.
func convertData(ctx context.Context, args []string) error {
	own, rest, err := splitFlags(args, "out=", "to=", "forms", "best", "skip", "force")
	if err != nil {
		return err
	}
	var c host.Conversion
	flags := flag.NewFlagSet("llmhost data convert", flag.ContinueOnError)
	flags.StringVar(&c.Out, "out", "", "file to write")
	flags.StringVar(&c.Form, "to", "", "form of the records")
	flags.BoolVar(&c.Best, "best", false, "of several answers take the one with the best score")
	flags.BoolVar(&c.Skip, "skip", false, "leave out records that cannot be converted, and count them")
	flags.BoolVar(&c.Force, "force", false, "write over what is there, even an input")
	forms := flags.Bool("forms", false, "list the forms")
	if err := parseOwn(flags, own); err != nil {
		return err
	}
	if *forms {
		for _, f := range record.Forms() {
			fmt.Fprintf(stdout, "%-18s %s\n", f.Name, f.Doc)
		}
		return nil
	}
	if c.Out == "" {
		return errors.New("--out is missing; it names the file to write")
	}
	settings, err := dataSettings(rest)
	if err != nil {
		return err
	}
	if settings.Formatter != "" && settings.Task == "" {
		settings.Task = plainTask
	}
	out, err := host.ConvertData(ctx, settings, dataEnvironment(), c)
	if err != nil {
		return err
	}
	for _, n := range out.Notes {
		note("%s", n)
	}
	if out.Skipped > 0 {
		note("%d records were left out, the first of them: %v", out.Skipped, out.FirstSkipped)
	}
	fmt.Fprintf(stdout, "%s: %d records of %d\n", c.Out, out.Written, out.Read)
	return nil
}

// plainTask is the task whose settings a formatter that is named by itself is run with.
const plainTask = "sft"

// parseOwn parses the flags of a verb that are no settings.
func parseOwn(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return errUsage
	}
	return err
}

// dataEnvironment is that of verbs that look at data: their output is for programs too.
func dataEnvironment() host.Env {
	env := environment(newOutput(func(error) {}))
	env.Lines, env.Terminal = stderr, nil
	env.TaskFor = taskFor
	return env
}

// taskFor is the task that records are most likely meant for, so that they are read and
// tokenised as it would.
func taskFor(v record.View) string {
	switch {
	case strings.Contains(v.Kind, "chosen"):
		return "dpo"
	case strings.HasPrefix(v.Kind, "text") && strings.HasSuffix(v.Kind, "+ labels"):
		return "multi_objective_classification"
	case strings.HasPrefix(v.Kind, "text") && v.Label != "":
		return "classification"
	case v.Label == "true" || v.Label == "false":
		return "kto"
	case len(v.Scores) > 1:
		return "reward"
	}
	return plainTask
}
