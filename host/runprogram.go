package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strings"

	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// ProgramRun asks for one run of a loss or pooling on tensors from a file.
type ProgramRun struct {
	Spec     string            // NAME, FILE or FILE#NAME
	Inputs   string            // a safetensors or JSON file with one tensor an input, under its name
	Params   map[string]string // of the component, as text
	Grads    string            // safetensors file for the gradients of the inputs; "-" = into the result, "" = nowhere
	Builtins []sdk.Plugin
	Notice   func(string) // gets what the user should read before the plugin runs
}

// ProgramResult is what a run of a program gave.
type ProgramResult struct {
	Loss    *float64       `json:"loss,omitempty"` // Σ coefficient · sum / count
	Terms   []FractionJSON `json:"terms,omitempty"`
	Metrics []FractionJSON `json:"metrics,omitempty"`
	Shape   []int64        `json:"shape,omitempty"` // of a pooling's result
	Output  []float64      `json:"output,omitempty"`
	// Gradients are those of the inputs that come from the model, as nested lists.
	Gradients map[string]any `json:"gradients,omitempty"`
}

// FractionJSON is a term or metric. Value is sum/count, its exponential for a
// metric such as perplexity, and absent where count is 0.
type FractionJSON struct {
	Name        string   `json:"name"`
	Sum         float64  `json:"sum"`
	Count       float64  `json:"count"`
	Coefficient *float64 `json:"coefficient,omitempty"`
	Value       *float64 `json:"value,omitempty"`
}

// RunProgram traces a component and runs it once, on the CPU in float32.
func RunProgram(ctx context.Context, r ProgramRun) (result ProgramResult, err error) {
	p, err := r.trace(ctx)
	if err != nil {
		return result, err
	}
	file, err := openInputs(p, r.Inputs)
	if errors.Is(err, fs.ErrNotExist) {
		return result, fmt.Errorf("inputs %s: no such file; want a safetensors or JSON file with %s", r.Inputs, strings.Join(p.InputNames(), ", "))
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
		var args exec.Given
		if args, err = bindInputs(p, file); err != nil {
			return
		}
		if err = checkFits(p, args.Sizes); err == nil {
			result, err = r.execute(p, args)
		}
	})
	return result, err
}

func (r ProgramRun) trace(ctx context.Context) (*program.Program, error) {
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: r.Builtins, Cache: plugin.DefaultCache(), Notice: r.Notice})
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
		given[name] = plugin.Given{Value: text, Text: true, Where: "--params " + name}
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

// bindInputs reads every input of the program and settles the named dimensions
// from their shapes.
func bindInputs(p *program.Program, file *safetensors.File) (exec.Given, error) {
	args := exec.Given{Inputs: map[string]tensor.Tensor{}, Sizes: map[string]int64{}}
	for _, input := range p.Inputs {
		found, err := file.Get(input.Name)
		if err != nil {
			return args, fmt.Errorf("%w (the program reads %s)", err, strings.Join(p.InputNames(), ", "))
		}
		if err := bindDims(args.Sizes, input, found.Shape); err != nil {
			return args, fmt.Errorf("%s: tensor %q %w", file.Path(), input.Name, err)
		}
		t, err := toTensor(found, input.Value.DType)
		if err != nil {
			return args, inFile(file.Path(), err)
		}
		if input.FromModel {
			t.RequireGrad()
		}
		args.Inputs[input.Name] = t
	}
	if _, known := args.Sizes["N"]; !known {
		args.Sizes["N"] = sequenceCount(args.Inputs["sequence"])
	}
	return args, nil
}

// inFile names the file in an error about one of its tensors.
func inFile(path string, err error) error {
	var wrong *safetensors.Error
	if errors.As(err, &wrong) {
		wrong.Path = path
	}
	return err
}

// sequenceCount is the number of sequences of a pooling: the last one's number
// and one.
func sequenceCount(sequence tensor.Tensor) int64 {
	if !sequence.Defined() || sequence.Numel() == 0 {
		return 0
	}
	return slices.Max(tensor.Slice[int64](sequence)) + 1
}

func bindDims(sizes map[string]int64, input op.Input, shape []int64) error {
	want := input.Value.Shape
	if len(want) != len(shape) {
		return fmt.Errorf("has shape %s; want %v", shapeText(shape), want)
	}
	for i, d := range want {
		if known, ok := sizes[string(d)]; ok && known != shape[i] {
			return fmt.Errorf("has shape %s; want %v with %s = %d as in the inputs before it", shapeText(shape), want, d, known)
		}
		sizes[string(d)] = shape[i]
	}
	return nil
}

// shapeText writes a shape as programs do: [2, 3].
func shapeText(shape []int64) string { return strings.ReplaceAll(fmt.Sprint(shape), " ", ", ") }

func toTensor(found safetensors.Tensor, want op.DType) (tensor.Tensor, error) {
	if want == op.F32 {
		values, err := found.Float64s()
		if err != nil {
			return tensor.Tensor{}, err
		}
		return tensor.OfShape(tensor.CPU, values, found.Shape).To(tensor.Float32), nil
	}
	values, err := found.Int64s()
	if err != nil {
		return tensor.Tensor{}, err
	}
	t := tensor.OfShape(tensor.CPU, values, found.Shape)
	if want == op.Bool {
		return t.To(tensor.Bool), nil
	}
	return t, nil
}

func (r ProgramRun) execute(p *program.Program, args exec.Given) (result ProgramResult, err error) {
	where := exec.Target{Device: tensor.CPU, Real: tensor.Float32}
	var root tensor.Tensor
	if p.Kind == op.PoolingProgram {
		root = exec.Compile(p, where).Pool(args)
		result.Shape, result.Output = root.Shape(), root.Floats()
		root = root.Sum()
	} else {
		root = lossOf(p, exec.Compile(p, where).Loss(args, nil), &result)
	}
	if r.Grads == "" {
		return result, nil
	}
	root.Backward()
	gradients := gradientsOf(p, args)
	if r.Grads == "-" {
		result.Gradients = map[string]any{}
		for name, g := range gradients {
			result.Gradients[name] = nested(g.Floats(), g.Shape())
		}
		return result, nil
	}
	var sources []safetensors.Source
	for _, name := range slices.Sorted(maps.Keys(gradients)) {
		sources = append(sources, model.SourceOf(name, gradients[name]))
	}
	return result, safetensors.Write(r.Grads, sources, nil)
}

// gradientsOf reads the gradients of the inputs that come from the model.
func gradientsOf(p *program.Program, args exec.Given) map[string]tensor.Tensor {
	gradients := map[string]tensor.Tensor{}
	for _, input := range p.Inputs {
		if !input.FromModel {
			continue
		}
		g := args.Inputs[input.Name].Grad()
		if !g.Defined() {
			g = args.Inputs[input.Name].ZerosLike()
		}
		gradients[input.Name] = g
	}
	return gradients
}

// lossOf adds up the terms and lists them with the metrics.
func lossOf(p *program.Program, out exec.Outputs, result *ProgramResult) tensor.Tensor {
	var loss tensor.Tensor
	for i, term := range p.Terms {
		sum, count := out.Terms[i].Read()
		part := out.Terms[i].Sum.MulScalar(term.Coefficient / max(count, 1))
		if count > 0 {
			part = out.Terms[i].Sum.MulScalar(term.Coefficient / count)
		}
		if i == 0 {
			loss = part
		} else {
			loss = loss.Add(part)
		}
		result.Terms = append(result.Terms, fractionJSON(term.Name, sum, count, false))
		result.Terms[i].Coefficient = &term.Coefficient
	}
	for i, m := range p.Metrics {
		sum, count := out.Metrics[i].Read()
		result.Metrics = append(result.Metrics, fractionJSON(m.Name, sum, count, m.Exp))
	}
	total := loss.Item()
	result.Loss = &total
	return loss
}

func fractionJSON(name string, sum, count float64, exp bool) FractionJSON {
	f := FractionJSON{Name: name, Sum: sum, Count: count}
	if count != 0 {
		value := sum / count
		if exp {
			value = math.Exp(value)
		}
		f.Value = &value
	}
	return f
}
