// Package model loads, makes and saves models in Hugging Face folders. One
// architecture is one package below it; the type is read from config.json.
package model

import (
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Model is a decoder.
type Model interface {
	// Forward returns the hidden states after the last norm, [tokens, hidden].
	// With a tape, the caller runs its Backward after that of the loss.
	Forward(in nn.Pack, tape *nn.Tape) tensor.Tensor
	// Head returns the output embedding, [vocab, hidden]; it may be the input's.
	Head() tensor.Tensor
	// Params returns all parameters, each once, in the order of the layers.
	Params() *nn.Params
	// Free ends the parameters.
	Free()
}
