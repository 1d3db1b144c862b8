package tryout

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// bound holds the inputs of one run, by name, and the named dimensions.
type bound struct {
	tensors map[string]tensor.Tensor
	sizes   map[string]int64
}

// bind reads every input of the program and settles the named dimensions
// from their shapes.
func bind(p *program.Program, file *safetensors.File) (bound, error) {
	in := bound{tensors: map[string]tensor.Tensor{}, sizes: map[string]int64{}}
	for _, input := range p.Inputs {
		found, err := file.Get(input.Name)
		if err != nil {
			return in, fmt.Errorf("%w (the program reads %s)", err, strings.Join(p.InputNames(), ", "))
		}
		if err := bindDims(in.sizes, input, found.Shape); err != nil {
			return in, fmt.Errorf("%s: tensor %q %w", file.Path(), input.Name, err)
		}
		t, err := toTensor(found, input.Value.DType)
		if err != nil {
			return in, inFile(file.Path(), err)
		}
		if input.FromModel {
			t.RequireGrad()
		}
		in.tensors[input.Name] = t
	}
	if _, known := in.sizes["N"]; !known {
		in.sizes["N"] = sequenceCount(in.tensors["sequence"])
	}
	return in, nil
}

// inFile adds the file to an error about one of its tensors.
func inFile(path string, err error) error {
	var wrong *safetensors.Error
	if errors.As(err, &wrong) {
		wrong.Path = path
	}
	return err
}

// sequenceCount is the number of sequences of a pooling: the last one's number
// plus one.
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
			return fmt.Errorf(
				"has shape %s; want %v with %s = %d as in the inputs before it",
				shapeText(shape),
				want,
				d,
				known,
			)
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
