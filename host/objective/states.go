package objective

import (
	"llmhost/host/exec"
	"llmhost/host/tensor"
)

// Update changes the states after a step with these global means. skip is a
// float32 scalar on the device: where it is 1 they stay.
func (o *Objective) Update(means exec.Means, skip tensor.Tensor) {
	if len(o.states) == 0 {
		return
	}
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			moves := skip.EqScalar(0)
			for i, next := range o.device.Updates(o.inputs(nil, nil, nil), means) {
				o.states[i].CopyTensor(next.Where(moves, o.states[i]))
			}
		})
	})
}

// States reads the numbers that the program keeps from step to step, by name.
func (o *Objective) States() map[string]float64 {
	states := map[string]float64{}
	for i, s := range o.program.States {
		states[s.Name] = o.states[i].Item()
	}
	return states
}

// SetStates restores what States returned; a state without a value stays.
func (o *Objective) SetStates(values map[string]float64) {
	for i, s := range o.program.States {
		value, given := values[s.Name]
		if !given {
			continue
		}
		tensor.Scoped(func() {
			o.states[i].CopyTensor(tensor.Full(o.Device(), o.states[i].DType(), value))
		})
	}
}

// state finds one by its name; undefined where there is none.
func (o *Objective) state(name string) tensor.Tensor {
	for i, s := range o.program.States {
		if s.Name == name {
			return o.states[i]
		}
	}
	return tensor.Tensor{}
}
