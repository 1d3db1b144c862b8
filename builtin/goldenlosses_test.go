package builtin_test

import (
	"testing"

	"llmhost/builtin/classification"
	"llmhost/builtin/dpo"
	"llmhost/builtin/klpenalty"
	"llmhost/builtin/kto"
	"llmhost/builtin/multiclassification"
	"llmhost/builtin/offlineppo"
	"llmhost/builtin/rejectionsampling"
	"llmhost/builtin/reward"
	"llmhost/builtin/sft"
	"llmhost/builtin/weightedlearning"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func TestGoldenSFT(t *testing.T) {
	g := openGolden(t, "sft")
	k := read(g.get("in.logits"), g.get("in.labels"), nil, all)
	for variant, weights := range map[string][]float64{"token_mean": nil, "seq_mean": ones(4), "seq_mean_weighted": g.get("in.weights").data} {
		l := sft.Loss{Reduction: "seq_mean"}
		if weights == nil {
			l.Reduction = "token_mean"
		}
		in := k.in
		in.ExampleColumns = map[string][]float64{"weight": weights}
		if weights == nil {
			in.ExampleColumns = nil
		}
		g.check(variant, l, in, "logits", k.gradient)
	}
}

func TestGoldenSFTWithPenalty(t *testing.T) {
	g := openGolden(t, "sft_kl")
	reference := g.get("in.ref_logits")
	k := read(g.get("in.logits"), g.get("in.labels"), &reference, all)
	k.in.ExampleColumns = map[string][]float64{"weight": g.get("in.weights").data}
	for variant, p := range map[string]klpenalty.Penalty{"sentence": {}, "kl": {TokenLevel: true, Mode: "kl"}, "full": {TokenLevel: true, Mode: "full"}} {
		p.Coef = 0.3
		g.check(variant, sft.Loss{Reduction: "seq_mean", Penalty: p}, k.in, "logits", k.gradient)
	}
}

// penalized is a loss that is the penalty alone.
type penalized struct{ klpenalty.Penalty }

func (l penalized) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{
		{Name: "kl", Sum: l.Rows(g).Sum(), Count: g.Real().Sum(), Coefficient: 1},
		{Name: "none", Sum: g.Logps().MulScalar(0).Sum(), Coefficient: 1}, // so that both kinds of gradients are there
	}}
}

func TestGoldenKL(t *testing.T) {
	g := openGolden(t, "kl")
	reference := g.get("in.ref_logits")
	k := read(g.get("in.logits"), g.get("in.labels"), &reference, all)
	g.check("sentence", penalized{}, k.in, "logits", k.gradient)
	for _, mode := range []string{"kl", "abs", "mse", "full"} {
		g.check(mode, penalized{klpenalty.Penalty{TokenLevel: true, Mode: mode}}, k.in, "logits", k.gradient)
	}
}

func TestGoldenClassification(t *testing.T) {
	g := openGolden(t, "classification")
	logits := g.get("in.logits")
	in := sdktest.Inputs{Logits: map[string][][]float64{"label": rows(logits.data, logits.shape[1])}, Labels: map[string][]int{"label": whole(g.get("in.labels").data)}}
	g.check("mean", classification.Loss{Head: "label"}, in, "logits", func(r sdktest.Result) []float64 { return flat(r.LogitGradients["label"]) })
}

func TestGoldenMultiObjective(t *testing.T) {
	g := openGolden(t, "classification_multi")
	l := multiclassification.Loss{Objectives: "source=1,rank=0.5"}
	for variant, labels := range map[string]string{"all_labelled": "in.rank_labels", "missing_label": "in.rank_labels_missing"} {
		in := sdktest.Inputs{
			Logits: map[string][][]float64{"source": rows(g.get("in.source_logits").data, 4), "rank": rows(g.get("in.rank_logits").data, 2)},
			Labels: map[string][]int{"source": whole(g.get("in.source_labels").data), "rank": whole(g.get(labels).data)},
		}
		for _, head := range []string{"source", "rank"} {
			g.check(variant, l, in, head+"_logits", func(r sdktest.Result) []float64 { return flat(r.LogitGradients[head]) })
		}
	}
}

func whole(x []float64) []int {
	out := make([]int, len(x))
	for i, v := range x {
		out[i] = int(v)
	}
	return out
}

func flat(x [][]float64) []float64 {
	var out []float64
	for _, row := range x {
		out = append(out, row...)
	}
	return out
}

// unpadded leaves padded candidates out of numbers [B, K].
func unpadded(x, scores array) [][]float64 {
	k := scores.shape[1]
	out := make([][]float64, scores.shape[0])
	for i, v := range x.data {
		if scores.data[i] != padding {
			out[i/k] = append(out[i/k], v)
		}
	}
	return out
}

// repadded puts the gradients of rewards back into [B, K].
func repadded(r sdktest.Result, scores array) []float64 {
	out, next := make([]float64, len(scores.data)), 0
	all := flat(r.RewardGradients)
	for i, score := range scores.data {
		if score != padding {
			out[i], next = all[next], next+1
		}
	}
	return out
}

func rewardInputs(rewards, scores array, weights []float64) sdktest.Inputs {
	return sdktest.Inputs{Rewards: unpadded(rewards, scores), Score: unpadded(scores, scores), ExampleColumns: map[string][]float64{"weight": weights}}
}

func TestGoldenReward(t *testing.T) {
	for name, variant := range map[string]string{"rm_ranking": "default", "rm_ranking_negative": "default", "rm_ranking_no_pair": "default", "rm_ranking_weighted": "weighted"} {
		t.Run(name, func(t *testing.T) {
			g := openGolden(t, name)
			scores := g.get("in.scores")
			weights := ones(scores.shape[0])
			if g.tensors.Has("in.weights") {
				weights = g.get("in.weights").data
			}
			g.check(variant, reward.Loss{}, rewardInputs(g.get("in.logits"), scores, weights), "logits",
				func(r sdktest.Result) []float64 { return repadded(r, scores) })
		})
	}
}

// rewardWithLM is for golden numbers that were divided by the number of texts plus 1e-7.
const rewardWithLM = 1e-7

func TestGoldenRewardWithLM(t *testing.T) {
	g := openGolden(t, "rm_lm")
	scores, labels, mask := g.get("in.scores"), g.get("in.input_ids"), g.get("in.attention_mask")
	for i, m := range mask.data {
		if m == 0 {
			labels.data[i] = sdktest.NoLabel
		}
	}
	logits := g.get("in.lm_logits")
	logits.shape = append(append([]int{}, scores.shape...), logits.shape[1:]...)
	k := read(logits, labels, nil, func(row int) bool { return scores.data[row] != padding })
	in := rewardInputs(g.get("in.rm_logits"), scores, ones(scores.shape[0]))
	in.Logps = k.in.Logps
	for variant, coefficient := range map[string]float64{"coeff_0": 0, "coeff_0_1": 0.1, "coeff_1": 1} {
		l := reward.Loss{AddLM: true, LMCoefficient: coefficient, LMThreshold: 0.85}
		g.checkWithin(rewardWithLM, variant, l, in, "rm_logits", func(r sdktest.Result) []float64 { return repadded(r, scores) })
		if coefficient > 0 {
			g.checkWithin(rewardWithLM, variant, l, in, "lm_logits", k.gradient)
		}
	}
}

func TestGoldenRejectionSampling(t *testing.T) {
	g := openGolden(t, "rejection_sampling")
	scores := g.get("in.scores")
	k := read(g.get("in.logits"), g.get("in.labels"), nil, func(row int) bool { return scores.data[row] != padding })
	k.in.Score = unpadded(scores, scores)
	g.check("token_mean", rejectionsampling.Loss{Reduction: "token_mean"}, k.in, "logits", k.gradient)
}

func TestGoldenWeightedLearning(t *testing.T) {
	g := openGolden(t, "weighted_learning")
	k := read(g.get("in.logits"), g.get("in.labels"), nil, all)
	k.in.Score = rows(g.get("in.scores").data, 1)
	for _, reduction := range []string{"token_mean", "seq_mean"} {
		g.check(reduction, weightedlearning.Loss{Reduction: reduction}, k.in, "logits", k.gradient)
	}
}

func TestGoldenDPO(t *testing.T) {
	g := openGolden(t, "dpo")
	in := sdktest.Inputs{}
	for i, chosen := range g.get("in.policy_chosen_logps").data {
		in.Logps = append(in.Logps, [][]float64{{chosen}, {g.get("in.policy_rejected_logps").data[i]}})
		in.RefLogps = append(in.RefLogps, [][]float64{{g.get("in.ref_chosen_logps").data[i]}, {g.get("in.ref_rejected_logps").data[i]}})
		in.Score = append(in.Score, []float64{1, 0})
	}
	column := func(k int) func(r sdktest.Result) []float64 {
		return func(r sdktest.Result) (out []float64) {
			for _, prompt := range r.Gradients {
				out = append(out, prompt[k][0])
			}
			return out
		}
	}
	for variant, kind := range map[string]string{"sigmoid": "sigmoid", "sigmoid_beta_0_5": "sigmoid", "sigmoid_smooth_0_1": "sigmoid", "hinge": "hinge", "ipo": "ipo", "kto_pair": "kto_pair"} {
		params := g.Variants[variant].Params
		l := dpo.Loss{Type: kind, Beta: params["beta"].(float64), LabelSmoothing: params["label_smoothing"].(float64), Pairs: "best_over_rest"}
		g.check(variant, l, in, "policy_chosen_logps", column(0))
		g.check(variant, l, in, "policy_rejected_logps", column(1))
	}
}

func TestGoldenKTO(t *testing.T) {
	g := openGolden(t, "kto")
	column := func(name string) (out [][][]float64) {
		for _, v := range g.get("in." + name).data {
			out = append(out, [][]float64{{v}})
		}
		return out
	}
	for variant, l := range map[string]kto.Loss{
		"default": {Beta: 0.1, DesirableWeight: 1, UndesirableWeight: 1}, "weights": {Beta: 0.3, DesirableWeight: 1.33, UndesirableWeight: 0.75},
		"z0_clamped": {Beta: 0.1, DesirableWeight: 1, UndesirableWeight: 1},
	} {
		in := sdktest.Inputs{Logps: column("policy_logps"), RefLogps: column("ref_logps"),
			MismatchedLogps: column("kl_policy_logps"), MismatchedRefLogps: column("kl_ref_logps"), Score: rows(g.get("in.labels").data, 1)}
		if variant == "z0_clamped" {
			in.MismatchedLogps, in.MismatchedRefLogps = in.MismatchedRefLogps, in.MismatchedLogps
		}
		g.check(variant, l, in, "policy_logps", func(r sdktest.Result) (out []float64) {
			for _, prompt := range r.Gradients {
				out = append(out, prompt[0]...)
			}
			return out
		})
	}
}

func TestGoldenOfflinePPO(t *testing.T) {
	g := openGolden(t, "offline_ppo")
	reference := g.get("in.ref_logits")
	k := read(g.get("in.logits"), g.get("in.labels"), &reference, all)
	k.in.ExampleColumns = map[string][]float64{"reward": g.get("in.rewards").data, "weight": g.get("in.weights").data, "lm_mask": g.get("in.lm_mask").data}
	for variant, v := range g.Variants {
		p := v.Params
		g.check(variant, offlineppo.Loss{
			ClipRange: p["clip_range"].(float64), LMCoefficient: p["lm_coef"].(float64),
			Penalty: klpenalty.Penalty{Coef: p["kl_coef"].(float64), TokenLevel: p["token_level"].(bool), Mode: p["kl_penalty_mode"].(string)},
		}, k.in, "logits", k.gradient)
	}
}
