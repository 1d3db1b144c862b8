// Command setup makes the tree ready for plain go commands: it finds libtorch
// (or downloads it), fits a copy of gotch to it in the user's cache folder,
// compiles all C++ there into libllmhost_torch.so, and writes the ignored files
// that point the build there, go.work and host/tensor/internal/shim/zz_*. What
// go build makes then holds no C++ and is linked to no libtorch: the library is
// loaded when the first function of it is called. Run it in the module's folder;
// it is idempotent, and a run that finds everything in place takes well under a
// second.
//
// Start at prepare in setup.go. It imports only the standard library, because it
// has to run before anything else can be built.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := settingsFrom(os.Args[1:], os.Getenv)
	if err == nil {
		err = prepare(ctx, s, newReport(os.Stdout))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "setup:", explain(ctx, err))
		os.Exit(1)
	}
}

// explain adds a fix to errors that can happen at any step.
func explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped; make setup continues from the last finished step")
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w; free some space, or set XDG_CACHE_HOME to a folder on another disk", err)
	}
	return err
}

// settings is what the user chooses and where things are.
type settings struct {
	Root     string // the module's folder, absolute
	Cache    string // llmhost's folder in the user's cache folder
	Libtorch string // a libtorch folder that the user names, or ""
	Version  string // the libtorch version that the user asks for, or ""
	Library  string // a folder to put the library into beside a binary, or ""
}

// settingsFrom reads the flags in args and the environment through getenv.
func settingsFrom(args []string, getenv func(string) string) (settings, error) {
	flags := flag.NewFlagSet("setup", flag.ExitOnError)
	version := flags.String("torch", getenv("LLMHOST_TORCH_VERSION"),
		"libtorch version to use, as 2.13.0 (environment: LLMHOST_TORCH_VERSION; default "+defaultVersion+")")
	library := flags.String("library", "", "also put "+libraryName+" into this folder, where a binary is built that may be carried away with it")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	root, err := os.Getwd()
	if err != nil {
		return settings{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return settings{}, fmt.Errorf("no cache folder: %w; set HOME or XDG_CACHE_HOME", err)
	}
	if *version != "" && !versionPattern.MatchString(*version) {
		return settings{}, fmt.Errorf("libtorch version %q is not like 2.13.0; check -torch and LLMHOST_TORCH_VERSION", *version)
	}
	return settings{
		Root:     root,
		Cache:    cache + "/llmhost",
		Libtorch: getenv("LIBTORCH"),
		Version:  *version,
		Library:  *library,
	}, nil
}
