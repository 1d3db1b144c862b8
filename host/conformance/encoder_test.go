package conformance_test

import (
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

type encoderCase struct {
	Model string
	Cases map[string]struct {
		Mask  array `json:"attention_mask"`
		IDs   array `json:"input_ids"`
		Types array `json:"token_type_ids"`

		Labels []int64
		Logits array
		CE     float64
	}
}

// checkEncoder compares the states, pooled vectors and logits of an encoder, of
// single texts and of pairs.
func checkEncoder(t *testing.T, f fixtures, name string) {
	c := read[encoderCase](t, f, "forward", name)
	golden := tensors(t, f, "forward", name)
	require.NotEmpty(t, c.Cases)
	for kind, want := range c.Cases {
		for _, layout := range layouts {
			t.Run(kind+"/"+layout, func(t *testing.T) {
				m := loadLayout(t, f, c.Model, layout)
				b := data.Pack([]data.Example{{Sequences: encoderSequences(want.IDs, want.Mask, want.Types)}}, true)
				tensor.Scoped(func() {
					tensor.NoGrad(func() {
						hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
						requireAtReal(t, want.Mask, fetch(t, golden, kind+".last_hidden_state"), hidden, "hidden")
						pooled := m.Backbone.(model.Encoder).Pooled(hidden, tensor.Of(tensor.CPU, firstTokens(&b)))
						require.InDeltaSlice(t, fetch(t, golden, kind+".pooler_output").values, pooled.Floats(), logitsTolerance)
						requireLogitsOfClasses(t, want.Logits, want.Labels, want.CE, m.Classes[""].Forward(pooled))
						if kind == "single" {
							b.Types = nil
							without := m.Forward(objective.NewPass(tensor.CPU, &b))
							require.Equal(t, hidden.Floats(), without.Floats(), "types that are left out are 0")
						}
					})
				})
			})
		}
	}
}

// requireLogitsOfClasses compares logits [sequences, classes] and their mean cross-entropy.
func requireLogitsOfClasses(t *testing.T, want array, labels []int64, ce float64, got tensor.Tensor) {
	t.Helper()
	require.InDeltaSlice(t, want.values, got.Floats(), logitsTolerance, "logits")
	total := 0.0
	for i, row := range (array{got.Floats(), got.Shape()}).rows() {
		total += logSumExp(row) - row[labels[i]]
	}
	requireClose(t, ce, total/float64(len(labels)), lossTolerance, "cross-entropy")
}

// encoderSequences takes the real tokens of padded sequences, with their types.
func encoderSequences(ids, mask, kinds array) (rows []data.Sequence) {
	for i, row := range ids.ints() {
		of := unpad(row, mask.ints()[i], kinds.ints()[i])
		rows = append(rows, data.Sequence{IDs: of.IDs, Labels: of.IDs, Types: of.Labels})
	}
	return rows
}

// firstTokens are where the sequences of a batch begin.
func firstTokens(b *data.Batch) (first []int64) {
	for r := range b.Sequences {
		first = append(first, b.SequenceTokens(r)[0])
	}
	return first
}
