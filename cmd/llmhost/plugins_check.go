package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"llmhost/host/config"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/formatter"
	"llmhost/host/plugin/check/loss"
	"llmhost/host/plugin/check/pooling"
	"llmhost/host/plugin/check/task"
)

// suite is every check that plugins are tried with.
var suite = check.Suite{
	Task: task.All(func(owner string, defaults map[string]any) error {
		_, _, err := config.Default().WithDefaults(owner, defaults)
		return err
	}),
	Loss:      loss.All,
	Pooling:   pooling.All,
	Formatter: formatter.All,
}

// errUnseen asks for exit code 3: nothing was found, but not everything was looked
// at.
type errUnseen struct{ text string }

func (e *errUnseen) Error() string { return e.text }

// checkPlugins checks each plugin and prints a report. Something wrong with
// one is an error, so that the exit code is 1; a skipped check is an *errUnseen.
func checkPlugins(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("llmhost plugins check", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print each report as JSON")
	list := flags.Bool("list", false, "print the checks and what each demands")
	var options check.Options
	flags.StringVar(&options.Records, "records", "", "JSON or JSONL file with records for formatters")
	names := func(into *[]string) func(string) error {
		return func(text string) error {
			*into = append(*into, strings.Split(text, ",")...)
			return nil
		}
	}
	flags.Func("allow", "comma-separated names of checks whose findings are intended", names(&options.Allow))
	flags.Func("allow_skipped", "comma-separated names of checks that may be skipped", names(&options.AllowSkipped))
	flags.DurationVar(&options.Time, "time", 0, "how long each plugin may take, such as 2m (default: about half a minute, more on a slow machine)")
	files, err := parseMixed(flags, args)
	switch {
	case err != nil:
		return err
	case *list:
		fmt.Print(suite.List())
		return nil
	case len(files) == 0:
		return errors.New("plugins check wants plugins: builtin names, FILE or FILE#NAME")
	}
	if err := suite.Known(options.Allow...); err != nil {
		return fmt.Errorf("--allow: %w", err)
	}
	if err := suite.Known(options.AllowSkipped...); err != nil {
		return fmt.Errorf("--allow_skipped: %w", err)
	}
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var wrong, unseen []string
	for _, file := range files {
		report := suite.Plugin(ctx, c, file, options)
		if *asJSON {
			stdout.Write(report.JSON())
		} else {
			fmt.Fprint(stdout, report.Text())
		}
		switch {
		case report.Wrong():
			wrong = append(wrong, file)
		case !report.OK():
			unseen = append(unseen, file)
		}
	}
	switch {
	case wrong != nil:
		return fmt.Errorf("check: something is wrong with %s", strings.Join(wrong, ", "))
	case unseen != nil:
		return &errUnseen{fmt.Sprintf("check: checks were skipped for %s; --allow_skipped names those that may be", strings.Join(unseen, ", "))}
	}
	return nil
}
