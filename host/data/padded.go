package data

// Padded is the view of examples that most other software trains on: one line
// of equal length for each of B*K rows, filled up on the right. The host never
// computes it; it serves comparisons.
type Padded struct {
	IDs, Mask, Labels [][]int64 // [B*K][T], T the tokens of the longest row
}

// Pad returns the padded view of examples. Rows that fill an example up to K hold pad alone.
func Pad(examples []Example, pad int64) Padded {
	rows, length := 0, 0
	for _, g := range examples {
		rows = max(rows, len(g.Sequences))
		for _, row := range g.Sequences {
			length = max(length, len(row.IDs))
		}
	}
	var p Padded
	for _, g := range examples {
		for k := range rows {
			var row Sequence
			if k < len(g.Sequences) {
				row = g.Sequences[k]
			}
			p.add(row, length, pad)
		}
	}
	return p
}

func (p *Padded) add(row Sequence, length int, pad int64) {
	ids, mask, labels := make([]int64, length), make([]int64, length), make([]int64, length)
	for t := range length {
		ids[t], labels[t] = pad, Ignore
		if t < len(row.IDs) {
			ids[t], mask[t], labels[t] = row.IDs[t], 1, row.Labels[t]
		}
	}
	p.IDs, p.Mask, p.Labels = append(p.IDs, ids), append(p.Mask, mask), append(p.Labels, labels)
}
