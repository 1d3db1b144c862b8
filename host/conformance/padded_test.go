package conformance_test

import "llmhost/host/data"

// padded is the view of examples that most other software trains on: one line of
// equal length for each candidate, filled up on the right.
type padded struct {
	ids, mask, labels [][]int64 // [B*K][length of the longest sequence]
}

// pad returns the padded view of examples. Sequences that fill an example up to K
// hold padID alone.
func pad(examples []data.Example, padID int64) padded {
	candidates, length := 0, 0
	for _, e := range examples {
		candidates = max(candidates, len(e.Sequences))
		for _, sequence := range e.Sequences {
			length = max(length, len(sequence.IDs))
		}
	}
	var p padded
	for _, e := range examples {
		for k := range candidates {
			var sequence data.Sequence
			if k < len(e.Sequences) {
				sequence = e.Sequences[k]
			}
			p.add(sequence, length, padID)
		}
	}
	return p
}

// add appends a line of a sequence.
func (p *padded) add(sequence data.Sequence, length int, padID int64) {
	ids := make([]int64, length)
	mask := make([]int64, length)
	labels := make([]int64, length)
	for t := range length {
		ids[t], labels[t] = padID, data.Ignore
		if t < len(sequence.IDs) {
			ids[t], mask[t], labels[t] = sequence.IDs[t], 1, sequence.Labels[t]
		}
	}
	p.ids = append(p.ids, ids)
	p.mask = append(p.mask, mask)
	p.labels = append(p.labels, labels)
}
