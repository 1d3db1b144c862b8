package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/data/inspect"
)

const checkUsage = `check [FILE …] [--config run.toml] [--NAME VALUE …] [--json] [--fail-on warning|error|note|never]
    look for what is wrong with data files: what cannot be read, duplicates, empty and over-long
    records, damaged text, wrong turns, training data in the evaluation data. The settings are
    those of train: with task the records are read by its formatter, with a model or tokenizer
    their tokens are looked at too. The exit code is 1 if something is found that is as bad as
    --fail-on, which is warning by default
llmhost data check --list
    list the checks and what each finds`

// checkFlags are the flags of data check that are no settings.
type checkFlags struct {
	asJSON, list bool
	failOn       string
	shown        int
	options      host.DataCheckOptions
}

// checkData prints what is wrong with data. Findings of the severity of --fail-on or
// above are an error, so that the exit code is 1.
func checkData(ctx context.Context, args []string) error {
	own, rest, err := splitFlags(args, "json", "list", "fail-on=", "shown=", "near=", "allow=", "skip=", "findings=")
	if err != nil {
		return err
	}
	f, err := parseCheck(own)
	if err != nil {
		return err
	}
	if f.list {
		fmt.Fprint(stdout, inspect.List())
		return nil
	}
	settings, err := dataSettings(rest)
	if err != nil {
		return err
	}
	report, err := host.CheckData(ctx, settings, dataEnvironment(), f.options)
	if err != nil {
		return err
	}
	if f.asJSON {
		stdout.Write(report.JSON())
	} else {
		fmt.Fprint(stdout, report.Text(f.shown))
	}
	if f.failOn != "never" && report.Fails(inspect.Severity(f.failOn)) {
		return errFound
	}
	return nil
}

// errFound asks for exit code 1: the report has said why.
var errFound = errors.New("something is wrong with the data, as said above; --fail-on sets from which severity on the exit code says so")

func parseCheck(args []string) (f checkFlags, err error) {
	flags := flag.NewFlagSet("llmhost data check", flag.ContinueOnError)
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	flags.BoolVar(&f.list, "list", false, "print the checks and what each finds")
	flags.StringVar(&f.failOn, "fail-on", "warning", "lowest severity that makes the exit code 1: note, warning, error or never")
	flags.IntVar(&f.shown, "shown", 3, "findings of each check that the text shows")
	flags.IntVar(&f.options.Kept, "findings", 1000, "findings of each check that the JSON has; all are counted")
	flags.Float64Var(&f.options.Near, "near", 0.8, "share of common word pairs, 0 to 1, from which two records are near duplicates; 0 does not look for them")
	names := func(into *[]string) func(string) error {
		return func(text string) error {
			*into = append(*into, strings.Split(text, ",")...)
			return nil
		}
	}
	flags.Func("allow", "comma-separated names of checks whose findings do not count", names(&f.options.Allow))
	flags.Func("skip", "comma-separated names of checks that are left out", names(&f.options.Skip))
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return f, err
		}
		return f, errUsage
	}
	switch {
	case !slices.Contains([]string{"note", "warning", "error", "never"}, f.failOn):
		return f, fmt.Errorf("--fail-on is %q; want note, warning, error or never", f.failOn)
	case f.options.Near < 0 || f.options.Near > 1:
		return f, fmt.Errorf("--near is %g; want 0 to 1", f.options.Near)
	}
	f.options.Kept = max(f.options.Kept, f.shown)
	return f, nil
}

// splitFlags takes a verb's own flags out of args; the others are settings. The names
// of those that take a value end in =. A flag may be written with _ for -.
func splitFlags(args []string, names ...string) (own, rest []string, err error) {
	for i := 0; i < len(args); i++ {
		name, value, hasValue := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		name = strings.ReplaceAll(name, "_", "-")
		takes := slices.Contains(names, name+"=")
		switch {
		case !strings.HasPrefix(args[i], "-") || !takes && !slices.Contains(append(names, "help", "h"), name):
			rest = append(rest, args[i])
			continue
		case hasValue:
			own = append(own, "--"+name+"="+value)
			continue
		case !takes:
			own = append(own, "--"+name)
			continue
		case i+1 == len(args):
			return nil, nil, fmt.Errorf("--%s wants a value", name)
		}
		i++
		own = append(own, "--"+name+"="+args[i])
	}
	return own, rest, nil
}

// dataSettings are the settings of a verb that looks at data: words before the first
// flag are its files.
func dataSettings(args []string) (config.Settings, error) {
	var files []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		files = append(files, args[0])
		args = args[1:]
	}
	if files != nil {
		args = append(append([]string{"--data_paths"}, files...), args...)
	}
	settings, notices, err := config.Load("", args)
	for _, notice := range notices {
		note("%s", notice)
	}
	return settings, err
}
