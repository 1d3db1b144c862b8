package objective

import (
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/tensor"
)

// NoiseOf is noiseOf.
var NoiseOf = noiseOf

// InputOf is what a loss reads of a batch under a name.
func (o *Objective) InputOf(m *model.Model, b *data.Batch, name string) tensor.Tensor {
	return o.inputs(m, b, nil).Input(name)
}
