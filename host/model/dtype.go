package model

import (
	"encoding/json"
	"strings"

	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

var dtypeOf = map[safetensors.DType]tensor.DType{safetensors.F64: tensor.Float64, safetensors.F32: tensor.Float32,
	safetensors.F16: tensor.Float16, safetensors.BF16: tensor.BFloat16}

// DTypeOf finds the type of a name such as "bfloat16".
func DTypeOf(name string) (dtype tensor.DType, known bool) {
	for _, d := range dtypeOf {
		if d.String() == name {
			return d, true
		}
	}
	return tensor.Float32, false
}

// StoredTypes are the types of the weights of a model folder: the one that
// transformers opens it in, which is that of config.json, or else that of the
// files; and that of the files, of which the first tensor of floats speaks for all.
func StoredTypes(folder string) (opened, files tensor.DType, err error) {
	f, err := readFolder(folder)
	if err != nil {
		return opened, files, err
	}
	weights, err := safetensors.Open(folder)
	if err != nil {
		return opened, files, err
	}
	defer weights.Close()
	files = tensor.Float32
	for _, name := range weights.Names() {
		found, err := weights.Get(name)
		if err != nil {
			return opened, files, err
		}
		if dtype, floats := dtypeOf[found.DType]; floats {
			files = dtype
			break
		}
	}
	if named, known := f.namedType(); known {
		return named, files, nil
	}
	return files, files, nil
}

// namedType is the type of the weights that config.json names.
func (f *Model) namedType() (dtype tensor.DType, named bool) {
	for _, key := range []string{"dtype", "torch_dtype"} { // in transformers' order
		var name string
		if json.Unmarshal(f.class.Value(f.ConfigText, key), &name) != nil || name == "" {
			continue
		}
		return DTypeOf(strings.TrimPrefix(name, "torch."))
	}
	return dtype, false
}

// Fits tells whether a type can hold the weights of a model without infinities.
func (f *Model) Fits(dtype tensor.DType) bool {
	if dtype != tensor.Float16 {
		return true
	}
	fits := true
	for _, p := range f.Params().All() {
		tensor.Scoped(func() { fits = fits && allFinite(p.Tensor.Detach().To(dtype)) })
	}
	return fits
}

// Round rounds the weights to the values of a type, and keeps them in their own.
func (f *Model) Round(dtype tensor.DType) {
	for _, p := range f.Params().All() {
		tensor.Scoped(func() { p.Tensor.CopyTensor(p.Tensor.Detach().To(dtype)) })
	}
}
