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
	name := flags.String("dataset", "", "the data sets to take, divided by commas: their names in a dataset_info.json, the numbers of their entries in a YAML file, which is read whole without")
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
