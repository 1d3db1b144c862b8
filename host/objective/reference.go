package objective

import (
	"context"

	"llmhost/host/data"
	"llmhost/host/tensor"
)

// RefLogps computes the log-probabilities of the labels of examples under the
// model, in nats: in the order of examples, their sequences and each one's labels.
func (c RefCache) RefLogps(ctx context.Context, examples data.Examples) (logps []float32, err error) {
	defer tensor.Catch(&err)
	mode := c.Model.Params().Mode()
	before := *mode
	mode.Training = false
	mode.Off = c.Bare
	defer func() { *mode = before }()
	for batch, err := range data.InOrder(examples, nil)(c.Size) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		b := data.Pack(batch, c.Share)
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				hidden := c.Model.Forward(NewPass(c.Device, &b))
				for _, v := range labelLogps(c.Device, c.Model, hidden, &b).Floats() {
					logps = append(logps, float32(v))
				}
			})
		})
	}
	return logps, nil
}

// SetRefLogps gives the sequences of examples what RefLogps computed for them, and
// returns what is left.
func SetRefLogps(examples []data.Example, logps []float32) (left []float32) {
	for i := range examples {
		for k := range examples[i].Sequences {
			sequence := &examples[i].Sequences[k]
			n := sequence.LabelCount()
			sequence.RefLogps = logps[:n:n]
			logps = logps[n:]
		}
	}
	return logps
}
