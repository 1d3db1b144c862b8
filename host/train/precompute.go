package train

import (
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/tensor"
)

// RefLogps computes the log-probabilities of the labels of groups under a
// model, in nats: in the order of groups, of their rows and of each row's labels.
// Batches hold size groups.
func RefLogps(m *model.Folder, device tensor.Device, groups []data.Group, size int, share bool) (logps []float32, err error) {
	defer tensor.Catch(&err)
	mode := m.Params().Mode()
	before := *mode
	mode.Training, mode.Off = false, true
	defer func() { *mode = before }()
	for start := 0; start < len(groups); start += size {
		b := data.Pack(groups[start:min(start+size, len(groups))], share)
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				hidden := m.Forward(NewPack(device, &b), nil)
				for _, v := range labelLogps(device, m, hidden, &b).Floats() {
					logps = append(logps, float32(v))
				}
			})
		})
	}
	return logps, nil
}

// SetRefLogps gives the rows of groups what RefLogps computed of them, and
// returns what is left.
func SetRefLogps(groups []data.Group, logps []float32) (left []float32) {
	for i := range groups {
		for k := range groups[i].Rows {
			row := &groups[i].Rows[k]
			n := row.LabelCount()
			row.RefLogps, logps = logps[:n:n], logps[n:]
		}
	}
	return logps
}
