package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"llmhost/host"
)

const sampleUsage = `sample FILE … --out FILE --n 100|--share 0.1 [--seed 42] [--stratify FIELD] [--force]
    write a random part of the records, in their order; the same seed takes the same ones`

const splitUsage = `split FILE … --part train.jsonl=0.95 --part eval.jsonl [--seed 42] [--group FIELD] [--deduplicate] [--force]
    divide records into files, each with its share (0.95), its count (1000), or the rest. Records
    with the same prompt, or the same text, stay together, so that the parts have nothing in common`

// sampleData writes a part of the records.
func sampleData(ctx context.Context, args []string) error {
	own, rest, err := splitFlags(args, "out=", "n=", "share=", "stratify=", "force")
	if err != nil {
		return err
	}
	var o host.Sampling
	flags := flag.NewFlagSet("llmhost data sample", flag.ContinueOnError)
	flags.StringVar(&o.Out, "out", "", "file to write")
	flags.IntVar(&o.Count, "n", 0, "how many records")
	flags.Float64Var(&o.Share, "share", 0, "or which share of them, 0 to 1")
	flags.StringVar(&o.Stratum, "stratify", "", "field each of whose values gets its share")
	flags.BoolVar(&o.Force, "force", false, "write over what is there, even an input")
	if err := parseOwn(flags, own); err != nil {
		return err
	}
	switch {
	case o.Out == "":
		return errors.New("--out is missing; it names the file to write")
	case (o.Count > 0) == (o.Share > 0) || o.Count < 0 || o.Share < 0 || o.Share > 1:
		return errors.New("want one of --n, a number of records, and --share, more than 0 and at most 1")
	}
	settings, err := dataSettings(rest)
	if err != nil {
		return err
	}
	out, err := host.SampleData(ctx, settings, dataEnvironment(), o)
	if err != nil {
		return err
	}
	for _, n := range out.Notes {
		note("%s", n)
	}
	fmt.Fprintf(stdout, "%s: %d records of %d\n", o.Out, out.Written, out.Read)
	return nil
}

// splitData divides the records.
func splitData(ctx context.Context, args []string) error {
	own, rest, err := splitFlags(args, "part=", "group=", "deduplicate", "force")
	if err != nil {
		return err
	}
	var o host.Splitting
	flags := flag.NewFlagSet("llmhost data split", flag.ContinueOnError)
	flags.Func("part", "FILE=0.95 for a share, FILE=1000 for a count, FILE for the rest; give one for each part", func(text string) error {
		p, err := partOf(text)
		o.Parts = append(o.Parts, p)
		return err
	})
	flags.StringVar(&o.Group, "group", "", "field whose equal values stay together (default the prompt, or the text)")
	flags.BoolVar(&o.Deduplicate, "deduplicate", false, "leave out records whose texts came before")
	flags.BoolVar(&o.Force, "force", false, "write over what is there, even an input")
	if err := parseOwn(flags, own); err != nil {
		return err
	}
	if len(o.Parts) == 0 || len(o.Parts) == 1 && !o.Deduplicate {
		return errors.New("split wants --part for each file to write, such as --part train.jsonl=0.9 --part eval.jsonl")
	}
	settings, err := dataSettings(rest)
	if err != nil {
		return err
	}
	out, err := host.SplitData(ctx, settings, dataEnvironment(), o)
	if err != nil {
		return err
	}
	for _, n := range out.Notes {
		note("%s", n)
	}
	for i, p := range o.Parts {
		fmt.Fprintf(stdout, "%s: %d records of %d\n", p.Out, out.Written[i], out.Read)
	}
	if out.Repeated > 0 {
		fmt.Fprintf(stdout, "%d records were left out, whose texts came before\n", out.Repeated)
	}
	return nil
}

// partOf reads FILE=0.95, FILE=1000 or FILE.
func partOf(text string) (p host.SplitPart, err error) {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return host.SplitPart{Out: text}, nil
	}
	p.Out = text[:i]
	number := text[i+1:]
	if n, err := strconv.Atoi(number); err == nil && n > 0 {
		p.Count = n
		return p, nil
	}
	p.Share, err = strconv.ParseFloat(number, 64)
	if err != nil || !(p.Share > 0 && p.Share < 1) || p.Out == "" {
		return p, fmt.Errorf("%q; want FILE=0.95 with a share between 0 and 1, FILE=1000 with a count, or FILE for the rest", text)
	}
	return p, nil
}
