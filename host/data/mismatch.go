package data

import "slices"

// Mismatch puts behind the prompt of each sequence the answer of the example
// before it (the first example gets that of the last). Losses estimate the
// divergence of two models from such pairs. An answer begins at the first label;
// what stands between its labels, and after them, is no label here either.
// Sequences longer than longest are cut on a side. A single example keeps its own
// answers.
func Mismatch(examples []Example, longest int, side Side) []Example {
	out := make([]Example, len(examples))
	for i, e := range examples {
		others := examples[(i+len(examples)-1)%len(examples)].Sequences
		out[i].Source = e.Source
		for k, sequence := range e.Sequences {
			other := others[min(k, len(others)-1)]
			out[i].Sequences = append(out[i].Sequences, mismatched(sequence, other, longest, side))
		}
	}
	return out
}

// mismatched joins the prompt of one sequence and the answer of another.
func mismatched(own, other Sequence, longest int, side Side) Sequence {
	prompt := own.IDs[:own.answer()]
	from := other.answer()
	ids := slices.Concat(prompt, other.IDs[from:])
	labels := slices.Concat(slices.Repeat([]int64{Ignore}, len(prompt)), other.Labels[from:])
	first, end := side.cut(len(ids), longest)
	return Sequence{IDs: ids[first:end], Labels: labels[first:end], Truncated: end-first < len(ids)}
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
