package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"llmhost/host"
	"llmhost/host/nearest"
)

// cacheActions are what llmhost cache does.
var cacheActions = []string{"list", "size", "prune", "clear"}

// runCache shows and empties the cache of tokenised data.
func runCache(_ context.Context, args []string) error {
	endAtOnce()
	action := "list"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		action, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("llmhost cache [list|size|prune|clear]", flag.ContinueOnError)
	gigabytes := flags.Float64("token_cache_gb", 20, "prune: gigabytes that are left, of the files used last")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case flags.NArg() > 0:
		return fmt.Errorf("%q is not a flag; flags are written --name value", flags.Arg(0))
	case *gigabytes < 0:
		return fmt.Errorf("token_cache_gb is %g; want at least 0", *gigabytes)
	}
	cache, err := host.DataCache()
	if err != nil {
		return err
	}
	switch action {
	case "list":
		return host.ListCache(stdout, cache)
	case "size":
		return host.SizeOfCache(stdout, cache)
	case "prune":
		return host.PruneCache(stdout, cache, int64(*gigabytes*1e9))
	case "clear":
		return host.PruneCache(stdout, cache, 0)
	}
	return fmt.Errorf("cache %s: there is no such action%s; want list, size, prune or clear", action, nearest.Hint(action, cacheActions))
}
