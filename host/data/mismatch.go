package data

import "slices"

// Mismatch gives each row the answer that the row of the example before it has,
// the first that of the last, behind its own prompt: what a loss estimates the
// distance of two models by. A row's answer begins at its first label. Rows
// longer than maxLength lose their first tokens. One example alone keeps its own
// answers.
func Mismatch(examples []Example, maxLength int) []Example {
	out := make([]Example, len(examples))
	for i, g := range examples {
		other := examples[(i+len(examples)-1)%len(examples)]
		out[i] = Example{Source: g.Source}
		for k, row := range g.Sequences {
			out[i].Sequences = append(out[i].Sequences, mismatched(row, other.Sequences[min(k, len(other.Sequences)-1)], maxLength))
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
