package conformance_test

import (
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/tensor"
)

// rawInputs makes the inputs of a loss program of the tensors of a case. The
// sizes are those of the logits or log-probabilities.
type rawInputs struct {
	rawLoss
	exec.Given
	real   tensor.DType
	leaves map[string]tensor.Tensor // what gradients are taken of
}

func newRawInputs(r rawLoss, real tensor.DType) *rawInputs {
	in := &rawInputs{rawLoss: r, real: real, leaves: map[string]tensor.Tensor{},
		Given: exec.Given{Inputs: map[string]tensor.Tensor{}, Sizes: map[string]int64{}}}
	switch {
	case in.golden.Has("in.policy_chosen_logps"):
		in.pairs()
	case in.golden.Has("in.policy_logps"):
		in.answers()
	case in.golden.Has("in.lm_logits"):
		in.rewards("rm_logits")
		in.texts()
	case tasks[in.task].loss == "reward":
		in.rewards("logits")
	case strings.HasSuffix(tasks[in.task].loss, "classification"):
		in.classes()
	default:
		in.tokens(in.leaf("logits"), in.get(in.labelsKey()))
		in.scores()
	}
	in.numbers()
	return in
}

func (in *rawInputs) get(name string) array { return fetch(in.t, in.golden, "in."+name) }

// leaf is a tensor of the case whose gradient is looked at.
func (in *rawInputs) leaf(name string) tensor.Tensor {
	a := in.get(name)
	in.leaves[name] = tensor.Of(tensor.CPU, a.values, a.shape...).To(in.real).RequireGrad()
	return in.leaves[name]
}

// gradient is zeros for a leaf that the loss does not look at.
func (in *rawInputs) gradient(name string) []float64 {
	if g := in.leaves[name].Grad(); g.Defined() {
		return g.Floats()
	}
	return make([]float64, in.leaves[name].Numel())
}

// pairs are log-probabilities of whole answers, of which the first is the better.
func (in *rawInputs) pairs() {
	n := in.get("policy_chosen_logps").shape[0]
	both := func(of func(name string) tensor.Tensor, model string) tensor.Tensor {
		return tensor.Cat(1, of(model+"_chosen_logps").View(n, 1, 1), of(model+"_rejected_logps").View(n, 1, 1))
	}
	in.Inputs["policy.logps"] = both(in.leaf, "policy")
	in.Inputs["ref.logps"] = both(in.leaf, "ref").Detach()
	in.size(n, 2, 1)
	in.setScores(slices.Repeat([]float64{1, 0}, int(n)))
}

// answers are log-probabilities of whole answers, each good or bad.
func (in *rawInputs) answers() {
	labels := in.get("labels")
	n := labels.shape[0]
	other := map[string]string{"mismatched.policy.logps": "kl_policy_logps", "mismatched.ref.logps": "kl_ref_logps"}
	if in.variant == "z0_clamped" { // the mean divergence below 0
		other = map[string]string{"mismatched.policy.logps": "kl_ref_logps", "mismatched.ref.logps": "kl_policy_logps"}
	}
	for input, name := range other {
		in.Inputs[input] = in.leaf(name).Detach().View(n, 1, 1)
	}
	in.Inputs["policy.logps"] = in.leaf("policy_logps").View(n, 1, 1)
	in.Inputs["ref.logps"] = in.leaf("ref_logps").Detach().View(n, 1, 1)
	in.size(n, 1, 1)
	in.Sizes["U"] = 1
	in.setScores(labels.values)
}

// size settles B, K and T; every position has a label until tokens says otherwise.
func (in *rawInputs) size(b, k, t int64) {
	in.Sizes["B"], in.Sizes["K"], in.Sizes["T"] = b, k, t
	in.Inputs["label_mask"] = tensor.Of(tensor.CPU, slices.Repeat([]bool{true}, int(b*k*t)), b, k, t)
}

// rewards are [B, K], with no gradient where a candidate only fills up.
func (in *rawInputs) rewards(name string) {
	rewards := in.leaf(name)
	in.size(rewards.Size(0), rewards.Size(1), 1)
	in.scores()
	in.Inputs["rewards"] = rewards.WhereScalar(in.Inputs["candidate_mask"], 0)
}

// texts are logits [B*K, T, V] of whole texts, all of whose tokens are labels.
func (in *rawInputs) texts() {
	labels, mask := in.get("input_ids"), in.get("attention_mask")
	for i, m := range mask.values {
		if m == 0 {
			labels.values[i] = data.Ignore
		}
	}
	logits := in.leaf("lm_logits")
	in.tokens(logits.View(in.Sizes["B"], in.Sizes["K"], logits.Size(1), logits.Size(2)), labels)
}

// classes are logits [N, classes], with labels for each head.
func (in *rawInputs) classes() {
	for _, name := range in.golden.Names() {
		name, _ = strings.CutPrefix(name, "in.")
		head, found := strings.CutSuffix(name, "logits")
		if !found || strings.HasPrefix(name, "grad.") {
			continue
		}
		logits, of := in.leaf(name), headOr(strings.TrimSuffix(head, "_"))
		labels := head + "labels"
		if missing := labels + "_missing"; in.variant == "missing_label" && in.golden.Has("in."+missing) {
			labels = missing
		}
		in.Inputs["logits."+of] = logits
		in.Inputs["label."+of] = tensor.Of(tensor.CPU, convert[int64](in.get(labels).values))
		in.Sizes["B"], in.Sizes["C_"+of] = logits.Size(0), logits.Size(1)
	}
	in.Inputs["candidate_mask"] = tensor.Of(tensor.CPU, slices.Repeat([]bool{true}, int(in.Sizes["B"])), in.Sizes["B"], 1)
	in.Sizes["K"], in.Sizes["T"] = 1, 1
}

// tokens are logits [B, T, V] or [B, K, T, V]: those of a position are of the
// label after it.
func (in *rawInputs) tokens(logits tensor.Tensor, labels array) {
	shape := logits.Shape()
	rows, k, length := shape[0], int64(1), shape[len(shape)-2]-1
	if len(shape) == 4 {
		k = shape[1]
	}
	var target []int64
	var labelled []bool
	for _, row := range labels.ints() {
		for _, label := range row[1:] {
			target, labelled = append(target, max(label, 0)), append(labelled, label != data.Ignore)
		}
	}
	in.size(rows, k, length)
	mask := tensor.Of(tensor.CPU, labelled, rows, k, length)
	index := tensor.Of(tensor.CPU, target, rows, k, length, 1)
	all := func(x tensor.Tensor) tensor.Tensor {
		return x.View(rows, k, length+1, shape[len(shape)-1]).Narrow(2, 0, length).LogSoftmax(3)
	}
	at := func(logps tensor.Tensor) tensor.Tensor {
		return logps.Gather(3, index).Squeeze(3).MaskedFill(mask.LogicalNot(), 0)
	}
	policy := all(logits)
	in.Inputs["label_mask"], in.Inputs["policy.logps"] = mask, at(policy)
	if in.golden.Has("in.ref_logits") {
		reference := all(in.leaf("ref_logits")).Detach()
		in.Inputs["ref.logps"] = at(reference)
		in.Inputs["kl.reverse"] = policy.Exp().Mul(policy.Sub(reference)).SumDim(3, false).MaskedFill(mask.LogicalNot(), 0)
	}
}

// labelsKey and scoresKey name the tensors of a variant: llm_codebase knows
// neither tokens without a label nor answers without a signal where it weighs them.
func (in *rawInputs) labelsKey() string {
	if in.variant == readmeVariant && in.golden.Has("in.full_labels") {
		return "full_labels"
	}
	return "labels"
}

func (in *rawInputs) scoresKey() string {
	switch {
	case in.variant == readmeVariant && in.golden.Has("in.nonzero_scores"):
		return "nonzero_scores"
	case in.golden.Has("in.scores"):
		return "scores"
	}
	return "rewards"
}

// scores reads those of the candidates; without any, all are real.
func (in *rawInputs) scores() {
	scores := make([]float64, in.Sizes["B"]*in.Sizes["K"])
	if key := in.scoresKey(); in.golden.Has("in." + key) {
		scores = in.get(key).values
	}
	in.setScores(scores)
}

func (in *rawInputs) setScores(scores []float64) {
	lowest := float64(padScore + 1)
	if in.variant == readmeVariant && tasks[in.task].loss == "reward" {
		lowest = 0 // llm_codebase takes any score below for padding
	}
	real := make([]bool, len(scores))
	for i, score := range scores {
		real[i] = score >= lowest
		if !real[i] {
			scores[i] = 0 // as a batch has it
		}
	}
	b, k := in.Sizes["B"], in.Sizes["K"]
	in.Inputs["candidate_mask"], in.Inputs["column.score"] = tensor.Of(tensor.CPU, real, b, k), tensor.Of(tensor.CPU, scores, b, k)
}

// numbers are those of whole examples.
func (in *rawInputs) numbers() {
	weights := slices.Repeat([]float64{1}, int(in.Sizes["B"]))
	switch {
	case in.task == "kl":
		weights = make([]float64, len(weights)) // of all that is no penalty
	case in.golden.Has("in.weights") && (in.task != "sft" || strings.HasSuffix(in.variant, "_weighted")):
		weights = in.get("weights").values
	}
	in.Inputs["example_column.weight"] = tensor.Of(tensor.CPU, weights)
	in.Inputs["example_column.margin"] = tensor.Of(tensor.CPU, make([]float64, len(weights))) // no case has one
	for name, key := range map[string]string{"reward": "rewards", "lm_mask": "lm_mask"} {
		if in.golden.Has("in." + key) {
			if a := in.get(key); len(a.shape) == 1 {
				in.Inputs["example_column."+name] = tensor.Of(tensor.CPU, a.values)
			}
		}
	}
}
