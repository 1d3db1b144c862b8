package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/host/plugin/tryout"
)

const pluginsUsage = `llmhost plugins list [FILE …]
    list the builtin plugins and those of the files
llmhost plugins explain NAME|FILE[#NAME] [--sizes B=8,K=4,T=128]
    the parameters of a plugin, what it reads, its traced program and its cost
llmhost plugins run NAME|FILE[#NAME] --inputs x.json|x.safetensors [--params key=value …] [--grads -|out.safetensors]
    terms, loss and metrics on given tensors, as JSON, and the gradients of the inputs; - puts them into the same JSON
llmhost plugins new NAME [--kind loss|formatter|pooling|task] [--lang go|rust|c|assemblyscript|python] [--dir FOLDER]
    write a project with its source, its test and a README
llmhost plugins build DIR [--as wasm|process] [-o FILE]
    build the plugin of a project, with the tools of its language
llmhost plugins check NAME|FILE[#NAME] … [--json] [--records data.jsonl] [--allow CHECK,…]
    try a plugin in every way that matters and say what is wrong; the exit code is 1 if anything is
llmhost plugins check --list
    list the checks and what each demands`

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
	case "new":
		return newPlugin(args[1:])
	case "build":
		return buildPlugin(ctx, args[1:])
	case "check":
		return checkPlugins(ctx, args[1:])
	}
	return fmt.Errorf("there is no %q; want list, explain, run, new, build or check", args[0])
}

func catalog(ctx context.Context) (*plugin.Catalog, error) {
	return plugin.NewCatalog(ctx, plugin.Options{
		Builtin: builtin.All(),
		Cache:   plugin.DefaultCache(),
		Notice:  notice,
	})
}

// notice prints what the user should read before a plugin runs.
func notice(line string) { note("%s", line) }

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
	fmt.Fprint(stdout, plugin.List(ctx, plugins))
	return nil
}

func explainPlugin(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("llmhost plugins explain", flag.ContinueOnError)
	at := flags.String("sizes", "", "sizes of dimensions to compute the cost for, such as B=8,K=4,T=128")
	rest, err := parseMixed(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return errors.New("plugins explain wants one plugin: a builtin name, FILE or FILE#NAME")
	}
	var sizes map[string]int64
	if *at != "" {
		if sizes, err = plugin.ParseSizes(*at); err != nil {
			return fmt.Errorf("--sizes: %w", err)
		}
	}
	c, err := catalog(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	text, err := c.Explain(ctx, rest[0], sizes)
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, text)
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
	r := tryout.Request{
		Spec:     args[0],
		Params:   pairs{},
		Builtins: builtin.All(),
		Notice:   notice,
	}
	flags := flag.NewFlagSet("llmhost plugins run", flag.ContinueOnError)
	flags.StringVar(
		&r.Inputs,
		"inputs",
		"",
		"safetensors file with a tensor for each input of the program, or JSON file with nested lists",
	)
	flags.Var(pairs(r.Params), "params", "key=value, may be repeated")
	flags.StringVar(&r.Grads, "grads", "", "safetensors file for the gradients of the inputs, or - for the output")
	more, err := parseMixed(flags, args[1:])
	switch {
	case err != nil:
		return err
	case r.Inputs == "":
		return errors.New("--inputs is missing; plugins explain lists the tensors that the file must hold")
	}
	for _, pair := range more { // --params a=1 b=2
		if err := pairs(r.Params).Set(pair); err != nil {
			return fmt.Errorf("unexpected argument %q; %w after --params, or nothing", pair, err)
		}
	}
	result, err := tryout.Run(ctx, r)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", numberList.ReplaceAllFunc(text, func(list []byte) []byte {
		return append(append([]byte("["), bytes.Join(bytes.Fields(list[1:len(list)-1]), []byte(" "))...), ']')
	}))
	return nil
}

// numberList is a list of numbers in indented JSON, which reads better on one line.
var numberList = regexp.MustCompile(`\[(?:[^\[\]{}"]|"NaN"|"-?Infinity")+\]`)
