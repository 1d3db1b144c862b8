package model_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/objective"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// Every supported architecture is covered by the tests of this package.
func TestEveryTypeHasItsConfigs(t *testing.T) {
	require.NotEmpty(t, model.Types())
	for _, kind := range model.Types() {
		for _, layout := range []string{"", "_v4"} {
			require.Contains(t, configs, kind+layout)
			require.Contains(t, configs[kind+layout], `"model_type": "`+kind+`"`)
		}
	}
}

// states runs sequences as one pack and returns each sequence's hidden states.
func states(m *model.Model, sequences [][]int64, share bool) (each [][]float64) {
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			b := packSequences(sequences, share)
			hidden := m.Forward(objective.NewPass(tensor.CPU, b))
			for r := range sequences {
				each = append(each, hidden.IndexSelect(0, tensor.Of(tensor.CPU, b.SequenceTokens(r))).Floats())
			}
		})
	})
	return each
}

// A sequence's states are the same alone and among others, and with a shared prefix
// where the model is causal; a later token changes earlier states where it is not.
func TestRowsSeeThemselvesAlone(t *testing.T) {
	sequences := [][]int64{{5, 6, 7, 8, 9}, {5, 6, 7, 30, 31, 32, 33}, {1}}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		t.Run(name, func(t *testing.T) {
			m := create(t, configs[name], cpu)
			together := states(m, sequences, false)
			for r, sequence := range sequences {
				require.InDeltaSlice(t, states(m, [][]int64{sequence}, false)[0], together[r], 1e-5)
			}
			require.Equal(t, !strings.HasPrefix(name, "bert"), m.Causal())
			if !m.Causal() {
				width := len(together[2])
				require.NotEqual(t, together[0][:width], together[1][:width])
				return
			}
			again := states(m, sequences, true)
			require.Len(t, again, len(sequences))
			for r, shared := range again {
				require.InDeltaSlice(t, together[r], shared, 1e-5)
			}
		})
	}
}

// An encoder whose sequences share a prefix nevertheless is an error.
func TestEncodersShareNoPrefix(t *testing.T) {
	m := create(t, configs["bert"], cpu)
	err := func() (err error) {
		defer tensor.Catch(&err)
		states(m, [][]int64{{5, 6, 7}, {5, 6, 8}}, true)
		return nil
	}()
	require.ErrorContains(t, err, "sequences share a prefix")
}

func TestRowsBeyondThePositions(t *testing.T) {
	m := create(t, configs["bert"], cpu)
	err := func() (err error) {
		defer tensor.Catch(&err)
		states(m, [][]int64{make([]int64, 65)}, false)
		return nil
	}()
	require.EqualError(t, err, "tensor op embedding of positions over shapes [64 24]: a sequence has 65 tokens, and the model has positions for 64 (max_position_embeddings); lower max_length")
}

// Half precision changes states by no more than its rounding, and every parameter
// that float32 gives a gradient gets one.
func TestHalfPrecision(t *testing.T) {
	sequences := [][]int64{{5, 6, 7, 8, 9, 3}, {30, 31, 32}}
	gradients := func(m *model.Model) (loss float64, names []string) {
		tensor.Scoped(func() {
			hidden := m.Forward(objective.NewPass(tensor.CPU, packSequences(sequences, false)))
			mean := hidden.Square().Mean()
			mean.Backward()
			loss = mean.Item()
			for _, p := range m.Params().All() {
				if p.Tensor.Grad().Defined() {
					require.Equal(t, p.Tensor.DType(), p.Tensor.Grad().DType())
					names = append(names, p.Name)
				}
			}
		})
		return loss, names
	}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		t.Run(name, func(t *testing.T) {
			want, named := gradients(create(t, configs[name], cpu))
			for _, o := range []model.Options{{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.BFloat16},
				{Device: tensor.CPU, Param: tensor.BFloat16, Compute: tensor.BFloat16}, {Device: tensor.CPU, Param: tensor.Float64, Compute: tensor.Float64}} {
				got, names := gradients(create(t, configs[name], o))
				require.InEpsilon(t, want, got, 0.05, "%s and %s", o.Param, o.Compute)
				require.NotEmpty(t, names)
				require.Equal(t, named, names)
			}
		})
	}
}

// Dropout is on while the model trains, everywhere that config.json asks for it,
// and a tape gives the gradients of the same draws.
func TestDropoutOfEveryFamily(t *testing.T) {
	sequences := [][]int64{{5, 6, 7, 8, 9, 3, 12, 1}, {30, 31, 32, 4}}
	for name, keys := range map[string][]string{
		"llama": {"attention_dropout"}, "qwen3": {"attention_dropout"}, "gemma2": {"attention_dropout"}, "gemma3_text": {"attention_dropout"},
		"gpt_neox": {"attention_dropout", "hidden_dropout"}, "phi3": {"attention_dropout", "resid_pdrop"},
		"bert": {"attention_probs_dropout_prob", "hidden_dropout_prob"},
	} {
		for _, key := range keys {
			t.Run(name+"/"+key, func(t *testing.T) {
				config := strings.Replace(configs[name], "{", `{"attention_probs_dropout_prob": 0, "hidden_dropout_prob": 0, `, 1)
				config = strings.Replace(config, `"`+key+`": 0,`, ``, 1)
				m := create(t, strings.Replace(config, "{", `{"`+key+`": 0.5, `, 1), cpu)
				run := func(training bool, seed int64, tape *nn.Tape) (out []float64) {
					tensor.ManualSeed(seed)
					m.Params().Mode().Training = training
					tensor.Scoped(func() {
						b := packSequences(sequences, false)
						out = m.Forward(taped(b, tape)).Floats()
					})
					return out
				}
				still, first := run(false, 1, nil), run(true, 1, nil)
				require.Equal(t, still, run(false, 2, nil))
				require.NotEqual(t, still, first)
				require.NotEqual(t, first, run(true, 2, nil))
				require.Equal(t, first, run(true, 1, &nn.Tape{}))
			})
		}
	}
}

// A pooled vector depends on its sequence's first token.
func TestPooledRows(t *testing.T) {
	m := create(t, configs["bert"], cpu)
	pooled := func(sequences [][]int64) (out []float64) {
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				b := packSequences(sequences, false)
				hidden := m.Forward(objective.NewPass(tensor.CPU, b))
				out = m.Backbone.(model.Encoder).Pooled(hidden, tensor.Of(tensor.CPU, firsts(b))).Floats()
			})
		})
		return out
	}
	a, b := []int64{2, 9, 3}, []int64{2, 17, 18, 19, 3}
	require.InDeltaSlice(t, append(pooled([][]int64{a}), pooled([][]int64{b})...), pooled([][]int64{a, b}), 1e-6)
	dropout := m.Backbone.(model.Encoder).PooledDropout()
	require.Zero(t, dropout.Rate())
	m.Params().Mode().Training = true
	require.Equal(t, 0.1, dropout.Rate())
}

func firsts(b *data.Batch) (first []int64) {
	for r := range b.K {
		first = append(first, b.SequenceTokens(r)[0])
	}
	return first
}

// taped is a pass over b that a tape runs again for the gradient.
func taped(b *data.Batch, tape *nn.Tape) *nn.Pass {
	pass := objective.NewPass(tensor.CPU, b)
	pass.Tape = tape
	return pass
}
