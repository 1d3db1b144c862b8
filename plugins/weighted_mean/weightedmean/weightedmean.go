// Package weightedmean holds a pooling for decoders, in which later tokens,
// which have seen more of the sequence, count for more.
package weightedmean

import "llmhost/sdk"

// Pooling is the mean over a sequence's n tokens with weights that grow linearly,
//
//	v = Σ_i i · h_i / Σ_i i,  i = 1 … n
//
// Source: Muennighoff 2022, arXiv:2202.08904, the position-weighted mean.
type Pooling struct{}

// Trace returns [N, H]. Positions are f32, so it is exact up to 2^24 tokens in
// a batch.
func (Pooling) Trace(g *sdk.Graph) sdk.Tensor {
	sequence := g.Sequence()
	count := sequence.SegmentCount("N")
	before := count.CumSum(0).Sub(count)                                                       // [N]: tokens of the sequences before
	position := sequence.OnesLike().To(sdk.F32).CumSum(0).Sub(before.IndexSelect(0, sequence)) // [M]: 1, 2, … in each sequence
	weighted := g.Hidden().IndexSelect(0, g.Token()).Mul(position.Unsqueeze(1))                // [M, H]
	return weighted.SegmentSum(sequence, "N").Div(position.SegmentSum(sequence, "N").ClampMin(1).Unsqueeze(1))
}

// Plugin is the pooling.
var Plugin = sdk.Plugin{
	Name:    "weighted_mean",
	Version: "1.0.0",
	Doc:     "mean of hidden states in which later tokens count for more",
	Poolings: []sdk.PoolingSpec{sdk.NewPooling(
		"weighted_mean",
		"mean weighted by the token's position in its sequence",
		Pooling{},
	)},
}
