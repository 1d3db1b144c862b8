package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"llmhost/host/plugin"
	"llmhost/host/plugin/project"
)

// buildPlugin builds a project and opens the result: plugins build DIR.
func buildPlugin(ctx context.Context, args []string) error {
	b := project.Building{Sources: sources, Cache: plugin.DefaultCache()}
	flags := flag.NewFlagSet("llmhost plugins build DIR", flag.ContinueOnError)
	flags.StringVar(&b.As, "as", "", "wasm or process; by default what suits the language")
	flags.StringVar(&b.Out, "o", "", "file to write; one in DIR by default")
	rest, err := parseMixed(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return errors.New("plugins build wants one folder, such as: llmhost plugins build .")
	}
	b.Folder = rest[0]
	built, err := project.Build(ctx, b)
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	p, err := c.Open(ctx, shortPath(built.File))
	if err != nil {
		return err
	}
	var parts []string
	for _, component := range p.Components {
		parts = append(parts, string(component.Kind)+" "+component.Name)
	}
	fmt.Fprintf(
		stdout,
		"%s: %s %s, %s, %d bytes, sha256 %s\n",
		p.Path,
		p.Name,
		p.Version,
		strings.Join(parts, ", "),
		p.Size,
		p.Digest,
	)
	return nil
}

// shortPath is a path from the working folder where it lies below that.
func shortPath(file string) string {
	here, err := os.Getwd()
	if err != nil {
		return file
	}
	if short, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return file
}
