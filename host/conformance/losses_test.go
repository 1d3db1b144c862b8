package conformance_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/plugin"
	"llmhost/host/program"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

func skipOtherLosses(_ fixtures, name string) string {
	if slices.Contains(tasks, name) {
		return ""
	}
	return noSuchTask
}

// lossCase is a loss on raw logits.
type lossCase struct {
	Variants map[string]lossVariant
}

type lossVariant struct {
	Params   map[string]any
	Loss     float64
	LossF64  *float64           `json:"loss_f64"`
	Target   *bool              // false: what the reference does where it is wrong
	GradNorm map[string]float64 `json:"grad_norm"`
}

func checkLoss(t *testing.T, f fixtures, name string) {
	c := read[lossCase](t, f, "losses", name)
	golden := tensors(t, f, "losses", name)
	for _, variant := range slices.Sorted(maps.Keys(c.Variants)) {
		want := c.Variants[variant]
		t.Run(variant, func(t *testing.T) {
			if strings.HasPrefix(variant, "seed_") && strings.HasSuffix(variant, "_literal") || want.Target != nil && !*want.Target {
				t.Skip("no target: it records what the reference does where the reference is wrong")
			}
			for _, road := range roadsOf(name, name) {
				t.Run(road.name, func(t *testing.T) {
					p := trace(t, plugin.Loss, road.spec(t), lossParams(name, variant, want.Params))
					raw := rawLoss{program: p, plainSum: variant == "token_sum", weighted: strings.HasSuffix(variant, "_weighted")}
					raw.compare(t, golden, variant, want)
				})
			}
		})
	}
}

// compare holds the loss of a variant and its gradient to the golden numbers.
func (r rawLoss) compare(t *testing.T, golden *safetensors.File, variant string, want lossVariant) {
	t.Run("float32", func(t *testing.T) {
		loss, gradient := r.run(t, golden, tensor.Float32)
		requireClose(t, want.Loss, loss, lossTolerance, "loss")
		requireClose(t, want.GradNorm["logits"], norm(gradient), gradientTolerance, "norm of the gradient")
		requireGradient(t, fetch(t, golden, "grad."+variant+".logits").values, gradient, gradientTolerance, "logits")
	})
	t.Run("float64", func(t *testing.T) {
		if want.LossF64 == nil {
			t.Skip("this variant has no float64 loss")
		}
		loss, _ := r.run(t, golden, tensor.Float64)
		requireClose(t, *want.LossF64, loss, exactTolerance, "loss")
	})
}

// rawLoss runs a loss program on logits.
type rawLoss struct {
	program  *program.Program
	plainSum bool // leave the counts out
	weighted bool // take the weights of the case, not 1
}

// run returns the loss, and its gradient with respect to the logits.
func (r rawLoss) run(t *testing.T, golden *safetensors.File, real tensor.DType) (loss float64, gradient []float64) {
	tensor.Scoped(func() {
		in := fetch(t, golden, "in.logits")
		logits := tensor.Of(tensor.CPU, in.values, in.shape...).To(real).RequireGrad()
		out := exec.Loss(r.program, exec.Where{Device: tensor.CPU, Real: real}, r.arguments(t, golden, logits))
		total := tensor.Zeros(tensor.CPU, real)
		for i, term := range out.Terms {
			_, count := term.Read()
			if r.plainSum {
				count = 1
			}
			total = total.Add(term.Sum.MulScalar(r.program.Terms[i].Coefficient / count))
		}
		total.Backward()
		loss, gradient = total.Item(), logits.Grad().Floats()
	})
	return loss, gradient
}

// arguments makes a program's inputs of logits [B, T, V] or [B, K, T, V]: the
// logits of a position are those of the label after it.
func (r rawLoss) arguments(t *testing.T, golden *safetensors.File, logits tensor.Tensor) exec.Arguments {
	shape := logits.Shape()
	rows, k, length, vocab := shape[0], int64(1), shape[len(shape)-2]-1, shape[len(shape)-1]
	if len(shape) == 4 {
		k = shape[1]
	}
	var target []int64
	var labelled []bool
	for _, row := range fetch(t, golden, "in.labels").ints() {
		for _, label := range row[1:] {
			target, labelled = append(target, max(label, 0)), append(labelled, label != data.Ignore)
		}
	}
	mask := tensor.Of(tensor.CPU, labelled, rows, k, length)
	logps := logits.View(rows, k, length+1, vocab).Narrow(2, 0, length).LogSoftmax(3)
	logps = logps.Gather(3, tensor.Of(tensor.CPU, target, rows, k, length, 1)).Squeeze(3).MaskedFill(mask.LogicalNot(), 0)
	inputs := map[string]tensor.Tensor{"policy.logps": logps, "label_mask": mask}
	weights := slices.Repeat([]float64{1}, int(rows))
	if r.weighted {
		weights = fetch(t, golden, "in.weights").values
	}
	inputs["example_column.weight"] = tensor.Of(tensor.CPU, weights, rows)
	scores := make([]float64, rows*k)
	if golden.Has("in.rewards") {
		scores = fetch(t, golden, "in.rewards").values
	}
	real := make([]bool, len(scores))
	for i, score := range scores {
		real[i] = score != padScore
		if !real[i] {
			scores[i] = 0 // as a batch has it
		}
	}
	inputs["candidate_mask"], inputs["column.score"] = tensor.Of(tensor.CPU, real, rows, k), tensor.Of(tensor.CPU, scores, rows, k)
	return exec.Arguments{Inputs: inputs, Sizes: map[string]int64{"B": rows, "K": k, "T": length}}
}
