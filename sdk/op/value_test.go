package op_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/op"
)

func TestParseDim(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{in: "B", want: "B"},
		{in: "3", want: "3"},
		{in: "K*2*B", want: "2*B*K"},
		{in: "2*B*3", want: "6*B"},
		{in: "1*B", want: "B"},
		{in: "B*B", want: "B*B"},
		{in: "Long_name2", want: "Long_name2"},
		{in: "", err: `dimension "" is neither a number above 0, a name, nor a product of them`},
		{in: "0", err: `dimension "0" is neither a number above 0, a name, nor a product of them`},
		{in: "-1", err: `dimension "-1" is neither a number above 0, a name, nor a product of them`},
		{in: "b", err: `dimension "b" is neither a number above 0, a name, nor a product of them`},
		{in: "B*", err: `dimension "B*" is neither a number above 0, a name, nor a product of them`},
		{in: "9999999*9999999", err: `dimension "9999999*9999999" is too large`},
		{in: strings.Repeat("B*", 200) + "B", err: "is too long"},
	} {
		got, err := op.ParseDim(c.in)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, c.in)
			continue
		}
		require.NoError(t, err, c.in)
		require.Equal(t, op.Dim(c.want), got, c.in)
	}
}

func TestDimEval(t *testing.T) {
	sizes := map[string]int64{"B": 3, "K": 4, "H": 1 << 39}
	n, err := op.Dim("2*B*K").Eval(sizes)
	require.NoError(t, err)
	require.Equal(t, int64(24), n)

	n, err = op.Dim("H*H").Eval(sizes)
	require.NoError(t, err)
	require.Equal(t, int64(op.MaxDim), n, "products stop at MaxDim")

	_, err = op.Dim("T").Eval(sizes)
	require.EqualError(t, err, "dimension T has no size here")

	n, err = op.Shape{"H", "H", "B"}.Elements(sizes)
	require.NoError(t, err)
	require.Equal(t, int64(op.MaxDim), n)

	require.Equal(t, []string{"B", "K"}, op.Dim("2*K*B").Names())
}

func TestFindInput(t *testing.T) {
	in, err := op.FindInput(op.LossProgram, "column.score")
	require.NoError(t, err)
	require.Equal(t, "column.score", in.Name)
	require.Equal(t, "f32 [B, K]", in.Value.String())
	require.False(t, in.FromModel)

	in, err = op.FindInput(op.LossProgram, "policy.logps")
	require.NoError(t, err)
	require.True(t, in.FromModel)

	for _, name := range []string{"column.", "column.a b", "column", "hidden", "logits.", "logits.a-b"} {
		_, err = op.FindInput(op.LossProgram, name)
		require.ErrorContains(t, err, "a loss has policy.logps, ref.logps, rewards, kl.reverse, kl.forward, policy.vocab_mean_logps, mismatched.policy.logps, mismatched.ref.logps, state.NAME, logits.NAME, label_mask, label.NAME, candidate_mask, column.NAME, example_column.NAME", name)
	}
	in, err = op.FindInput(op.LossProgram, "logits.topic")
	require.NoError(t, err)
	require.Equal(t, op.Shape{"B", "C_topic"}, in.Value.Shape)
	require.True(t, in.FromModel)
	in, err = op.FindInput(op.LossProgram, "logits.mood")
	require.NoError(t, err)
	require.Equal(t, op.Shape{"B", "C_mood"}, in.Value.Shape, "each head has classes of its own")
	in, err = op.FindInput(op.LossProgram, "ref.logps")
	require.NoError(t, err)
	require.True(t, in.Frozen && !in.FromModel)

	require.EqualError(t, op.CheckDims(op.LossProgram, nil, op.Shape{"B", "N"}), "no dimension is called N; a loss has B, K, T")
	require.NoError(t, op.CheckDims(op.LossProgram, op.Shape{"B", "C_topic"}, op.Shape{"2*B*C_topic"}))
	require.EqualError(t, op.CheckDims(op.LossProgram, op.Shape{"B", "C_topic"}, op.Shape{"C_mood"}), "no dimension is called C_mood; a loss has B, K, T, C_topic")
}
