// Package model loads, makes and saves models in Hugging Face folders. One
// architecture is one package below it; the type is read from config.json.
package model

import (
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Backbone is the body of a network, with the head that predicts tokens if it has one.
type Backbone interface {
	// Forward returns the hidden states after the last norm, [tokens, hidden].
	Forward(pass *nn.Pass) tensor.Tensor
	// Head returns the head that predicts tokens, undefined where the model was built
	// without it.
	Head() nn.Head
	// Causal tells whether a token's state depends on the tokens up to it alone.
	// Where it does not, sequences must not share a prefix.
	Causal() bool
	// Params returns all parameters, each once, in the order of the layers.
	Params() *nn.Params
	// Free frees the parameters.
	Free()
}

// Encoder is a model that reads in both directions and has a pooling of its
// own. In a Model, the Backbone may be one.
type Encoder interface {
	Backbone
	// Pooled maps the states of the sequences' first tokens to one vector a
	// sequence, [sequences, hidden]; first [sequences] int64 says where in hidden
	// [tokens, hidden] they are.
	Pooled(hidden, first tensor.Tensor) tensor.Tensor
	// PooledDropout is applied to the pooled vectors before a classifier.
	PooledDropout() nn.Dropout
}
