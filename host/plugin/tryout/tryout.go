// Package tryout runs the program of one loss or pooling once, on tensors from a
// file: what llmhost plugins run does, and how a loss is compared with another
// implementation. No model, data or task is involved. Start at Run.
package tryout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"llmhost/host/config"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/sdk"
	"llmhost/sdk/program"
)

// Request asks for one run of a loss or pooling on tensors from a file.
type Request struct {
	Spec     string            // NAME, FILE or FILE#NAME
	Inputs   string            // a safetensors or JSON file with one tensor an input, under its name
	Params   map[string]string // of the component, as text
	Grads    string            // safetensors file for the gradients of the inputs; "-" puts them into the result, "" omits them
	Builtins []sdk.Plugin
	Notice   func(string) // gets notices to show before the plugin runs
}

// Result is the result of running a program.
type Result struct {
	Loss    *float64   `json:"loss,omitempty"` // Σ coefficient · sum / count
	Terms   []Fraction `json:"terms,omitempty"`
	Metrics []Fraction `json:"metrics,omitempty"`
	Shape   []int64    `json:"shape,omitempty"` // of a pooling's result
	Output  []float64  `json:"output,omitempty"`
	// Gradients are those of the inputs that come from the model, as nested lists.
	Gradients map[string]any `json:"gradients,omitempty"`
}

// Fraction is a term or metric. Value is sum/count, its exponential for a
// metric such as perplexity, and absent if count is 0.
type Fraction struct {
	Name        string   `json:"name"`
	Sum         float64  `json:"sum"`
	Count       float64  `json:"count"`
	Coefficient *float64 `json:"coefficient,omitempty"`
	Value       *float64 `json:"value,omitempty"`
}

// Run traces a component and runs it once, on the CPU in float32.
func Run(ctx context.Context, r Request) (result Result, err error) {
	p, err := r.trace(ctx)
	if err != nil {
		return result, err
	}
	file, err := openInputs(p, r.Inputs)
	if errors.Is(err, fs.ErrNotExist) {
		return result, fmt.Errorf(
			"inputs %s: no such file; want a safetensors or JSON file with %s",
			r.Inputs,
			strings.Join(p.InputNames(), ", "),
		)
	}
	if err != nil {
		return result, err
	}
	defer file.Close()
	if err := tensor.Load(); err != nil {
		return result, err
	}
	defer tensor.Catch(&err)
	tensor.Scoped(func() {
		var in bound
		if in, err = bind(p, file); err != nil {
			return
		}
		if err = p.Fits(in.sizes, mostBytes(), nil); err == nil {
			result, err = r.execute(p, in)
		}
	})
	return result, err
}

func (r Request) trace(ctx context.Context) (*program.Program, error) {
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{
		Builtin: r.Builtins,
		Cache:   plugin.DefaultCache(),
		Notice:  r.Notice,
	})
	if err != nil {
		return nil, err
	}
	defer catalog.Close(ctx)
	component, err := catalog.Program(ctx, r.Spec)
	if err != nil {
		return nil, err
	}
	given := map[string]plugin.Given{}
	for name, text := range r.Params {
		given[name] = plugin.Given{
			Value: text,
			Text:  true,
			Where: "--params " + name,
		}
	}
	values, err := component.Settle(given)
	if err != nil {
		return nil, err
	}
	trace, err := component.Trace(ctx, values)
	if err != nil {
		return nil, err
	}
	return trace.Program, nil
}

// mostBytes bounds the memory of a program: the default of plugin_program_mb.
func mostBytes() int64 { return int64(config.Default().PluginProgramMB) << 20 }
