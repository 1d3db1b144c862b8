package model

import (
	"fmt"
	"math"
	"strings"

	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// stored are the weights of a model's files, under the names that parameters have today.
type stored struct {
	*safetensors.File
	spelled spelling
	renamed map[string]string // parameters that the files have under a name of another
	read    map[string]bool   // names in the files of what was asked for
}

func newStored(file *safetensors.File) *stored {
	return &stored{file, newSpelling(file.Names()), map[string]string{}, map[string]bool{}}
}

// unused lists the tensors of the files that nothing asked for.
func (s *stored) unused() []string { return s.spelled.unused(s.read) }

// find is the name in the files of the parameter called name, which counts as read.
func (s *stored) find(name string) string {
	there, is := s.renamed[name]
	if !is {
		there = s.spelled.of(name)
	}
	s.read[there] = true
	return there
}

// source takes parameters from the files.
func (s *stored) source(o Options) nn.Source {
	return func(name string, shape []int64) tensor.Tensor {
		t, err := Read(s.File, s.find(name), ConfigName, o.Device, o.Param, shape...)
		if err != nil {
			panic(SourceError{Err: err})
		}
		return t
	}
}

// SourceError carries an error of a source through what is built of it, as a panic.
type SourceError struct{ Err error }

// CatchSource, deferred, turns such a panic into err.
func CatchSource(err *error) {
	r := recover()
	if r == nil {
		return
	}
	failed, ok := r.(SourceError)
	if !ok {
		panic(r)
	}
	*err = failed.Err
}

// Read takes a tensor of the file, whose shape is what source wants and whose
// values are all finite, onto a device. It is copied out of the mapped pages into memory of libtorch's own,
// whose alignment does not depend on the file's: results on the CPU depend on it
// in the last bit. The caller owns it.
func Read(weights *safetensors.File, name, source string, device tensor.Device, as tensor.DType, shape ...int64) (t tensor.Tensor, err error) {
	found, err := weights.Want(name, source, shape...)
	if err != nil {
		return t, err
	}
	dtype, ok := dtypeOf[found.DType]
	if !ok {
		return t, fmt.Errorf(
			"%s: tensor %s has dtype %s; want F32, BF16, F16 or F64",
			weights.Path(),
			name,
			found.DType,
		)
	}
	finite := false
	tensor.Scoped(func() {
		whole := tensor.FromBytes(device, dtype, found.Data, shape...).To(as)
		if finite = allFinite(whole); finite {
			t = whole.Own()
		}
	})
	if !finite {
		return t, notFinite(found)
	}
	return t, nil
}

func allFinite(t tensor.Tensor) bool { return t.Isfinite().Reshape(-1).All(0, false).Item() != 0 }

// notFinite says where a tensor holds NaN or infinity.
func notFinite(found safetensors.Tensor) error {
	values, err := found.Float64s()
	if err != nil {
		return err
	}
	count, first := 0, -1
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if count++; first < 0 {
				first = i
			}
		}
	}
	if count == 0 { // only as wide as the type that it is read in
		return fmt.Errorf("%s: tensor %q has values beyond float32", found.File, found.Name)
	}
	return fmt.Errorf("%s: tensor %q has %d of %d values that are not finite, the first, %v, at index %d; every output of the model would be NaN: copy or download it again, or take an earlier checkpoint",
		found.File, found.Name, count, len(values), values[first], first)
}

// randomSource draws parameters on the CPU, so that a seed gives one model on
// every device.
func (f *Model) randomSource(o Options) nn.Source {
	norm := architectureOf(f.class).norm
	return func(name string, shape []int64) tensor.Tensor {
		var t tensor.Tensor
		tensor.Scoped(func() {
			switch {
			case strings.HasSuffix(strings.ToLower(name), "norm.weight"):
				t = tensor.Full(tensor.CPU, tensor.Float32, norm, shape...)
			case strings.HasSuffix(name, ".bias"):
				t = tensor.Zeros(tensor.CPU, tensor.Float32, shape...)
			default:
				t = tensor.Randn(tensor.CPU, tensor.Float32, f.Config.NewRange, shape...)
			}
			t = t.ToDevice(o.Device).To(o.Param).Own()
		})
		return t
	}
}
