package sdktest

// Pick returns the batch of the given prompts, in that order. K, T and U stay,
// so that it is laid out as before.
func (in Inputs) Pick(prompts ...int) Inputs {
	_, k, t := in.sizes()
	return Inputs{
		Logps: entriesOf(in.Logps, prompts), RefLogps: entriesOf(in.RefLogps, prompts),
		Rewards: entriesOf(in.Rewards, prompts), ReverseKL: entriesOf(in.ReverseKL, prompts), ForwardKL: entriesOf(in.ForwardKL, prompts),
		VocabMeanLogps:  entriesOf(in.VocabMeanLogps, prompts),
		MismatchedLogps: entriesOf(in.MismatchedLogps, prompts), MismatchedRefLogps: entriesOf(in.MismatchedRefLogps, prompts),
		Columns: entriesOfEach(in.columns(), prompts), ExampleColumns: entriesOfEach(in.ExampleColumns, prompts),
		Logits: entriesOfEach(in.Logits, prompts), Labels: entriesOfEach(in.Labels, prompts),
		States: in.States,
		K:      k, T: t, U: in.mismatched(),
	}
}

// Reorder returns the batch with the candidates of each prompt in another
// order: order(n) is a permutation of n candidates.
func (in Inputs) Reorder(order func(n int) []int) Inputs {
	out := in
	out.Score = nil
	out.Columns = map[string][][]float64{}
	for _, rows := range []*[][][]float64{&out.Logps, &out.RefLogps, &out.ReverseKL, &out.ForwardKL, &out.VocabMeanLogps, &out.MismatchedLogps, &out.MismatchedRefLogps} {
		*rows = within(*rows, order)
	}
	out.Rewards = within(in.Rewards, order)
	for name, column := range in.columns() {
		out.Columns[name] = within(column, order)
	}
	return out
}

// Padded returns the batch padded with k more candidates, t more label
// positions and as many more tokens of mismatched answers.
func (in Inputs) Padded(k, t int) Inputs {
	_, atLeastK, atLeastT := in.sizes()
	in.K, in.T, in.U = atLeastK+k, atLeastT+t, in.mismatched()+t
	return in
}

// entriesOf lists the given entries; nil stays nil.
func entriesOf[V any](list []V, entries []int) []V {
	if list == nil {
		return nil
	}
	out := make([]V, len(entries))
	for i, at := range entries {
		out[i] = list[at]
	}
	return out
}

func entriesOfEach[V any](lists map[string][]V, entries []int) map[string][]V {
	out := map[string][]V{}
	for name, list := range lists {
		out[name] = entriesOf(list, entries)
	}
	return out
}

// within reorders each inner list.
func within[V any](lists [][]V, order func(n int) []int) [][]V {
	if lists == nil {
		return nil
	}
	out := make([][]V, len(lists))
	for i, list := range lists {
		out[i] = entriesOf(list, order(len(list)))
	}
	return out
}
