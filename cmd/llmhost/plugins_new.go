package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
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
	return showSteps(s)
}

// showSteps prints what to do with a new project: its README's commands, which
// can be pasted as they stand.
func showSteps(s project.Spec) error {
	steps, err := s.Steps()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: a %s in %s; these commands test, build, check and run it:\n\n", s.Folder, s.Kind, s.Language)
	if own, unknown := notOnPath(); unknown {
		fmt.Fprintf(stdout, "  export PATH=%s:$PATH\n", shellWord(own))
	}
	fmt.Fprintf(stdout, "  cd %s\n", shellWord(s.Folder))
	for _, step := range steps {
		fmt.Fprintf(stdout, "  %s\n", step)
	}
	fmt.Fprintf(stdout, "\n%s says which file to change, and more.\n", filepath.Join(s.Folder, "README.md"))
	return nil
}

// notOnPath is this program's folder, if its bare name does not find it.
func notOnPath() (folder string, unknown bool) {
	own, err := os.Executable()
	if err != nil {
		return "", false
	}
	found, err := exec.LookPath(filepath.Base(own))
	if err == nil && sameFile(found, own) {
		return "", false
	}
	return filepath.Dir(own), true
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// shellWord is a path as a shell reads it.
func shellWord(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
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
