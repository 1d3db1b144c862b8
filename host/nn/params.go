// Package nn holds the layers that models are made of: named parameters, linear
// maps, norms, rotary positions, and the tape that trades memory for a second
// forward pass. A model itself is one file under host/model.
package nn

import (
	"strings"

	"llmhost/host/tensor"
)

// Source gives a parameter by its Hugging Face name: read from a file, or drawn
// at random. The tensor has the shape asked for and belongs to the caller.
type Source func(name string, shape []int64) tensor.Tensor

// Param is one named parameter.
type Param struct {
	Name   string
	Tensor tensor.Tensor
}

// Module returns the name of the module that a parameter belongs to: its own up
// to the last dot, "" where it has none.
func (p Param) Module() string { return p.Name[:max(0, strings.LastIndex(p.Name, "."))] }

// LastPart returns the last part of a module's name: "q_proj" of "layers.0.q_proj".
func LastPart(module string) string { return module[strings.LastIndex(module, ".")+1:] }

// Params collects the parameters of a model in the order they are asked for.
type Params struct {
	source  Source
	compute tensor.DType
	list    []Param
	linears []*Linear
	tied    map[string]string
	mode    Mode

	twin *Params // whose weights in 4 bits are shared; nil for none

	// FourBit keeps the weights of linear maps in 4 bits, where they can neither be
	// trained nor saved.
	FourBit bool
}

// Mode is what a model does besides its formula. All layers share it.
type Mode struct {
	Training bool // drop out
	Off      bool // leave adapters out
}

// NewParams returns an empty collection that takes from source. Layers made from
// it multiply matrices in the compute type.
func NewParams(source Source, compute tensor.DType) *Params {
	return &Params{source: source, compute: compute}
}

// Twin returns an empty collection for the same model again: frozen parameters are
// those of p on the same memory, trained ones copies.
func (p *Params) Twin() *Params {
	own := map[string]tensor.Tensor{}
	for _, q := range p.list {
		own[q.Name] = q.Tensor
	}
	source := func(name string, _ []int64) (t tensor.Tensor) {
		q := own[name]
		if !q.RequiresGrad() {
			return q.Detach().Own()
		}
		t = tensor.Zeros(q.Device(), q.DType(), q.Shape()...).Own()
		t.CopyTensor(q)
		return t
	}
	return &Params{source: source, compute: p.compute, twin: p, FourBit: p.FourBit}
}

// Get takes one parameter from the source and marks it as trained.
func (p *Params) Get(name string, shape ...int64) tensor.Tensor {
	t := p.source(name, shape).RequireGrad()
	p.list = append(p.list, Param{name, t})
	return t
}

// tie records a second name for the parameter called name.
func (p *Params) tie(second, name string) {
	if p.tied == nil {
		p.tied = map[string]string{}
	}
	p.tied[second] = name
}

// TiedTo returns the second name of a parameter, under which other software has it
// too, "" where there is none.
func (p *Params) TiedTo(name string) string {
	for second, of := range p.tied {
		if of == name {
			return second
		}
	}
	return ""
}

// Add takes a parameter that the caller made, as it is.
func (p *Params) Add(name string, t tensor.Tensor) { p.list = append(p.list, Param{name, t}) }

// Drop frees the parameters whose names are unwanted, and forgets them.
func (p *Params) Drop(unwanted func(name string) bool) {
	var kept []Param
	for _, q := range p.list {
		if unwanted(q.Name) {
			q.Tensor.Free()
			continue
		}
		kept = append(kept, q)
	}
	p.list = kept
}

// Mode returns the model's mode, to be changed.
func (p *Params) Mode() *Mode { return &p.mode }

// Freeze stops the training of all parameters that p has now.
func (p *Params) Freeze() {
	for _, q := range p.list {
		q.Tensor.Freeze()
	}
}

// Trained returns the parameters that are trained, in their order.
func (p *Params) Trained() (trained []Param) {
	for _, q := range p.list {
		if q.Tensor.RequiresGrad() {
			trained = append(trained, q)
		}
	}
	return trained
}

// All returns the parameters in their order.
func (p *Params) All() []Param { return p.list }

// Count returns the number of weights, those in 4 bits too.
func (p *Params) Count() int64 {
	var n int64
	for _, q := range p.list {
		n += q.Tensor.Numel()
	}
	for _, l := range p.linears {
		if l.packed.Defined() {
			n += l.Size(0) * l.Size(1)
		}
	}
	return n
}

// Free frees all parameters.
func (p *Params) Free() {
	for _, q := range p.list {
		q.Tensor.Free()
	}
	for _, l := range p.linears {
		if l.packed.Defined() {
			l.packed.Free()
		}
	}
	p.list, p.linears = nil, nil
}

// Linear is x Wᵀ + b, plus the product of an adapter.
type Linear struct {
	Name         string        // in the model, without .weight
	Weight, Bias tensor.Tensor // [out, in], undefined where it is kept in 4 bits; [out], or undefined
	Adapter      *Adapter      // nil where there is none
	packed       tensor.NF4    // the weight in 4 bits
	compute      tensor.DType
}

// Linear takes NAME.weight [out, in] and, with bias, NAME.bias [out].
func (p *Params) Linear(name string, in, out int64, bias bool) *Linear {
	l := &Linear{Name: name, compute: p.compute}
	p.linears = append(p.linears, l)
	switch {
	case !p.FourBit:
		l.Weight = p.Get(name+".weight", out, in)
	case p.twin != nil:
		l.packed = p.twin.linears[len(p.linears)-1].packed.Share()
	default:
		whole := p.source(name+".weight", []int64{out, in})
		l.packed = tensor.QuantizeNF4(whole)
		whole.Free()
	}
	if bias {
		l.Bias = p.Get(name+".bias", out)
	}
	return l
}

// Size returns the length of an axis of the weight [out, in].
func (l *Linear) Size(axis int) int64 {
	if l.packed.Defined() {
		return l.packed.Size(axis)
	}
	return l.Weight.Size(axis)
}

// Device is where the weight is.
func (l *Linear) Device() tensor.Device {
	if l.packed.Defined() {
		return l.packed.Device()
	}
	return l.Weight.Device()
}

// Whole returns the weight [out, in] in a type, dequantized where it is kept in 4 bits.
func (l *Linear) Whole(as tensor.DType) tensor.Tensor {
	if l.packed.Defined() {
		return l.packed.Dequantize().To(as)
	}
	return l.Weight.To(as)
}

// product is x Wᵀ + bias without an adapter.
func (l *Linear) product(x, bias tensor.Tensor) tensor.Tensor {
	if l.packed.Defined() {
		return l.packed.Linear(x, bias)
	}
	return x.Linear(l.Weight.To(x.DType()), bias)
}

// RoundNF4 rounds the weights of linear maps to NF4 and keeps them in their type.
func (p *Params) RoundNF4() {
	for _, l := range p.linears {
		tensor.Scoped(func() {
			q := tensor.QuantizeNF4(l.Weight)
			defer q.Free()
			l.Weight.CopyTensor(q.Dequantize())
		})
	}
}

// Head is Linear for a map on the hidden states after the last norm, which gets no
// adapter and computes in float32 at least.
func (p *Params) Head(name string, in, out int64, bias bool) *Linear {
	l := &Linear{
		Name:    name,
		Weight:  p.Get(name+".weight", out, in),
		compute: tensor.Float32,
	}
	if l.Weight.DType() == tensor.Float64 {
		l.compute = tensor.Float64
	}
	if bias {
		l.Bias = p.Get(name+".bias", out)
	}
	return l
}

// Linears returns the linear maps made of p, in their order.
func (p *Params) Linears() []*Linear { return p.linears }

// Forward maps x [..., in] to [..., out], in the compute type.
func (l *Linear) Forward(x tensor.Tensor) tensor.Tensor {
	bias := l.Bias
	if bias.Defined() {
		bias = bias.To(l.compute)
	}
	x = x.To(l.compute)
	if l.Adapter == nil || l.Adapter.mode.Off {
		return l.product(x, bias)
	}
	return l.Adapter.forward(x, l, bias)
}

// RMSNorm scales each vector to a root mean square of 1, then by a weight.
type RMSNorm struct {
	Weight tensor.Tensor // [hidden]
	Eps    float64
}

// RMSNorm takes NAME.weight [size].
func (p *Params) RMSNorm(name string, size int64, eps float64) RMSNorm {
	return RMSNorm{Weight: p.Get(name+".weight", size), Eps: eps}
}

// Forward keeps x's shape [..., hidden] and type.
func (n RMSNorm) Forward(x tensor.Tensor) tensor.Tensor { return x.RMSNorm(n.Weight, n.Eps) }
