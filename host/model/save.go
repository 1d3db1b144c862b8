package model

import (
	"io"
	"os"
	"path/filepath"

	"llmhost/host/atomicfile"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// Save writes the model into folder, which exists, in Hugging Face's layout: its
// weights in the type they are trained in, its config.json in the layout that
// was read.
func (f *Model) Save(folder string) error { return f.SaveAs(folder, f.trainedType()) }

// SaveAs is Save with weights that are rounded to a type.
func (f *Model) SaveAs(folder string, dtype tensor.DType) error {
	return f.save(folder, dtype, safetensors.Save, atomicfile.WriteFile)
}

// SaveInto is Save into a fresh folder that is made durable as a whole.
func (f *Model) SaveInto(folder string) error {
	return f.save(folder, f.trainedType(), safetensors.SaveInto, func(path string, data []byte) error { return os.WriteFile(path, data, 0o644) })
}

func (f *Model) trainedType() tensor.DType { return f.Params().All()[0].Tensor.DType() }

// maxShardSize is transformers' own default.
const maxShardSize = 50 << 30

func (f *Model) save(folder string, dtype tensor.DType, weights func(string, []safetensors.Source, safetensors.Layout) error, write func(string, []byte) error) error {
	var sources []safetensors.Source
	for _, p := range f.Params().All() {
		sources = append(sources, SourceAs(p.Name, p.Tensor, dtype))
	}
	if err := weights(folder, sources, safetensors.Layout{MaxShardSize: maxShardSize}); err != nil {
		return err
	}
	if f.generation != nil {
		if err := write(filepath.Join(folder, GenerationConfigName), f.generation); err != nil {
			return err
		}
	}
	config, err := f.savedConfig(dtype)
	if err != nil {
		return err
	}
	return write(filepath.Join(folder, ConfigName), config)
}

// SourceOf makes a tensor a source of a file; its bytes are fetched as they are
// written.
func SourceOf(name string, t tensor.Tensor) safetensors.Source { return SourceAs(name, t, t.DType()) }

// SourceAs is SourceOf with the tensor rounded to a type.
func SourceAs(name string, t tensor.Tensor, as tensor.DType) safetensors.Source {
	var dtype safetensors.DType
	for file, memory := range dtypeOf {
		if memory == as {
			dtype = file
		}
	}
	return safetensors.Source{Name: name, DType: dtype, Shape: t.Shape(), Stream: func(w io.Writer) (err error) {
		defer tensor.Catch(&err)
		tensor.Scoped(func() { _, err = w.Write(t.Detach().To(as).Bytes()) })
		return err
	}}
}
