package nn

import (
	"math"

	"llmhost/host/tensor"
)

// RopeTable holds the rotary angles of every position seen so far (Su et al.
// 2021, arXiv:2104.09864, eq. 34, in the half-split layout of Hugging Face).
type RopeTable struct {
	device    tensor.Device
	inverse   []float64 // [head_dim/2], radians a position
	positions int64
	cos, sin  tensor.Tensor // [positions, head_dim]
}

// NewRopeTable makes a table for the given angular speeds, one a pair of
// channels, in radians a position.
func NewRopeTable(device tensor.Device, inverse []float64) *RopeTable {
	return &RopeTable{device: device, inverse: inverse}
}

// Rope holds the angles of the tokens of one pack, [tokens, 1, head_dim].
type Rope struct{ cos, sin tensor.Tensor }

// At returns the angles at positions [tokens] int64, all below limit.
func (t *RopeTable) At(positions tensor.Tensor, limit int64) Rope {
	if limit > t.positions {
		t.grow(limit)
	}
	return Rope{t.cos.IndexSelect(0, positions).Unsqueeze(1), t.sin.IndexSelect(0, positions).Unsqueeze(1)}
}

// grow makes the table anew for at least limit positions. Angles are float32
// products, as in the reference implementations.
func (t *RopeTable) grow(limit int64) {
	t.Free()
	t.positions = max(limit, 2*t.positions, 128)
	half := len(t.inverse)
	cos, sin := make([]float32, 2*half*int(t.positions)), make([]float32, 2*half*int(t.positions))
	for p := range int(t.positions) {
		for i, w := range t.inverse {
			angle := float64(float32(p) * float32(w))
			at := p*2*half + i
			cos[at], sin[at] = float32(math.Cos(angle)), float32(math.Sin(angle))
			cos[at+half], sin[at+half] = cos[at], sin[at]
		}
	}
	t.cos = tensor.Of(t.device, cos, t.positions, int64(2*half)).Own()
	t.sin = tensor.Of(t.device, sin, t.positions, int64(2*half)).Own()
}

// Free ends the table's tensors; the table grows anew when it is used again.
func (t *RopeTable) Free() {
	if t.cos.Defined() {
		t.cos.Free()
		t.sin.Free()
		t.cos, t.sin = tensor.Tensor{}, tensor.Tensor{}
	}
}

// Apply turns x [tokens, heads, head_dim] by the angles, in x's type.
func (r Rope) Apply(x tensor.Tensor) tensor.Tensor {
	half := x.Size(-1) / 2
	turned := tensor.Cat(-1, x.Narrow(-1, half, half).Neg(), x.Narrow(-1, 0, half))
	dtype := x.DType()
	return x.Mul(r.cos.To(dtype)).Add(turned.Mul(r.sin.To(dtype)))
}
