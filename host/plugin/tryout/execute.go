package tryout

import (
	"maps"
	"math"
	"slices"

	"llmhost/host/exec"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// execute runs the program; nothing else in this package depends on exec.
func (r Request) execute(p *program.Program, in bound) (result Result, err error) {
	where := exec.Target{Device: tensor.CPU, Real: tensor.Float32}
	args := exec.Given{Inputs: in.tensors, Sizes: in.sizes}
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
	gradients := gradientsOf(p, in)
	if r.Grads == "-" {
		result.Gradients = map[string]any{}
		for name, g := range gradients {
			result.Gradients[name] = nested(g.Floats(), g.Shape())
		}
		return result, nil
	}
	var sources []safetensors.Source
	for _, name := range slices.Sorted(maps.Keys(gradients)) {
		sources = append(sources, safetensors.Float32Source(
			name,
			tensor.Slice[float32](gradients[name]),
			gradients[name].Shape()...,
		))
	}
	return result, safetensors.Write(r.Grads, sources, nil)
}

// gradientsOf reads the gradients of the inputs that come from the model.
func gradientsOf(p *program.Program, in bound) map[string]tensor.Tensor {
	gradients := map[string]tensor.Tensor{}
	for _, input := range p.Inputs {
		if !input.FromModel {
			continue
		}
		g := in.tensors[input.Name].Grad()
		if !g.Defined() {
			g = in.tensors[input.Name].ZerosLike()
		}
		gradients[input.Name] = g
	}
	return gradients
}

// lossOf adds up the terms and lists them with the metrics.
func lossOf(p *program.Program, out exec.Outputs, result *Result) tensor.Tensor {
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
		result.Terms = append(result.Terms, fraction(term.Name, sum, count, false))
		result.Terms[i].Coefficient = &term.Coefficient
	}
	for i, m := range p.Metrics {
		sum, count := out.Metrics[i].Read()
		result.Metrics = append(result.Metrics, fraction(m.Name, sum, count, m.Exp))
	}
	total := loss.Item()
	result.Loss = &total
	return loss
}

func fraction(name string, sum, count float64, exp bool) Fraction {
	f := Fraction{Name: name, Sum: sum, Count: count}
	if count != 0 {
		value := sum / count
		if exp {
			value = math.Exp(value)
		}
		f.Value = &value
	}
	return f
}

// nested puts values into lists of a shape; one of no axes is a number.
func nested(values []float64, shape []int64) any {
	if len(shape) == 0 {
		return values[0]
	}
	list := make([]any, 0, shape[0])
	if shape[0] > 0 {
		for part := range slices.Chunk(values, max(len(values)/int(shape[0]), 1)) {
			list = append(list, nested(part, shape[1:]))
		}
	}
	return list
}
