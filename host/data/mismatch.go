package data

import "slices"

// Mismatch gives each row the answer that the row of the group before it has,
// the first that of the last, behind its own prompt: what a loss estimates the
// distance of two models by. A row's answer begins at its first label. Rows
// longer than maxLength lose their first tokens. One group alone keeps its own
// answers.
func Mismatch(groups []Group, maxLength int) []Group {
	out := make([]Group, len(groups))
	for i, g := range groups {
		other := groups[(i+len(groups)-1)%len(groups)]
		out[i] = Group{Source: g.Source}
		for k, row := range g.Rows {
			out[i].Rows = append(out[i].Rows, mismatched(row, other.Rows[min(k, len(other.Rows)-1)], maxLength))
		}
	}
	return out
}

func mismatched(row, other Sequence, maxLength int) Sequence {
	prompt, answer := row.IDs[:row.answer()], other.IDs[other.answer():]
	ids := slices.Concat(prompt, answer)
	labels := slices.Concat(slices.Repeat([]int64{Ignore}, len(prompt)), answer)
	cut := max(0, len(ids)-maxLength)
	return Sequence{IDs: ids[cut:], Labels: labels[cut:], Truncated: cut > 0}
}

// answer is the index of the first label.
func (s Sequence) answer() int {
	for t, label := range s.Labels {
		if label != Ignore {
			return t
		}
	}
	return len(s.Labels)
}
