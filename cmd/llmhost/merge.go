package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"llmhost/host"
)

// runMerge puts an adapter into its model's weights.
func runMerge(_ context.Context, args []string) error {
	endAtOnce()
	m := host.MergeOptions{Note: note}
	flags := flag.NewFlagSet("llmhost merge", flag.ContinueOnError)
	flags.StringVar(&m.Adapter, "adapter_name_or_path", "", "folder of the adapter, in PEFT's format")
	flags.StringVar(
		&m.Model,
		"model_name_or_path",
		"",
		"folder of the model that it was trained on; by default the one that the adapter names",
	)
	flags.StringVar(
		&m.Tokenizer,
		"tokenizer_name_or_path",
		"",
		"folder of the tokenizer; by default the adapter's or the model's",
	)
	flags.Func(
		"save_dtype",
		"type of the merged weights: auto, float32, bfloat16 or float16; auto is the type that transformers opens the model in",
		m.SetSaveDType,
	)
	flags.StringVar(&m.OutputDir, "output_dir", "", "folder to write, empty or absent")
	flags.Float64Var(
		&m.Tolerance,
		"tolerance",
		1e-4,
		"how far the written model may differ from the one with the adapter, relative to its largest logit",
	)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case m.Adapter == "" || m.OutputDir == "":
		return errors.New("merge wants --adapter_name_or_path and --output_dir, such as: llmhost merge --adapter_name_or_path runs/lora --output_dir runs/merged")
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not a flag; flags are written --name value", flags.Arg(0))
	}
	merged, err := host.Merge(m)
	if err != nil {
		return err
	}
	fmt.Fprintf(
		stdout,
		"%s: %d maps merged; read back, it differs from the model with its adapter by %.1g of the largest number%s\n",
		m.OutputDir,
		merged.Maps,
		merged.Gap,
		merged.Rounded(),
	)
	return nil
}
