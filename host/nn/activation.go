package nn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/tensor"
)

// Activation is an elementwise function.
type Activation func(tensor.Tensor) tensor.Tensor

// activations are those of config.json, by transformers' names. Its tanh forms
// of gelu differ only in how they are written.
var activations = map[string]Activation{
	"gelu":              exactGelu,
	"gelu_python":       exactGelu,
	"gelu_new":          tanhGelu,
	"gelu_fast":         tanhGelu,
	"gelu_accurate":     tanhGelu,
	"gelu_pytorch_tanh": tanhGelu,
	"gelu_python_tanh":  tanhGelu,
	"quick_gelu":        quickGelu,
	"relu":              tensor.Tensor.Relu,
	"silu":              tensor.Tensor.Silu,
	"swish":             tensor.Tensor.Silu,
}

func exactGelu(x tensor.Tensor) tensor.Tensor { return x.Gelu(false) }

func tanhGelu(x tensor.Tensor) tensor.Tensor { return x.Gelu(true) }

// quickGelu is x σ(1.702 x) (Hendrycks and Gimpel 2016, section 2).
func quickGelu(x tensor.Tensor) tensor.Tensor { return x.Mul(x.MulScalar(1.702).Sigmoid()) }

// ActivationOf finds an activation; key is where config.json names it.
func ActivationOf(key, name string) (Activation, error) {
	if f, known := activations[name]; known {
		return f, nil
	}
	return nil, fmt.Errorf(
		"%s is %q; want one of %s",
		key,
		name,
		strings.Join(slices.Sorted(maps.Keys(activations)), ", "),
	)
}
