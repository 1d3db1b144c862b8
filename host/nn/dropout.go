package nn

import "llmhost/host/tensor"

// Dropout sets a share of its input to 0 while the model trains, and scales up
// the rest (Srivastava et al. 2014, JMLR 15).
type Dropout struct {
	rate float64
	mode *Mode
}

// Dropout makes one with a rate from 0 up to 1, which follows p's mode.
func (p *Params) Dropout(rate float64) Dropout { return Dropout{rate, &p.mode} }

// Rate returns the share that is dropped now: 0 unless the model trains.
func (d Dropout) Rate() float64 {
	if !d.mode.Training {
		return 0
	}
	return d.rate
}

// Forward keeps x's shape and type.
func (d Dropout) Forward(x tensor.Tensor) tensor.Tensor {
	if d.Rate() == 0 {
		return x
	}
	return x.Dropout(d.rate)
}
