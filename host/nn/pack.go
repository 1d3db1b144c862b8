package nn

import "llmhost/host/tensor"

// Pack is what a model reads: the tokens of several rows in one vector, with
// no padding.
type Pack struct {
	IDs, Positions tensor.Tensor // [tokens] int64; positions count from 0 in each row
	MaxPosition    int64         // the largest of Positions
	Segments       tensor.Segments
	TokenTypes     tensor.Tensor // [tokens] int64: which text of a pair; undefined means 0 for all. Encoders alone read it
}
