package tryout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"

	"llmhost/host/jsonerror"
	"llmhost/host/safetensors"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// openInputs opens the file with the inputs of a program: safetensors, or JSON,
// an object with a number or nested lists for each input.
func openInputs(p *program.Program, path string) (*safetensors.File, error) {
	if !strings.HasSuffix(path, ".json") {
		return safetensors.Open(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf(`%s: %w; want {"%s": [[…], …], …}`, path, jsonerror.Explain(text, err), p.InputNames()[0])
	}
	var sources []safetensors.Source
	for _, input := range p.Inputs {
		value, found := values[input.Name]
		if !found {
			return nil, fmt.Errorf(
				"%s: has no %q (the program reads %s)",
				path,
				input.Name,
				strings.Join(p.InputNames(), ", "),
			)
		}
		source, err := sourceOf(input, value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, input.Name, err)
		}
		sources = append(sources, source)
	}
	var image bytes.Buffer
	if err := safetensors.Encode(&image, sources, nil); err != nil {
		return nil, err
	}
	return safetensors.Parse(path, image.Bytes())
}

// sourceOf makes a tensor of an input's type out of nested lists.
func sourceOf(input op.Input, value any) (safetensors.Source, error) {
	var flat []float64
	shape := shapeOf(value, len(input.Value.Shape))
	if err := flatten(&flat, value, shape); err != nil {
		return safetensors.Source{}, fmt.Errorf("%w (it is %s)", err, input.Value)
	}
	if input.Value.DType == op.F32 {
		values := make([]float32, len(flat))
		for i, v := range flat {
			values[i] = float32(v)
		}
		return safetensors.Float32Source(input.Name, values, shape...), nil
	}
	values := make([]int64, len(flat))
	for i, v := range flat {
		if values[i] = int64(v); float64(values[i]) != v {
			return safetensors.Source{}, fmt.Errorf("holds %v; want whole numbers (it is %s)", v, input.Value)
		}
	}
	return safetensors.Int64Source(input.Name, values, shape...), nil
}

// shapeOf follows the first entries of nested lists, at most rank deep.
func shapeOf(value any, rank int) []int64 {
	shape := []int64{}
	for range rank {
		list, isList := value.([]any)
		if !isList {
			break
		}
		shape = append(shape, int64(len(list)))
		if len(list) == 0 {
			break
		}
		value = list[0]
	}
	return shape
}

// flatten appends the numbers of nested lists, which must have a shape.
func flatten(to *[]float64, value any, shape []int64) error {
	if len(shape) > 0 {
		list, isList := value.([]any)
		if !isList || int64(len(list)) != shape[0] {
			return fmt.Errorf("its lists have different lengths; want %d entries, as in the first list, padded with 0 or false", shape[0])
		}
		for _, entry := range list {
			if err := flatten(to, entry, shape[1:]); err != nil {
				return err
			}
		}
		return nil
	}
	switch v := value.(type) {
	case float64:
		*to = append(*to, v)
	case string:
		beyond, is := map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}[v]
		if !is {
			return fmt.Errorf("holds %v where a number, true or false should be", v)
		}
		*to = append(*to, beyond)
	case bool:
		*to = append(*to, map[bool]float64{true: 1}[v])
	default:
		return fmt.Errorf("holds %v where a number, true or false should be", v)
	}
	return nil
}
