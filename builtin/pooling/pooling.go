// Package pooling holds the ways to turn a sequence's hidden states into one
// vector. All of them work on packed states: a sequence's tokens are the entries
// of g.Token whose g.Sequence names it, in order and without padding.
package pooling

import "llmhost/sdk"

// EOS takes the hidden state of the sequence's last token, which is the last that is
// not the pad token: the host leaves out those behind it (see PoolsLastToken).
type EOS struct{}

// PoolsLastToken says that it takes the last token's state as it is.
func (EOS) PoolsLastToken() bool { return true }

// Trace returns [N, H].
func (EOS) Trace(g *sdk.Graph) sdk.Tensor {
	return at(g, lastEntry(g))
}

// Last takes the last token, or the one before it where the last is the end
// token and not the sequence's only token.
type Last struct{}

// Trace returns [N, H].
func (Last) Trace(g *sdk.Graph) sdk.Tensor {
	last := lastEntry(g)
	ends := g.IDs().IndexSelect(0, last).Eq(g.EOS())
	several := g.Sequence().SegmentCount("N").GtScalar(1)
	return at(g, last.Sub(ends.And(several).To(sdk.I64)))
}

// Average is the mean over the sequence's tokens.
type Average struct{}

// Trace returns [N, H].
func (Average) Trace(g *sdk.Graph) sdk.Tensor {
	count := g.Sequence().SegmentCount("N").ClampMin(1).Unsqueeze(1)
	return g.Hidden().IndexSelect(0, g.Token()).SegmentSum(g.Sequence(), "N").Div(count)
}

// Max is the largest value of each element over the sequence's tokens.
type Max struct{}

// Trace returns [N, H].
func (Max) Trace(g *sdk.Graph) sdk.Tensor {
	return g.Hidden().IndexSelect(0, g.Token()).SegmentMax(g.Sequence(), "N")
}

// lastEntry is the index of each sequence's last token in g.Token, i64 [N]. Counts
// are f32, so it is exact up to 2^24 tokens in a batch.
func lastEntry(g *sdk.Graph) sdk.Tensor {
	return g.Sequence().SegmentCount("N").CumSum(0).SubScalar(1).ClampMin(0).To(sdk.I64)
}

// at is the hidden state of the given entries of g.Token.
func at(g *sdk.Graph, entry sdk.Tensor) sdk.Tensor {
	return g.Hidden().IndexSelect(0, g.Token().IndexSelect(0, entry))
}

// Plugin is the four poolings.
var Plugin = sdk.Plugin{
	Name:    "pooling",
	Version: "1.0.0",
	Doc:     "one vector per sequence, from its hidden states",
	Poolings: []sdk.PoolingSpec{
		sdk.NewPooling("last", "hidden state of the last token before the end token", Last{}),
		sdk.NewPooling("eos", "hidden state of the last token that is not the pad token", EOS{}),
		sdk.NewPooling("average", "mean of the hidden states", Average{}),
		sdk.NewPooling("max", "largest value of each element of the hidden states", Max{}),
	},
}
