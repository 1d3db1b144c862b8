package main

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"llmhost/examples"
	"llmhost/host/plugin"
	"llmhost/host/plugin/project"
	"llmhost/sdk"
)

// sources is what projects are built against.
var sources = project.Sources{SDK: sdk.Source, Helpers: examples.Helpers}

// newPlugin writes a project: plugins new NAME --kind loss --lang go.
func newPlugin(args []string) error {
	s := project.Spec{Sources: sources, Cache: plugin.DefaultCache()}
	flags := flag.NewFlagSet("llmhost plugins new NAME", flag.ContinueOnError)
	flags.StringVar(&s.Kind, "kind", "loss", "what to write: "+strings.Join(project.Kinds, ", "))
	flags.StringVar(&s.Language, "lang", "go", "the language: "+strings.Join(project.Languages, ", "))
	flags.StringVar(&s.Folder, "dir", "", "folder to write, absent or empty; ./NAME by default")
	rest, err := parseMixed(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return errors.New("plugins new wants one NAME, such as: llmhost plugins new margin --kind loss --lang go")
	}
	s.Name = rest[0]
	if s.Folder == "" {
		s.Folder = s.Name
	}
	if err := project.New(s); err != nil {
		return fmt.Errorf("new: %w", err)
	}
	fmt.Fprintf(
		stdout,
		"%s: a %s in %s; %s says what to do with it\n",
		s.Folder,
		s.Kind,
		s.Language,
		filepath.Join(s.Folder, "README.md"),
	)
	return nil
}

// parseMixed parses flags that may come before and after other arguments, which it
// returns.
func parseMixed(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, errUsage
		}
		if args = flags.Args(); len(args) > 0 {
			rest = append(rest, args[0])
			args = args[1:]
		}
	}
	return rest, nil
}
