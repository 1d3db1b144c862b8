package nn

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/host/tensor"
)

// RopeScaling says how rotary angles depend on the position. Its keys are those
// of rope_parameters, or of rope_scaling before transformers 5.
type RopeScaling struct {
	Theta   float64  `json:"rope_theta"`
	Type    string   `json:"rope_type"`
	OldType string   `json:"type"` // before transformers 4.43
	Partial *float64 `json:"partial_rotary_factor"`

	Factor          float64  `json:"factor"`
	LowFreqFactor   float64  `json:"low_freq_factor"`
	HighFreqFactor  float64  `json:"high_freq_factor"`
	OriginalMaxSeen float64  `json:"original_max_position_embeddings"`
	AttentionFactor *float64 `json:"attention_factor"`
	BetaFast        float64  `json:"beta_fast"`
	BetaSlow        float64  `json:"beta_slow"`
	MScale          float64  `json:"mscale"`
	MScaleAllDim    float64  `json:"mscale_all_dim"`
	Truncate        *bool    `json:"truncate"`

	given map[string]json.RawMessage // the keys that were read
}

// UnmarshalJSON reads the keys; null is a value only of those that transformers
// derives.
func (r *RopeScaling) UnmarshalJSON(text []byte) error {
	type plain RopeScaling
	if err := json.Unmarshal(text, (*plain)(r)); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.given); err != nil {
		return err
	}
	for _, key := range []string{"rope_theta", "rope_type", "partial_rotary_factor"} {
		if string(r.given[key]) == "null" {
			return fmt.Errorf("%s of the rotary positions is null; give it a value or leave it out", key)
		}
	}
	if string(r.given["truncate"]) == "null" {
		r.Truncate = new(bool) // as false, in transformers
	}
	return nil
}

// RopeTypes are the supported values of rope_type.
var RopeTypes = []string{"default", "linear", "llama3", "yarn"}

// RopeDefaults are the settings in config.json beside the scaling itself.
type RopeDefaults struct {
	Theta        float64
	Partial      float64 // share of the channels that are rotated
	MaxPositions int64
	// OriginalMaxSeen wins over that of the scaling; 0 = there is none.
	OriginalMaxSeen float64
}

// RopeOf is the scaling of a config, with defaults: what transformers 4 wrote as
// rope_scaling, where it has keys, else what 5 writes as rope_parameters, else none.
func RopeOf(parameters, scaling *RopeScaling, d RopeDefaults) (s RopeScaling) {
	switch {
	case scaling != nil && len(scaling.given) > 0:
		s = *scaling
	case parameters != nil:
		s = *parameters
	}
	s.Settle(d)
	return s
}

// Settle fills in the defaults.
func (r *RopeScaling) Settle(d RopeDefaults) {
	if r.Type == "" {
		r.Type = r.OldType
	}
	if r.Type == "" {
		r.Type = "default"
	}
	if r.Theta == 0 {
		r.Theta = d.Theta
	}
	if r.Partial == nil {
		r.Partial = &d.Partial
	}
	if d.OriginalMaxSeen != 0 {
		r.OriginalMaxSeen = d.OriginalMaxSeen
	}
	if r.OriginalMaxSeen == 0 {
		r.OriginalMaxSeen = float64(d.MaxPositions)
	}
	if r.Type == "yarn" {
		r.settleYarn(d)
	}
}

func (r *RopeScaling) settleYarn(d RopeDefaults) {
	if r.Factor == 0 {
		r.Factor = float64(d.MaxPositions) / r.OriginalMaxSeen
	}
	if r.BetaFast == 0 {
		r.BetaFast = 32
	}
	if r.BetaSlow == 0 {
		r.BetaSlow = 1
	}
}

// Validate reports the first unusable setting, for heads of headDim channels.
func (r *RopeScaling) Validate(headDim int64) error {
	if err := cmp.Or(r.validateType(), r.validateKeys()); err != nil {
		return err
	}
	switch {
	case r.Theta <= 0:
		return fmt.Errorf("rope_theta is %v; want a positive number", r.Theta)
	case r.Type != "default" && r.Factor < 1:
		return fmt.Errorf("factor of rope_type %q is %v; want at least 1", r.Type, r.Factor)
	case r.Type == "llama3" && r.LowFreqFactor <= 0:
		return fmt.Errorf("low_freq_factor is %v; want a positive number", r.LowFreqFactor)
	case r.Type == "llama3" && r.HighFreqFactor <= r.LowFreqFactor:
		return fmt.Errorf(
			"high_freq_factor is %v; want more than low_freq_factor, %v",
			r.HighFreqFactor,
			r.LowFreqFactor,
		)
	case r.Type == "yarn" && r.Theta == 1:
		return fmt.Errorf("rope_theta of rope_type \"yarn\" is 1; want more, or all pairs rotate at one speed")
	case *r.Partial <= 0 || *r.Partial > 1:
		return fmt.Errorf("partial_rotary_factor is %v; want a share above 0 and up to 1", *r.Partial)
	case r.channels(headDim) < 1:
		return fmt.Errorf(
			"partial_rotary_factor is %v; want more, as none of %d channels would be rotated",
			*r.Partial,
			headDim,
		)
	case 2*r.pairs(headDim) > headDim:
		return fmt.Errorf("head_dim is %d; want an even number, as rotary positions rotate pairs", headDim)
	}
	return nil
}

// required are the keys that transformers wants beside rope_theta, by rope_type.
var required = map[string][]string{
	"linear": {"factor"},
	"llama3": {"factor", "low_freq_factor", "high_freq_factor"},
	"yarn":   {"factor"}, // null is max_position_embeddings / original_max_position_embeddings
}

func (r *RopeScaling) validateKeys() error {
	for _, layers := range []string{"full_attention", "sliding_attention"} {
		if r.given[layers] != nil {
			return fmt.Errorf("rope_parameters has %s; want the keys of one scaling, as all layers of this model rotate alike", layers)
		}
	}
	for _, key := range required[r.Type] {
		if r.given != nil && r.given[key] == nil {
			return fmt.Errorf("rope_type %q has no %s, which transformers wants", r.Type, key)
		}
	}
	return nil
}

func (r *RopeScaling) validateType() error {
	switch {
	case slices.Contains(RopeTypes, r.Type):
		return nil
	case r.Type == "dynamic":
		return fmt.Errorf("rope_type is \"dynamic\", whose angles depend on the longest sequence of a batch; up to max_position_embeddings use \"default\", which is the same, beyond it \"yarn\"")
	case r.Type == "longrope" || r.Type == "su":
		return fmt.Errorf("rope_type is %q, whose angles depend on the longest sequence of a batch; use the variant of the model with a short context", r.Type)
	}
	return fmt.Errorf("rope_type is %q; want one of %s", r.Type, strings.Join(RopeTypes, ", "))
}

// channels is how many of a head's channels are rotated, before they are paired.
func (r *RopeScaling) channels(headDim int64) int64 { return int64(float64(headDim) * *r.Partial) }

func (r *RopeScaling) pairs(headDim int64) int64 { return (r.channels(headDim) + 1) / 2 }

// Table makes the table of a model whose heads have headDim channels.
func (r *RopeScaling) Table(device tensor.Device, headDim int64) *RopeTable {
	return NewRopeTable(device, r.Inverse(headDim), r.Magnitude())
}

// Inverse returns the angular speed of each rotated pair of channels, in
// radians a position.
func (r *RopeScaling) Inverse(headDim int64) []float64 {
	dim := float64(r.channels(headDim))
	speeds := make([]float64, r.pairs(headDim))
	for i := range speeds {
		speed := float64(float32(1 / math.Pow(r.Theta, float64(2*i)/dim)))
		switch r.Type {
		case "linear":
			speed /= r.Factor
		case "llama3":
			speed = r.llama3(speed)
		case "yarn":
			speed = r.yarn(speed, float64(i), dim)
		}
		speeds[i] = speed
	}
	return speeds
}

// llama3 slows down the pairs whose wavelength is long relative to the context of
// pre-training, and blends in between (Dubey et al. 2024, arXiv:2407.21783, section 3.2).
func (r *RopeScaling) llama3(speed float64) float64 {
	wavelength := 2 * math.Pi / speed
	longest := r.OriginalMaxSeen / r.LowFreqFactor
	shortest := r.OriginalMaxSeen / r.HighFreqFactor
	switch {
	case wavelength > longest:
		return speed / r.Factor
	case wavelength < shortest:
		return speed
	}
	smooth := (r.OriginalMaxSeen/wavelength - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
	return (1-smooth)*speed/r.Factor + smooth*speed
}

// yarn slows down pair i of dim/2 by a share that grows from 0, at the pair that
// turns BetaFast times within the context of pre-training, to 1, at the one that
// turns BetaSlow times (Peng et al. 2023, arXiv:2309.00071, section 3.2).
func (r *RopeScaling) yarn(speed, i, dim float64) float64 {
	low := r.turning(r.BetaFast, dim)
	high := r.turning(r.BetaSlow, dim)
	if r.Truncate == nil || *r.Truncate {
		low = math.Floor(low)
		high = math.Ceil(high)
	}
	low = max(low, 0)
	high = min(high, dim-1)
	if low == high {
		high += 0.001
	}
	slow := min(max((i-low)/(high-low), 0), 1)
	return speed/r.Factor*slow + speed*(1-slow)
}

// turning is the (fractional) index of the pair that turns so many times within the
// context of pre-training.
func (r *RopeScaling) turning(times, dim float64) float64 {
	return dim * math.Log(r.OriginalMaxSeen/(times*2*math.Pi)) / (2 * math.Log(r.Theta))
}

// Magnitude is the factor of rotated channels: yarn sharpens attention
// by it (section 3.4); 1 for the others.
func (r *RopeScaling) Magnitude() float64 {
	switch {
	case r.Type != "yarn":
		return 1
	case r.AttentionFactor != nil:
		return *r.AttentionFactor
	case r.MScale != 0 && r.MScaleAllDim != 0:
		return r.sharpness(r.MScale) / r.sharpness(r.MScaleAllDim)
	}
	return r.sharpness(1)
}

func (r *RopeScaling) sharpness(scale float64) float64 {
	if r.Factor <= 1 {
		return 1
	}
	return 0.1*scale*math.Log(r.Factor) + 1
}
