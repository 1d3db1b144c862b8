package llama

import (
	"fmt"
	"math"
)

// RopeScaling says how rotary angles depend on the position.
type RopeScaling struct {
	Theta float64 `json:"rope_theta"`
	Type  string  `json:"rope_type"`
	// OldType is the key that transformers before 4.43 wrote.
	OldType         string  `json:"type"`
	Partial         float64 `json:"partial_rotary_factor"`
	Factor          float64 `json:"factor"`
	LowFreqFactor   float64 `json:"low_freq_factor"`
	HighFreqFactor  float64 `json:"high_freq_factor"`
	OriginalMaxSeen float64 `json:"original_max_position_embeddings"`
}

func (r *RopeScaling) settle(maxPositions int64) {
	if r.Type == "" {
		r.Type = r.OldType
	}
	if r.Type == "" {
		r.Type = "default"
	}
	if r.OriginalMaxSeen == 0 {
		r.OriginalMaxSeen = float64(maxPositions)
	}
}

func (r *RopeScaling) validate() error {
	switch {
	case r.Type != "default" && r.Type != "linear" && r.Type != "llama3":
		return fmt.Errorf("rope_type is %q; want \"default\", \"linear\" or \"llama3\"", r.Type)
	case r.Theta <= 0:
		return fmt.Errorf("rope_theta is %v; want a positive number", r.Theta)
	case r.Type != "default" && r.Factor < 1:
		return fmt.Errorf("factor of rope_type %q is %v; want at least 1", r.Type, r.Factor)
	case r.Type == "llama3" && r.HighFreqFactor <= r.LowFreqFactor:
		return fmt.Errorf("high_freq_factor is %v; want more than low_freq_factor, %v", r.HighFreqFactor, r.LowFreqFactor)
	}
	return nil
}

// Inverse returns the angular speed of each pair of channels, in radians a position.
func (r *RopeScaling) Inverse(headDim int64) []float64 {
	speeds := make([]float64, headDim/2)
	for i := range speeds {
		speed := float64(float32(1 / math.Pow(r.Theta, float64(2*i)/float64(headDim))))
		switch r.Type {
		case "linear":
			speed /= r.Factor
		case "llama3":
			speed = r.llama3(speed)
		}
		speeds[i] = speed
	}
	return speeds
}

// llama3 slows down the pairs whose wavelength is long against the context of
// pre-training, and blends in between (Dubey et al. 2024, section 3.2).
func (r *RopeScaling) llama3(speed float64) float64 {
	wavelength := 2 * math.Pi / speed
	longest, shortest := r.OriginalMaxSeen/r.LowFreqFactor, r.OriginalMaxSeen/r.HighFreqFactor
	switch {
	case wavelength > longest:
		return speed / r.Factor
	case wavelength < shortest:
		return speed
	}
	smooth := (r.OriginalMaxSeen/wavelength - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
	return (1-smooth)*speed/r.Factor + smooth*speed
}
