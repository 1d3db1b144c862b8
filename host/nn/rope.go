package nn

import (
	"math"

	"llmhost/host/tensor"
)

// RopeTable holds the rotary angles of every position seen so far (Su et al.
// 2021, arXiv:2104.09864, eq. 34, in the half-split layout of Hugging Face).
type RopeTable struct {
	device    tensor.Device
	inverse   []float64 // [pairs], radians a position
	magnitude float64
	positions int64
	cos, sin  tensor.Tensor // [positions, pairs], times magnitude
}

// NewRopeTable makes a table for the given angular speeds, one a pair of
// channels, in radians a position. Rotated channels are also multiplied by magnitude.
func NewRopeTable(device tensor.Device, inverse []float64, magnitude float64) *RopeTable {
	return &RopeTable{device: device, inverse: inverse, magnitude: magnitude}
}

// Rope holds the angles of the tokens of one pack, [tokens, 1, pairs].
type Rope struct{ cos, sin tensor.Tensor }

// At returns the angles at positions [tokens] int64, all below limit.
func (t *RopeTable) At(positions tensor.Tensor, limit int64) Rope {
	if limit > t.positions {
		t.grow(limit)
	}
	return Rope{t.cos.IndexSelect(0, positions).Unsqueeze(1), t.sin.IndexSelect(0, positions).Unsqueeze(1)}
}

// grow rebuilds the table for at least limit positions. Angles are float32
// products, as in transformers.
func (t *RopeTable) grow(limit int64) {
	positions := max(limit, 2*t.positions, 128)
	t.Free()
	t.positions = positions
	half := len(t.inverse)
	magnitude := float32(t.magnitude)
	cos := make([]float32, half*int(t.positions))
	sin := make([]float32, half*int(t.positions))
	for p := range int(t.positions) {
		for i, w := range t.inverse {
			angle := float64(float32(p) * float32(w))
			cos[p*half+i], sin[p*half+i] = float32(math.Cos(angle))*magnitude, float32(math.Sin(angle))*magnitude
		}
	}
	t.cos = tensor.Of(t.device, cos, t.positions, int64(half)).Own()
	t.sin = tensor.Of(t.device, sin, t.positions, int64(half)).Own()
}

// Free frees the table's tensors; the table is rebuilt when it is used again.
func (t *RopeTable) Free() {
	if t.cos.Defined() {
		t.cos.Free()
		t.sin.Free()
		t.cos = tensor.Tensor{}
		t.sin = tensor.Tensor{}
		t.positions = 0
	}
}

// Apply rotates x [tokens, heads, head_dim] by the angles, in x's type. Where there
// are fewer pairs than head_dim/2 the first channels are rotated and the others stay.
func (r Rope) Apply(x tensor.Tensor) tensor.Tensor {
	return x.Rotate(r.cos.To(x.DType()), r.sin.To(x.DType()))
}
