package main

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// errUsage says that the flags were wrong and that the flag package has said so.
var errUsage = errors.New("usage")

// settings is what the user chooses.
type settings struct {
	Tasks    []string
	Model    string // a name in shapes, or a folder
	Steps    int    // measured, after one to warm up
	JSON     string // where all numbers go, "" = nowhere
	Peer     string // a Python with torch and transformers, "" = none
	Threads  int
	Device   string        // of all sides, as in llmhost train
	Patience time.Duration // the longest wait for a quiet machine before a step
}

// settingsFrom reads the flags in args and the environment through getenv.
func settingsFrom(args []string, getenv func(string) string) (s settings, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	tasks := flags.String("tasks", strings.Join(taskNames, ","), "tasks to train, comma-separated")
	flags.StringVar(
		&s.Model,
		"model",
		"tiny",
		"tiny (19M weights), small (58M), or the folder of a Hugging Face model",
	)
	flags.IntVar(&s.Steps, "steps", 7, "steps to measure, after one to warm up")
	flags.StringVar(&s.JSON, "json", "", "file for every number in JSON")
	flags.StringVar(
		&s.Peer,
		"peer",
		getenv("LLMHOST_PEER_PYTHON"),
		"Python with torch and transformers (environment: LLMHOST_PEER_PYTHON)",
	)
	flags.IntVar(&s.Threads, "threads", runtime.NumCPU(), "threads of one operation, on all sides")
	flags.StringVar(&s.Device, "device", "cpu", "cpu or cuda:N, of all sides")
	flags.DurationVar(
		&s.Patience,
		"patience",
		4*time.Second,
		"longest wait for other processes to pause before each step",
	)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return s, err
	case err != nil:
		return s, errUsage
	case flags.NArg() > 0:
		return s, fmt.Errorf("%q is not a flag; flags are written -name value", flags.Arg(0))
	case s.Steps < 1:
		return s, fmt.Errorf("-steps is %d; want at least 1", s.Steps)
	case s.Threads < 1:
		return s, fmt.Errorf("-threads is %d; want at least 1", s.Threads)
	}
	s.Tasks = strings.Split(*tasks, ",")
	for _, task := range s.Tasks {
		if !slices.Contains(taskNames, task) {
			return s, fmt.Errorf("-tasks names %q; want some of %s", task, strings.Join(taskNames, ", "))
		}
	}
	return s, nil
}
