package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"llmhost/host/data/foreign"
)

// importData writes what another program's file says about its data as TOML.
func importData(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("llmhost data import", flag.ContinueOnError)
	name := flags.String("dataset", "", "the data set to take: its name in a dataset_info.json, the number of its entry in a YAML file")
	rest, err := parseMixed(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return errors.New("data import wants one file: a dataset_info.json of LLaMA-Factory or a YAML file of axolotl")
	}
	toml, err := foreign.Import(rest[0], *name)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, toml)
	return nil
}
