package objective

import (
	"slices"

	"llmhost/host/data"
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// NewPass puts the tokens of a batch on a device.
func NewPass(d tensor.Device, b *data.Batch) *nn.Pass {
	p := nn.Pack{IDs: tensor.Of(d, b.IDs), Positions: tensor.Of(d, b.Positions)}
	if len(b.Positions) > 0 {
		p.MaxPosition = slices.Max(b.Positions)
	}
	if b.Types != nil {
		p.TokenTypes = tensor.Of(d, b.Types)
	}
	for _, s := range b.Segments {
		p.Segments.Add(s.Start, s.Len, s.Prefix)
	}
	return &nn.Pass{Pack: p}
}
