package data

// Padded is the view of groups that most other software trains on: one line
// of equal length for each of B*K rows, filled up on the right. The host never
// computes it; it serves comparisons.
type Padded struct {
	IDs, Mask, Labels [][]int64 // [B*K][T], T the tokens of the longest row
}

// Pad returns the padded view of groups. Rows that fill a group up to K hold pad alone.
func Pad(groups []Group, pad int64) Padded {
	rows, length := 0, 0
	for _, g := range groups {
		rows = max(rows, len(g.Rows))
		for _, row := range g.Rows {
			length = max(length, len(row.IDs))
		}
	}
	var p Padded
	for _, g := range groups {
		for k := range rows {
			var row Sequence
			if k < len(g.Rows) {
				row = g.Rows[k]
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
