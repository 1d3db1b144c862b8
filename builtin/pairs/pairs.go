// Package pairs makes preference pairs of a prompt's scored candidates, for the
// losses that learn from them. It is not a plugin.
package pairs

import (
	"math"

	"llmhost/sdk"
)

// The methods, as the parameter construct_method has them.
const (
	BestOverRest  = "best_over_rest"  // the best one with every other
	BestOverWorst = "best_over_worst" // the best one with the worst
	OneOverRest   = "one_over_rest"   // every one with every worse one
)

// Pairs are the preference pairs of a batch. Candidate i is chosen over candidate j
// of the same prompt if the data's column "score" says that it is better, neither
// is padding, and the method includes that pair. Equal scores make no pair; where
// several are best or worst, the first of them counts.
type Pairs struct {
	Mask  sdk.Tensor // bool [B, K, K]: i is chosen over j
	Count sdk.Tensor // f32 []: how many there are, which depends only on the data
}

// Score is the data's column "score", which orders the candidates of a prompt,
// f32 [B, K].
func Score(g *sdk.Graph) sdk.Tensor {
	return g.Column("score", sdk.Role(sdk.ScoreRole), sdk.Values(2, 1, 0.5, 0, -1))
}

// Of returns the pairs that a method makes.
func Of(g *sdk.Graph, method string) Pairs {
	score, real := Score(g), g.Real()
	mask := score.Unsqueeze(2).Gt(score.Unsqueeze(1)).And(real.Unsqueeze(2)).And(real.Unsqueeze(1))
	if method != OneOverRest {
		mask = mask.And(is(real, score.MaskedFill(real.Not(), math.Inf(-1)).Argmax(1)).Unsqueeze(2))
	}
	if method == BestOverWorst {
		mask = mask.And(is(real, score.MaskedFill(real.Not(), math.Inf(1)).Argmin(1)).Unsqueeze(1))
	}
	return Pairs{Mask: mask, Count: mask.Sum()}
}

// is marks the candidate [B, K] that an index [B] names.
func is(real, index sdk.Tensor) sdk.Tensor {
	number := real.OnesLike().CumSum(1) // 1, 2, … along K
	return number.Eq(index.To(sdk.F32).AddScalar(1).Unsqueeze(1))
}

// Chosen lays x [B, K], one number per candidate, out as that of each pair's chosen one.
func Chosen(x sdk.Tensor) sdk.Tensor { return x.Unsqueeze(2) }

// Rejected lays x [B, K], one number per candidate, out as that of each pair's rejected one.
func Rejected(x sdk.Tensor) sdk.Tensor { return x.Unsqueeze(1) }

// Sum adds up, over the pairs, a tensor that broadcasts to [B, K, K]; f32 [].
func (p Pairs) Sum(x sdk.Tensor) sdk.Tensor { return x.Where(p.Mask, 0).Sum() }

// Rewards are the usual metrics of the candidates' rewards [B, K], each a mean
// over the pairs: rewards/chosen, rewards/rejected, rewards/accuracies (the share
// of pairs whose chosen reward is the higher), rewards/margins.
func (p Pairs) Rewards(reward sdk.Tensor) []sdk.Metric {
	reward = reward.Detach()
	margin := Chosen(reward).Sub(Rejected(reward))
	return []sdk.Metric{
		{Name: "rewards/chosen", Sum: p.Sum(Chosen(reward)), Count: p.Count},
		{
			Name:  "rewards/rejected",
			Sum:   p.Sum(Rejected(reward)),
			Count: p.Count,
		},
		{
			Name:  "rewards/accuracies",
			Sum:   margin.GtScalar(0).And(p.Mask).Sum(),
			Count: p.Count,
		},
		{Name: "rewards/margins", Sum: p.Sum(margin), Count: p.Count},
	}
}

// Logps are the means over the pairs of the candidates' log-probabilities [B, K]:
// logps/chosen and logps/rejected.
func (p Pairs) Logps(logps sdk.Tensor) []sdk.Metric {
	logps = logps.Detach()
	return []sdk.Metric{
		{Name: "logps/chosen", Sum: p.Sum(Chosen(logps)), Count: p.Count},
		{Name: "logps/rejected", Sum: p.Sum(Rejected(logps)), Count: p.Count},
	}
}
