package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/formatter"
	"llmhost/host/plugin/check/loss"
	"llmhost/host/plugin/check/pooling"
)

// suite is every check that plugins are tried with.
var suite = check.Suite{
	Loss:      loss.All,
	Pooling:   pooling.All,
	Formatter: formatter.All,
}

// checkPlugins checks each plugin and prints a report. Something wrong with
// one is an error, so that the exit code is 1.
func checkPlugins(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("llmhost plugins check", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print each report as JSON")
	list := flags.Bool("list", false, "print the checks and what each demands")
	var options check.Options
	flags.StringVar(&options.Records, "records", "", "JSON or JSONL file with records for formatters")
	flags.Func("allow", "comma-separated names of checks whose findings are intended", func(text string) error {
		options.Allow = append(options.Allow, strings.Split(text, ",")...)
		return nil
	})
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
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var wrong []string
	for _, file := range files {
		report := suite.Plugin(ctx, c, file, options)
		if *asJSON {
			stdout.Write(report.JSON())
		} else {
			fmt.Fprint(stdout, report.Text())
		}
		if !report.OK() {
			wrong = append(wrong, file)
		}
	}
	if wrong != nil {
		return fmt.Errorf("check: something is wrong with %s", strings.Join(wrong, ", "))
	}
	return nil
}
