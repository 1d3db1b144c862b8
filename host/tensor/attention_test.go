package tensor_test

import (
	"fmt"
	"math"
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// by is options of attention, and which tokens see which in plain Go.
type by struct {
	options tensor.AttentionOptions
	sees    func(query, key int) bool // positions in a sequence
}

// bend is what plain Go applies to a score.
func (b by) bend(score float64) float64 {
	if b.options.Softcap == 0 {
		return score
	}
	return b.options.Softcap * math.Tanh(score/b.options.Softcap)
}

// plain is attention of one sequence, one head, in plain Go.
func (b by) plain(q, k, v [][]float64) (out [][]float64) {
	for i := range q {
		sum, row := 0.0, make([]float64, len(v[0]))
		for j := range k {
			if !b.sees(i, j) {
				continue
			}
			score := 0.0
			for c := range q[i] {
				score += q[i][c] * k[j][c]
			}
			weight := math.Exp(b.bend(score * b.options.Scale))
			sum += weight
			for c := range row {
				row[c] += weight * v[j][c]
			}
		}
		for c := range row {
			row[c] /= sum
		}
		out = append(out, row)
	}
	return out
}

func causal(i, j int) bool { return j <= i }

func window(n int) func(int, int) bool { return func(i, j int) bool { return j <= i && j > i-n } }

func all(int, int) bool { return true }

// sequencesOf cuts [tokens, 1, dim] into the sequences that begin at starts.
func sequencesOf(t tensor.Tensor, starts []int) (rows [][][]float64) {
	flat, dim := t.Floats(), int(t.Size(2))
	for i := range len(starts) - 1 {
		var row [][]float64
		for at := starts[i]; at < starts[i+1]; at++ {
			row = append(row, flat[at*dim:(at+1)*dim])
		}
		rows = append(rows, row)
	}
	return rows
}

func TestAttentionIsItsFormula(t *testing.T) {
	starts := []int{0, 5, 6, 13}
	for name, b := range map[string]by{
		"causal":                     {tensor.AttentionOptions{Scale: 0.4}, causal},
		"window":                     {tensor.AttentionOptions{Scale: 0.4, Window: 3}, window(3)},
		"both directions":            {tensor.AttentionOptions{Scale: 0.4, Bidirectional: true}, all},
		"capped":                     {tensor.AttentionOptions{Scale: 2, Softcap: 1.5}, causal},
		"capped window":              {tensor.AttentionOptions{Scale: 2, Softcap: 1.5, Window: 2}, window(2)},
		"capped, both":               {tensor.AttentionOptions{Scale: 2, Softcap: 1.5, Bidirectional: true}, all},
		"window beyond the sequence": {tensor.AttentionOptions{Scale: 0.4, Window: 7}, causal},
	} {
		t.Run(name, func(t *testing.T) {
			tensor.Scoped(func() {
				tensor.ManualSeed(5)
				q, k, v := randn(13, 1, 4), randn(13, 1, 4), randn(13, 1, 3)
				var s tensor.Segments
				for i := range len(starts) - 1 {
					s.Add(starts[i], starts[i+1]-starts[i], -1)
				}
				got := sequencesOf(tensor.Attention(q, k, v, s, b.options), starts)
				qs, ks, vs := sequencesOf(q, starts), sequencesOf(k, starts), sequencesOf(v, starts)
				require.Len(t, got, len(starts)-1)
				for r := range got {
					require.Len(t, got[r], starts[r+1]-starts[r])
					for i, want := range b.plain(qs[r], ks[r], vs[r]) {
						require.InDeltaSlice(t, want, got[r][i], 1e-12, "sequence %d, token %d", r, i)
					}
				}
			})
		})
	}
}

// A shared prefix changes nothing, under a cap and a window too.
func TestSharedPrefixUnderACap(t *testing.T) {
	for _, o := range []tensor.AttentionOptions{{Scale: 2, Softcap: 1.5}, {Scale: 2, Softcap: 1.5, Window: 3}} {
		tensor.Scoped(func() {
			q, k, v := randn(9, 2, 4), randn(9, 1, 4), randn(9, 1, 4)
			var shared tensor.Segments // 4 tokens, then 2 of one sequence and 3 of another
			shared.Add(0, 4, -1)
			shared.Add(4, 2, 0)
			shared.Add(6, 3, 0)
			got := tensor.Attention(q, k, v, shared, o)
			for _, tail := range [][]int64{{4, 5}, {6, 7, 8}} {
				at := tensor.Of(tensor.CPU, append([]int64{0, 1, 2, 3}, tail...))
				var alone tensor.Segments
				alone.Add(0, 4+len(tail), -1)
				want := tensor.Attention(q.IndexSelect(0, at), k.IndexSelect(0, at), v.IndexSelect(0, at), alone, o)
				require.InDeltaSlice(t, want.Floats(), got.IndexSelect(0, at).Floats(), 1e-12)
			}
		})
	}
}

// Gradients through a cap, by finite differences.
func TestGradientsThroughACap(t *testing.T) {
	tensor.Scoped(func() {
		tensor.ManualSeed(6)
		k, v, weigh := randn(5, 1, 3), randn(5, 1, 3), randn(5, 1, 3)
		var s tensor.Segments
		s.Add(0, 5, -1)
		loss := func(q tensor.Tensor) tensor.Tensor {
			return tensor.Attention(q, k, v, s, tensor.AttentionOptions{Scale: 2, Softcap: 1.5}).Mul(weigh).Sum()
		}
		values := randn(5, 1, 3).Floats()
		q := tensor.Of(tensor.CPU, values, 5, 1, 3).RequireGrad()
		loss(q).Backward()
		require.Len(t, q.Grad().Floats(), len(values))
		for i, got := range q.Grad().Floats() {
			const step = 1e-6
			moved := func(by float64) float64 {
				at := append([]float64(nil), values...)
				at[i] += by
				return loss(tensor.Of(tensor.CPU, at, 5, 1, 3)).Item()
			}
			require.InDelta(t, (moved(step)-moved(-step))/(2*step), got, 1e-8, "element %d", i)
		}
	})
}

// Dropped weights are 0 and the others scaled up: over many draws the mean stays,
// and a seed gives the same again.
func TestAttentionDropout(t *testing.T) {
	const heads = 4000 // as many draws
	for _, softcap := range []float64{0, 50} {
		t.Run(fmt.Sprint(softcap), func(t *testing.T) {
			tensor.Scoped(func() {
				q, k := tensor.Zeros(tensor.CPU, tensor.Float64, 4, heads, 2), tensor.Zeros(tensor.CPU, tensor.Float64, 4, heads, 2)
				v := tensor.Full(tensor.CPU, tensor.Float64, 1, 4, heads, 2)
				var s tensor.Segments
				s.Add(0, 4, -1)
				o := tensor.AttentionOptions{Scale: 1, Softcap: softcap, Dropout: 0.25}
				draw := func() []float64 {
					tensor.ManualSeed(3)
					return tensor.Attention(q, k, v, s, o).MeanDim(1, false).Floats()
				}
				first := draw()
				require.NotEmpty(t, first)
				require.Equal(t, first, draw())
				for _, mean := range first {
					require.InDelta(t, 1, mean, 0.04)
				}
				one := tensor.Attention(q, k, v, s, o).Narrow(0, 0, 1).Floats() // a token that sees itself alone
				require.NotEmpty(t, one)
				for _, x := range one {
					require.Contains(t, []float64{0, 1 / 0.75}, x)
				}
			})
		})
	}
}

func TestAttentionThatCannotBe(t *testing.T) {
	for want, f := range map[string]func(q tensor.Tensor, s tensor.Segments){
		"attention in both directions has no window, asked for 3": func(q tensor.Tensor, s tensor.Segments) {
			tensor.Attention(q, q, q, s, tensor.AttentionOptions{Scale: 1, Bidirectional: true, Window: 3})
		},
		"sequences share a prefix, whose states depend on what follows in both directions": func(q tensor.Tensor, s tensor.Segments) {
			tensor.Attention(q, q, q, s, tensor.AttentionOptions{Scale: 1, Bidirectional: true})
		},
	} {
		err := func() (err error) {
			defer tensor.Catch(&err)
			tensor.Scoped(func() {
				var s tensor.Segments
				s.Add(0, 2, -1)
				s.Add(2, 2, 0)
				f(randn(4, 1, 2), s)
			})
			return nil
		}()
		require.ErrorContains(t, err, want)
	}
}
