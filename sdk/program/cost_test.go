package program_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/program"
)

func TestCost(t *testing.T) {
	p, err := program.Parse([]byte(`{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"label_mask","dtype":"bool","shape":["B","K","T"]}],
		"nodes":[{"op":"neg","in":[0]},{"op":"sum","in":[2]},{"op":"sum","in":[1]}],"terms":[{"name":"nll","sum":3,"count":4}]}`))
	require.NoError(t, err)
	cost, err := p.Cost(map[string]int64{"B": 2, "K": 3, "T": 5})
	require.NoError(t, err)
	require.Equal(t, program.Cost{Elements: 3 * 30, Inputs: 30*4 + 30, Bytes: 30*4 + 4 + 4}, cost)
	cost, err = p.Cost(map[string]int64{"B": 1 << 30, "K": 1 << 30, "T": 1 << 30})
	require.NoError(t, err)
	require.Equal(t, program.Cost{Elements: 1 << 40, Inputs: 1 << 40, Bytes: 1 << 40}, cost, "it stops somewhere")
	_, err = p.Cost(map[string]int64{"B": 1, "K": 1})
	require.EqualError(t, err, "node 0: dimension T has no size here")
}
