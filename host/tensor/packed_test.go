package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func randn(shape ...int64) tensor.Tensor {
	return tensor.Randn(tensor.CPU, tensor.Float64, 1, shape...)
}

// naive computes attention of one query in plain Go.
func naive(q []float64, k, v [][]float64, scale float64) []float64 {
	weights, total := make([]float64, len(k)), 0.0
	for j := range k {
		for i := range q {
			weights[j] += q[i] * k[j][i] * scale
		}
		weights[j] = math.Exp(weights[j])
		total += weights[j]
	}
	out := make([]float64, len(q))
	for j := range v {
		for i := range out {
			out[i] += weights[j] / total * v[j][i]
		}
	}
	return out
}

// Two sequences share a prefix of three tokens; a third has none.
func TestAttentionSeesItsRowAlone(t *testing.T) {
	const heads, kvHeads, dim, tokens = 4, 2, 8, 12
	rows := [][]int{{0, 1, 2, 3, 4}, {0, 1, 2, 5, 6, 7, 8}, {9, 10, 11}}
	for _, window := range []int{0, 2, 4} {
		tensor.Scoped(func() {
			tensor.ManualSeed(1)
			q, k, v := randn(tokens, heads, dim), randn(tokens, kvHeads, dim), randn(tokens, kvHeads, dim)
			var s tensor.Segments
			s.Add(0, 3, -1)
			s.Add(3, 2, 0)
			s.Add(5, 4, 0)
			s.Add(9, 3, -1)
			got := tensor.Attention(q, k, v, s, tensor.AttentionOptions{Scale: 0.3, Window: window}).Floats()
			qf, kf, vf := q.Floats(), k.Floats(), v.Floats()
			for _, row := range rows {
				for at, token := range row {
					first := 0
					if window > 0 {
						first = max(0, at+1-window)
					}
					for h := range heads {
						var kk, vv [][]float64
						for _, seen := range row[first : at+1] {
							o := (seen*kvHeads + h/(heads/kvHeads)) * dim
							kk, vv = append(kk, kf[o:o+dim]), append(vv, vf[o:o+dim])
						}
						o := (token*heads + h) * dim
						require.InDeltaSlice(t, naive(qf[o:o+dim], kk, vv, 0.3), got[o:o+dim], 1e-12, "window %d token %d head %d", window, token, h)
					}
				}
			}
		})
	}
}

func TestTokenLogpsEqualFullSoftmax(t *testing.T) {
	tensor.Scoped(func() {
		tensor.ManualSeed(2)
		const rows, hidden, vocab = 17, 6, 11
		target := make([]int64, rows)
		for i := range target {
			target[i] = rand.Int64N(vocab)
		}
		ids := tensor.Of(tensor.CPU, target)
		weighing := randn(rows)
		h, w := randn(rows, hidden).RequireGrad(), randn(vocab, hidden).RequireGrad()
		full := h.Linear(w, tensor.Tensor{}).LogSoftmax(1).Gather(1, ids.Unsqueeze(1)).Squeeze(1)
		full.Mul(weighing).Sum().Backward()
		want, wantH, wantW := full.Floats(), h.Grad().Floats(), w.Grad().Floats()

		leaves := tensor.NewList([]tensor.Tensor{h, w})
		leaves.ZeroGrad()
		logps := tensor.TokenLogps(h, w, ids, 0)
		logps.Mul(weighing).Sum().Backward()
		require.InDeltaSlice(t, want, logps.Floats(), 1e-12)
		require.InDeltaSlice(t, wantH, h.Grad().Floats(), 1e-12)
		require.InDeltaSlice(t, wantW, w.Grad().Floats(), 1e-12)
	})
}

// Both numbers of a row, and the gradients through both, are those of the whole
// matrix, also where it takes several chunks.
func TestTokenLogpsAndMeansEqualFullSoftmax(t *testing.T) {
	const sums = 1e-10 // of four million numbers
	for _, c := range []struct {
		name        string
		rows, vocab int64
		softcap     float64
	}{
		{"plain", 17, 11, 0},
		{"capped", 17, 11, 1.5},
		{"in chunks", 2, 1 + 4<<20, 0}, // a row at a time
	} {
		t.Run(c.name, func(t *testing.T) {
			tensor.Scoped(func() {
				tensor.ManualSeed(2)
				target := make([]int64, c.rows)
				for i := range target {
					target[i] = rand.Int64N(c.vocab)
				}
				ids := tensor.Of(tensor.CPU, target)
				weigh, weighMean := randn(c.rows), randn(c.rows)
				h, w := randn(c.rows, 2).RequireGrad(), randn(c.vocab, 2).RequireGrad()
				logits := h.Linear(w, tensor.Tensor{})
				if c.softcap > 0 {
					logits = logits.DivScalar(c.softcap).Tanh().MulScalar(c.softcap)
				}
				all := logits.LogSoftmax(1)
				full, fullMean := all.Gather(1, ids.Unsqueeze(1)).Squeeze(1), all.MeanDim(1, false)
				full.Mul(weigh).Add(fullMean.Mul(weighMean)).Sum().Backward()
				want, wantMean, wantH, wantW := full.Floats(), fullMean.Floats(), h.Grad().Floats(), w.Grad().Floats()

				tensor.NewList([]tensor.Tensor{h, w}).ZeroGrad()
				logps, means := tensor.TokenLogpsAndMeans(h, w, ids, c.softcap)
				require.Equal(t, tensor.TokenLogps(h, w, ids, c.softcap).Floats(), logps.Floats(), "means change no log-probability")
				logps.Mul(weigh).Add(means.Mul(weighMean)).Sum().Backward()
				require.InDeltaSlice(t, want, logps.Floats(), sums)
				require.InDeltaSlice(t, wantMean, means.Floats(), sums)
				require.InDeltaSlice(t, wantH, h.Grad().Floats(), sums)
				require.Less(t, farthest(wantW, w.Grad().Floats()), sums)
			})
		})
	}
}

// farthest is the largest difference of two lists of one length.
func farthest(a, b []float64) (most float64) {
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i]))
	}
	return most
}

func TestTokenKLEqualsFullSoftmax(t *testing.T) {
	for _, softcap := range []float64{0, 1.5} {
		for _, forward := range []bool{false, true} {
			tensor.Scoped(func() {
				tensor.ManualSeed(2)
				const rows, hidden, vocab = 17, 6, 11
				weighing := randn(rows)
				h, w, refH, refW := randn(rows, hidden).RequireGrad(), randn(vocab, hidden).RequireGrad(), randn(rows, 4), randn(vocab, 4)
				capped := func(z tensor.Tensor) tensor.Tensor {
					if softcap == 0 {
						return z
					}
					return z.DivScalar(softcap).Tanh().MulScalar(softcap)
				}
				p, q := capped(h.Linear(w, tensor.Tensor{})).LogSoftmax(1), capped(refH.Linear(refW, tensor.Tensor{})).LogSoftmax(1)
				full := p.Exp().Mul(p.Sub(q)).SumDim(1, false)
				if forward {
					full = q.Exp().Mul(q.Sub(p)).SumDim(1, false)
				}
				full.Mul(weighing).Sum().Backward()
				want, wantH, wantW := full.Floats(), h.Grad().Floats(), w.Grad().Floats()

				tensor.NewList([]tensor.Tensor{h, w}).ZeroGrad()
				kl := tensor.TokenKL(h, w, refH, refW, forward, softcap)
				kl.Mul(weighing).Sum().Backward()
				require.InDeltaSlice(t, want, kl.Floats(), 1e-12)
				require.InDeltaSlice(t, wantH, h.Grad().Floats(), 1e-12)
				require.InDeltaSlice(t, wantW, w.Grad().Floats(), 1e-12)
			})
		}
	}
}

func TestFusedAndForeachAdamWAgree(t *testing.T) {
	run := func(fused bool) (out []float64) {
		tensor.Scoped(func() {
			tensor.ManualSeed(3)
			p := randn(40).RequireGrad()
			m, v := tensor.Zeros(tensor.CPU, tensor.Float64, 40), tensor.Zeros(tensor.CPU, tensor.Float64, 40)
			step := tensor.Zeros(tensor.CPU, tensor.Float32)
			list := func(t tensor.Tensor) tensor.List { return tensor.NewList([]tensor.Tensor{t}) }
			for range 5 {
				list(p).ZeroGrad()
				p.Square().Sum().Backward()
				tensor.AdamW(list(p), list(m), list(v), list(step), tensor.Zeros(tensor.CPU, tensor.Float32), tensor.AdamWOptions{LR: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1, Fused: fused})
			}
			require.Equal(t, 5.0, step.Item())
			out = p.Floats()
		})
		return out
	}
	require.InDeltaSlice(t, run(false), run(true), 1e-9)
}
