package program_test

import (
	"testing"

	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// stateful is a loss whose weight on the log-probabilities follows their mean
// over the step: %7 is the mean, %8 what the state becomes.
const stateful = `{"llmhost_program":1,"op_level":1,"kind":"loss","inputs":[` + inputs + `,{"name":"state.weight","dtype":"f32","shape":[]}],"nodes":[` +
	`{"op":"sum","in":[0],"attrs":{}},{"op":"neg","in":[3],"attrs":{}},{"op":"sum","in":[1],"attrs":{}},{"op":"mul","in":[4,2],"attrs":{}},` +
	`{"op":"global_mean","in":[4,5],"attrs":{}},{"op":"mul","in":[2,7],"attrs":{}}],` +
	`"terms":[{"name":"x","sum":6,"count":5,"coefficient":1}],"metrics":[],"states":[{"name":"weight","initial":0.25,"update":8}]}`

func TestStates(t *testing.T) {
	p, err := program.Parse([]byte(stateful))
	require.NoError(t, err)
	require.Equal(t, stateful, string(p.Canonical()))
	require.Equal(t, []program.State{{Name: "weight", Initial: 0.25, Update: 8}}, p.States)
	require.Equal(t, []program.Global{{Node: 4, Sum: 4, Count: 5}}, p.Globals())
	require.False(t, p.TwoPasses(), "no term reads the mean")
	require.Contains(t, p.Text(), "state  weight = 0.25 at first, %8 after each step\n")
	require.Equal(t, []bool{false, false, true, false, false, false, false, true, true}, p.ReachLocal(8))
}

func TestBadStates(t *testing.T) {
	const state = `,{"name":"state.weight","dtype":"f32","shape":[]}`
	build := func(inputs, nodes, terms, states string) string {
		return `{"llmhost_program":1,"kind":"loss","inputs":[` + inputs + `],"nodes":[` + nodes + `],"terms":[` + terms + `],"states":[` + states + `]}`
	}
	sum := `{"op":"sum","in":[0]},{"op":"sum","in":[1]}`
	for _, c := range []struct{ name, text, want string }{
		{"not listed", build(inputs+state, sum, `{"name":"x","sum":3}`, ""), "program: input state.weight is read, and no state of that name is listed"},
		{"twice", build(inputs+state, sum, `{"name":"x","sum":3}`, `{"name":"weight","initial":1,"update":2},{"name":"weight","initial":1,"update":2}`), "program: two states are called weight"},
		{"of one batch", build(inputs+state, sum, `{"name":"x","sum":3}`, `{"name":"weight","initial":1,"update":4}`),
			"program: node 1: state weight: its update reads label_mask of one batch; want a global_mean of it"},
		{"of a dimension", build(inputs+state, sum+`,{"op":"dim_size","attrs":{"dim":"B"}}`, `{"name":"x","sum":3}`, `{"name":"weight","initial":1,"update":5}`),
			"program: node 2: state weight: its update reads a dimension of one batch; want a global_mean of it"},
		{"no scalar", build(inputs+state, sum, `{"name":"x","sum":3}`, `{"name":"weight","initial":1,"update":0}`), "program: state weight: update is f32 [B, K, T]; want f32 [] (reduce it with sum)"},
		{"no update", build(inputs+state, sum, `{"name":"x","sum":3}`, `{"name":"weight","initial":1}`), `state 0 lacks the key "update"`},
		{"mean of a mean", build(inputs, sum+`,{"op":"global_mean","in":[2,3]},{"op":"global_mean","in":[4,3]}`, `{"name":"x","sum":2}`, ""),
			"program: node 3: global_mean reads another one, node 2; want only values of the batch"},
		{"mean as a count", build(inputs, sum+`,{"op":"global_mean","in":[2,3]}`, `{"name":"x","sum":2,"count":4}`, ""),
			"program: node 2: term x: its count depends on policy.logps, which the model computes; a count may use data alone (masks, columns, dim_size)"},
		{"learns nothing", build(inputs, sum+`,{"op":"global_mean","in":[2,3]}`, `{"name":"x","sum":4}`, ""), "program: no term has a gradient to the model, so nothing would be learned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := program.Parse([]byte(c.text))
			require.EqualError(t, err, c.want)
		})
	}
}

// A term that reads a mean over the step needs all of the step first.
func TestTwoPasses(t *testing.T) {
	p, err := program.Parse([]byte(loss(inputs, `{"op":"sum","in":[0]},{"op":"sum","in":[1]},{"op":"global_mean","in":[2,3]},{"op":"sub","in":[2,4]}`, `{"name":"x","sum":5,"count":3}`, "")))
	require.NoError(t, err)
	require.True(t, p.TwoPasses())
}
