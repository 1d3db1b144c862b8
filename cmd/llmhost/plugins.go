package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/plugin"
)

const pluginsUsage = `llmhost plugins list [FILE …]
    the builtin plugins, and those of the files
llmhost plugins explain NAME|FILE[#NAME]
    parameters, inputs and the traced program of a plugin
llmhost plugins run NAME|FILE[#NAME] --inputs x.safetensors [--params key=value …] [--grads out.safetensors]
    terms, loss and metrics on given tensors, as JSON; gradients of the inputs to a file`

func runPlugins(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
		fmt.Println(pluginsUsage)
		return nil
	}
	switch args[0] {
	case "list":
		return listPlugins(ctx, args[1:])
	case "explain":
		return explainPlugin(ctx, args[1:])
	case "run":
		return runProgram(ctx, args[1:])
	}
	return fmt.Errorf("there is no %q; want list, explain or run", args[0])
}

func catalog(ctx context.Context) (*plugin.Catalog, error) {
	return plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All(), Cache: plugin.DefaultCache()})
}

func listPlugins(ctx context.Context, files []string) error {
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	plugins := c.Builtin()
	for _, file := range files {
		p, err := c.Open(ctx, file)
		if err != nil {
			return err
		}
		plugins = append(plugins, p)
	}
	fmt.Print(plugin.List(plugins))
	return nil
}

func explainPlugin(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("plugins explain wants one plugin: a builtin name, FILE or FILE#NAME")
	}
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	text, err := c.Explain(ctx, args[0])
	if err != nil {
		return err
	}
	fmt.Print(text)
	return nil
}

// pairs collects key=value arguments.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found {
		return errors.New("want key=value")
	}
	p[key] = value
	return nil
}

func runProgram(ctx context.Context, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return errors.New("plugins run wants a plugin first: a builtin name, FILE or FILE#NAME")
	}
	r := host.ProgramRun{Spec: args[0], Params: pairs{}, Builtins: builtin.All()}
	flags := flag.NewFlagSet("llmhost plugins run", flag.ContinueOnError)
	flags.StringVar(&r.Inputs, "inputs", "", "safetensors file with a tensor for each input of the program")
	flags.Var(pairs(r.Params), "params", "key=value, may be repeated")
	flags.StringVar(&r.Grads, "grads", "", "safetensors file for the gradients of the inputs")
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case r.Inputs == "":
		return errors.New("--inputs is missing; plugins explain lists the tensors that the file must hold")
	}
	for _, rest := range flags.Args() { // --params a=1 b=2
		if err := pairs(r.Params).Set(rest); err != nil {
			return fmt.Errorf("%q: %w", rest, err)
		}
	}
	result, err := host.RunProgram(ctx, r)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(result)
}
