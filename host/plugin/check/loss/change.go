package loss

import (
	"maps"
	"slices"

	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
)

// mapped returns the batch with f applied to every log-probability of the
// policy, the reference moving along.
func mapped(in sdktest.Inputs, f func(x float64) float64) sdktest.Inputs {
	out := in
	out.Logps, out.RefLogps = nil, nil
	for b, prompt := range in.Logps {
		var logps, reference [][]float64
		for k, row := range prompt {
			own := make([]float64, len(row))
			other := make([]float64, len(row))
			for i, x := range row {
				own[i] = f(x)
				other[i] = own[i] + in.RefLogps[b][k][i] - x
			}
			logps = append(logps, own)
			reference = append(reference, other)
		}
		out.Logps, out.RefLogps = append(out.Logps, logps), append(out.RefLogps, reference)
	}
	return out
}

// only picks the input called name.
func only(name string) func(input string) bool {
	return func(input string) bool { return input == name }
}

// withColumn returns the batch with f applied to every number of the columns
// that pick names.
func withColumn(in sdktest.Inputs, pick func(input string) bool, f func(x float64) float64) sdktest.Inputs {
	out := in
	out.Columns = map[string][][]float64{}
	out.ExampleColumns = map[string][]float64{}
	for name, rows := range in.Columns {
		for _, row := range rows {
			out.Columns[name] = append(out.Columns[name], applied(row, pick("column."+name), f))
		}
	}
	for name, row := range in.ExampleColumns {
		out.ExampleColumns[name] = applied(row, pick("example_column."+name), f)
	}
	return out
}

// applied3 is f of every number; nil stays nil.
func applied3(rows [][][]float64, f func(x float64) float64) [][][]float64 {
	var out [][][]float64
	for _, prompt := range rows {
		out = append(out, applied2(prompt, f))
	}
	return out
}

func applied2(rows [][]float64, f func(x float64) float64) [][]float64 {
	var out [][]float64
	for _, row := range rows {
		out = append(out, applied(row, true, f))
	}
	return out
}

func applied(row []float64, on bool, f func(x float64) float64) []float64 {
	out := append([]float64(nil), row...)
	for i, x := range out {
		if on {
			out[i] = f(x)
		}
	}
	return out
}

// redrawn is the batch with what the model computes drawn again.
func (l *loss) redrawn(in sdktest.Inputs) sdktest.Inputs {
	out := mapped(in, func(float64) float64 { return numbers.Rounded(-0.05 - 4*l.draw.rng.Float64()) })
	out.Logits = map[string][][]float64{}
	for _, name := range slices.Sorted(maps.Keys(in.Logits)) { // in a fixed order, for each draws
		for _, row := range in.Logits[name] {
			out.Logits[name] = append(out.Logits[name], applied(row, true, func(float64) float64 { return numbers.Rounded(2 * l.draw.rng.NormFloat64()) }))
		}
	}
	l.redrawnBeside(&out)
	return out
}

// redrawnBeside redraws what the model computes besides log-probabilities and
// logits.
func (l *loss) redrawnBeside(in *sdktest.Inputs) {
	logp := func(float64) float64 { return numbers.Rounded(-0.05 - 4*l.draw.rng.Float64()) }
	kl := func(float64) float64 { return numbers.Rounded(2 * l.draw.rng.Float64()) }
	in.Rewards = applied2(in.Rewards, func(float64) float64 { return numbers.Rounded(1.5 * l.draw.rng.NormFloat64()) })
	in.ReverseKL, in.ForwardKL = applied3(in.ReverseKL, kl), applied3(in.ForwardKL, kl)
	in.VocabMeanLogps = applied3(in.VocabMeanLogps, func(float64) float64 { return numbers.Rounded(-2 - 4*l.draw.rng.Float64()) })
	in.MismatchedLogps, in.MismatchedRefLogps = applied3(in.MismatchedLogps, logp), applied3(in.MismatchedRefLogps, logp)
}

// between interpolates what the model computes on two batches: from at s = 0, to at
// s = 1.
func between(from, to sdktest.Inputs, s float64) sdktest.Inputs {
	out := from
	out.Logps, out.RefLogps = mixed3(from.Logps, to.Logps, s), mixed3(from.RefLogps, to.RefLogps, s)
	out.Rewards, out.ReverseKL, out.ForwardKL = mixed2(from.Rewards, to.Rewards, s), mixed3(from.ReverseKL, to.ReverseKL, s), mixed3(from.ForwardKL, to.ForwardKL, s)
	out.VocabMeanLogps = mixed3(from.VocabMeanLogps, to.VocabMeanLogps, s)
	out.MismatchedLogps, out.MismatchedRefLogps = mixed3(from.MismatchedLogps, to.MismatchedLogps, s), mixed3(from.MismatchedRefLogps, to.MismatchedRefLogps, s)
	out.Logits = map[string][][]float64{}
	for name := range from.Logits {
		out.Logits[name] = mixed2(from.Logits[name], to.Logits[name], s)
	}
	return out
}

func mixed3(a, b [][][]float64, s float64) [][][]float64 {
	if a == nil {
		return nil
	}
	out := make([][][]float64, len(a))
	for i := range a {
		out[i] = mixed2(a[i], b[i], s)
	}
	return out
}

func mixed2(a, b [][]float64, s float64) [][]float64 {
	if a == nil {
		return nil
	}
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(a[i]))
		for j := range a[i] {
			out[i][j] = (1-s)*a[i][j] + s*b[i][j]
		}
	}
	return out
}
