package objective

import (
	"context"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/tensor"
)

// RefLogps computes the log-probabilities of the labels of examples under a
// model, in nats: in the order of examples, their sequences and each one's labels.
// Batches hold size examples.
func RefLogps(ctx context.Context, m *model.Model, device tensor.Device, examples []data.Example, size int, share bool) (logps []float32, err error) {
	defer tensor.Catch(&err)
	mode := m.Params().Mode()
	before := *mode
	mode.Training = false
	mode.Off = true
	defer func() { *mode = before }()
	for start := 0; start < len(examples); start += size {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		b := data.Pack(examples[start:min(start+size, len(examples))], share)
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				hidden := m.Forward(NewPass(device, &b))
				for _, v := range labelLogps(device, m, hidden, &b).Floats() {
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
