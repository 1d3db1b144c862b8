package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"llmhost/host"
)

func runInit(_ context.Context, args []string) error {
	endAtOnce()
	n := host.NewModel{Note: note}
	flags := flag.NewFlagSet("llmhost init", flag.ContinueOnError)
	flags.StringVar(&n.OutputDir, "output_dir", "", "folder to write, empty or absent")
	flags.Int64Var(&n.HiddenSize, "hidden_size", 128, "width")
	flags.Int64Var(
		&n.IntermediateSize,
		"intermediate_size",
		0,
		"width of the feed-forward layers; 0 = 8/3 of hidden_size",
	)
	flags.Int64Var(&n.NumHiddenLayers, "num_hidden_layers", 4, "blocks")
	flags.Int64Var(&n.NumAttentionHeads, "num_attention_heads", 4, "query heads")
	flags.Int64Var(&n.NumKeyValueHeads, "num_key_value_heads", 0, "key/value heads; 0 = num_attention_heads")
	flags.Int64Var(&n.MaxPositionEmbeddings, "max_position_embeddings", 512, "longest sequence in tokens")
	flags.BoolVar(&n.TieWordEmbeddings, "tie_word_embeddings", true, "one matrix for input and output embedding")
	flags.Float64Var(&n.InitializerRange, "initializer_range", 0.02, "standard deviation of the weights")
	flags.Int64Var(&n.Seed, "seed", 42, "seed of the weights")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case n.OutputDir == "":
		return errors.New("--output_dir is missing; name the folder of the new model")
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not a flag; flags are written --name value", flags.Arg(0))
	}
	weights, err := host.Init(n)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: a Llama of %d weights with a byte-level tokenizer (seed %d)\n", n.OutputDir, weights, n.Seed)
	return nil
}
