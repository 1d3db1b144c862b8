package main

import (
	"context"
	"fmt"

	"llmhost/host/plugin"
)

// listFormats lists the builtin formatters with the fields that each reads.
func listFormats(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("data formats takes no argument, found %q", args[0])
	}
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	fmt.Fprint(stdout, plugin.ListFormats(ctx, c.Builtin()))
	return nil
}
