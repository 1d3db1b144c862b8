package program_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Inputs that come of other models and heads.
const (
	reference = `{"name":"ref.logps","dtype":"f32","shape":["B","K","T"]}`
	topic     = `{"name":"logits.topic","dtype":"f32","shape":["B","C_topic"]}`
)

// rejected pairs each way to be wrong with the sentence that a user sees.
var rejected = []struct{ name, text, want string }{
	{"no JSON", `{"llmhost`, `program is not JSON: "{\"llmhost"`},
	{"empty", ``, `program is not JSON: ""`},
	{"a list", `[]`, "program is not a JSON object"},
	{"null", `null`, "program is not a JSON object"},
	{"no version", `{}`, `program lacks the key "llmhost_program"`},
	{"new version", `{"llmhost_program":2,"kind":"loss"}`, "program has version 2, this llmhost reads 1"},
	{"version as text", `{"llmhost_program":"1"}`, `program key "llmhost_program" is "1"; want a number`},
	{"other kind", `{"llmhost_program":1,"kind":"formatter"}`, `program is of kind "formatter"; want loss or pooling`},
	{"newer ops", `{"llmhost_program":1,"kind":"loss","op_level":7}`, "program needs op level 7, this llmhost has 1; update llmhost"},
	{"unknown key", `{"llmhost_program":1,"kind":"loss","extra":1}`, `program has the unknown key "extra"; want llmhost_program, op_level, kind, inputs, nodes, terms, metrics, states, output`},
	{"key in capitals", `{"llmhost_program":1,"Kind":"loss"}`, `program has the unknown key "Kind"; want llmhost_program, op_level, kind, inputs, nodes, terms, metrics, states, output`},
	{"key of a node", loss(inputs, `{"op":"sum","inputs":[0]}`, terms, ""), `node 0 has the unknown key "inputs"; want op, in, attrs`},
	{"node without op", loss(inputs, `{"in":[0]}`, terms, ""), `node 0 lacks the key "op"`},
	{"inputs of a node", loss(inputs, `{"op":"sum","in":[0.5]}`, terms, ""), `node 0 key "in" is [0.5]; want a list of value numbers`},
	{"null among the inputs of a node", loss(inputs, `{"op":"sum","in":[null]}`, terms, ""), `node 0 key "in" holds null; want a list of value numbers`},
	{"attributes", loss(inputs, `{"op":"sum","in":[0],"attrs":3}`, terms, ""), `node 0 key "attrs" is 3; want an object`},
	{"shape of an input", loss(`{"name":"policy.logps","dtype":"f32","shape":[1]}`, nodes, terms, ""), `input 0 key "shape" is [1]; want a list of dimensions as strings`},
	{"too many nodes", loss(inputs, strings.Repeat(`{"op":"exp","in":[0]},`, 4096)+`{"op":"sum","in":[0]}`, terms, ""), "program has 4097 nodes; at most 4096 are allowed"},
	{"too many terms", loss(inputs, nodes, strings.Repeat(terms+",", 64)+terms, ""), "program has 65 terms; at most 64 are allowed"},
	{"too long", strings.Repeat(" ", 1<<20) + "{}", "program is 1048578 bytes; at most 1048576 are allowed"},

	{"unknown input", loss(`{"name":"logits","dtype":"f32","shape":[]}`, "", terms, ""),
		"program: input 0: no input is called \"logits\"; a loss has policy.logps, ref.logps, rewards, kl.reverse, kl.forward, policy.vocab_mean_logps, mismatched.policy.logps, mismatched.ref.logps, state.NAME, logits.NAME, label_mask, label.NAME, candidate_mask, column.NAME, example_column.NAME\nprogram: term nll: sum is value 3 of 1\nprogram: term nll: count is value 4 of 1"},
	{"input twice", loss(inputs+","+inputs, `{"op":"sum","in":[0]}`, `{"name":"x","sum":4}`, ""),
		"program: input 2: policy.logps is listed twice\nprogram: input 3: label_mask is listed twice"},
	{"input of another shape", loss(`{"name":"policy.logps","dtype":"f32","shape":["B","T"]}`, `{"op":"sum","in":[0]}`, `{"name":"x","sum":1}`, ""),
		"program: input 0: policy.logps is f32 [B, K, T]; the program says f32 [B, T]"},

	{"unknown op", loss(inputs, `{"op":"softmax","in":[0]},`+nodes, `{"name":"x","sum":4,"count":5}`, ""), `program: node 0: no op is called "softmax"`},
	{"forward reference", loss(inputs, `{"op":"sum","in":[2]}`, `{"name":"x","sum":2}`, ""), "program: node 0: sum: input is value 2; want one of the 2 before it"},
	{"negative reference", loss(inputs, `{"op":"sum","in":[-1]}`, `{"name":"x","sum":2}`, ""), "program: node 0: sum: input is value -1; want one of the 2 before it"},
	{"arity", loss(inputs, `{"op":"add","in":[0]},{"op":"sum","in":[0]}`, `{"name":"x","sum":3}`, ""), "program: node 0: add: has 1 inputs; want 2"},
	{"unknown attribute", loss(inputs, `{"op":"sum","in":[0],"attrs":{"axis":1}}`, `{"name":"x","sum":2}`, ""), `program: node 0: sum: has no attribute "axis"`},
	{"attribute of another kind", loss(inputs, `{"op":"sum","in":[0],"attrs":{"dim":"1"}}`, `{"name":"x","sum":2}`, ""), `program: node 0: sum: attribute key "dim" is "1"; want a whole number`},
	{"infinite number", loss(inputs, `{"op":"add_scalar","in":[0],"attrs":{"value":"inf"}}`, `{"name":"x","sum":2}`, ""), `program: node 0: add_scalar: attribute key "value" is "inf"; want a number`},
	{"NaN", loss(inputs, `{"op":"masked_fill","in":[0,1],"attrs":{"value":"nan"}}`, `{"name":"x","sum":2}`, ""), `program: node 0: masked_fill: attribute key "value" is "nan"; want a number, "inf" or "-inf"`},
	{"shapes", loss(inputs, `{"op":"sum","in":[0],"attrs":{"dim":2}},{"op":"add","in":[0,2]},{"op":"sum","in":[3]}`, `{"name":"x","sum":4}`, ""),
		"program: node 1: add: shapes [B, K, T] and [B, K] do not broadcast: T against K at axis -1; want equal dimensions or 1"},
	{"dimension of another kind", loss(inputs, `{"op":"dim_size","attrs":{"dim":"N"}},{"op":"sum","in":[0]}`, `{"name":"x","sum":3}`, ""), "program: node 0: dim_size: no dimension is called N; a loss has B, K, T"},
	{"one mistake, one problem", loss(inputs, `{"op":"add","in":[0,1]},{"op":"exp","in":[2]},{"op":"sum","in":[3]}`, `{"name":"x","sum":4}`, ""), "program: node 0: add: inputs are f32 and bool; want one type (convert with to)"},

	{"no terms", loss(inputs, nodes, "", ""), "program: a loss needs at least one term"},
	{"output of a loss", loss(inputs, nodes, terms, "", `"output":3,`), "program: a loss has terms, not an output"},
	{"sum out of range", loss(inputs, nodes, `{"name":"x","sum":9}`, ""), "program: term x: sum is value 9 of 5"},
	{"sum is no scalar", loss(inputs, nodes, `{"name":"x","sum":0}`, ""), "program: term x: sum is f32 [B, K, T]; want f32 [] (reduce it with sum)"},
	{"count is no f32", loss(inputs, nodes+`,{"op":"to","in":[4],"attrs":{"dtype":"i64"}}`, `{"name":"x","sum":3,"count":5}`, ""), "program: node 3: term x: count is i64 []; want f32 [] (reduce it with sum)"},
	{"two terms of one name", loss(inputs, nodes, terms+","+terms, ""), "program: two terms are called nll"},
	{"name", loss(inputs, nodes, `{"name":"a b","sum":3}`, ""), `program: term name "a b" is not one of up to 64 letters, digits and _-./@`},
	{"metric", loss(inputs, nodes, terms, `{"name":"m","sum":0,"count":1}`),
		"program: metric m: sum is f32 [B, K, T]; want f32 [] (reduce it with sum)\nprogram: metric m: count is bool [B, K, T]; want f32 [] (reduce it with sum)"},
	{"count of the model", loss(inputs, nodes, `{"name":"x","sum":3,"count":3}`, ""),
		"program: node 1: term x: its count depends on policy.logps, which the model computes; a count may use data alone (masks, columns, dim_size)"},
	{"count of the model's shape", loss(inputs, nodes+`,{"op":"ones_like","in":[0]},{"op":"detach","in":[5]},{"op":"sum","in":[6]}`, `{"name":"x","sum":3,"count":7}`, ""),
		"program: node 5: term x: its count depends on policy.logps, which the model computes; a count may use data alone (masks, columns, dim_size)"},
	{"count of the reference model", loss(inputs+","+reference, `{"op":"sum","in":[0]},{"op":"sum","in":[2]}`, `{"name":"x","sum":3,"count":4}`, ""),
		"program: node 1: term x: its count depends on ref.logps, which the model computes; a count may use data alone (masks, columns, dim_size)"},
	{"nothing to learn from the reference model", loss(reference, `{"op":"sum","in":[0]}`, `{"name":"x","sum":1}`, ""), "program: no term has a gradient to the model, so nothing would be learned"},
	{"dimension of a head that is not asked for", loss(inputs, `{"op":"dim_size","attrs":{"dim":"C_topic"}},{"op":"sum","in":[0]}`, `{"name":"x","sum":3}`, ""), "program: node 0: dim_size: no dimension is called C_topic; a loss has B, K, T"},
	{"nothing to learn", loss(inputs, nodes, `{"name":"x","sum":4}`, ""), "program: no term has a gradient to the model, so nothing would be learned"},
	{"nothing to learn from a detached value", loss(inputs, `{"op":"detach","in":[0]},{"op":"sum","in":[2]}`, `{"name":"x","sum":3}`, ""), "program: no term has a gradient to the model, so nothing would be learned"},
	{"nothing to learn from whole numbers", loss(inputs, `{"op":"to","in":[0],"attrs":{"dtype":"i64"}},{"op":"to","in":[2],"attrs":{"dtype":"f32"}},{"op":"sum","in":[3]}`, `{"name":"x","sum":4}`, ""), "program: no term has a gradient to the model, so nothing would be learned"},
	{"too large", loss(inputs, `{"op":"sum","in":[0]},{"op":"expand","in":[2],"attrs":{"shape":["1000000","1000000"]}},{"op":"sum","in":[3]}`, `{"name":"x","sum":4}`, ""),
		"program: needs more than 1024 MiB even for a batch of one token"},
	{"dimension too large", loss(inputs, `{"op":"sum","in":[0]},{"op":"expand","in":[2],"attrs":{"shape":["99999999999999999999"]}}`, `{"name":"x","sum":2}`, ""),
		`program: node 1: expand: dimension "99999999999999999999" is too large`},
}

func TestRejected(t *testing.T) {
	for _, c := range rejected {
		t.Run(c.name, func(t *testing.T) {
			p, err := program.Parse([]byte(c.text))
			require.Nil(t, p)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestErrorsNameTheAuthorsPlace(t *testing.T) {
	_, err := program.Parse([]byte(loss(inputs, `{"op":"add","in":[0]},{"op":"softmax","in":[0]}`, `{"name":"x","sum":0}`, "")))
	var faults *program.Error
	require.True(t, errors.As(err, &faults))
	require.Equal(t, "my/loss.go:7: node 0: add: has 1 inputs; want 2\nprogram: node 1: no op is called \"softmax\"\nprogram: term x: sum is f32 [B, K, T]; want f32 [] (reduce it with sum)", faults.Text([]string{"my/loss.go:7", ""}))
}

func TestAHeadBringsItsDimension(t *testing.T) {
	p, err := program.Parse([]byte(loss(topic, `{"op":"dim_size","attrs":{"dim":"C_topic"}},{"op":"exp","in":[0]},{"op":"sum","in":[2]}`, `{"name":"x","sum":3,"count":1}`, "")))
	require.NoError(t, err)
	require.Equal(t, []op.Dim{"B", "K", "T", "C_topic"}, p.Dims())
	bytes, err := p.Bytes(map[string]int64{"B": 3, "C_topic": 5})
	require.NoError(t, err)
	require.Equal(t, int64(4+4*15+4), bytes)
}

func TestManyProblemsAreCut(t *testing.T) {
	_, err := program.Parse([]byte(loss(inputs, strings.TrimSuffix(strings.Repeat(`{"op":"x","in":[0]},`, 100), ","), terms, "")))
	require.ErrorContains(t, err, "\nand 80 more")
}

func FuzzParse(f *testing.F) {
	_, err := program.Parse([]byte(canonical))
	require.NoError(f, err, "a parser that refuses everything would pass below")
	f.Add([]byte(canonical))
	for _, c := range rejected {
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	f.Add([]byte(loss(inputs, `{"op":"sum","in":[0],"attrs":{"dim":-1,"keepdim":true}},{"op":"where_scalar","in":[2,1],"attrs":{"value":"-inf"}},{"op":"sum","in":[3]}`, `{"name":"x","sum":4}`, "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := program.Parse(data)
		if err != nil {
			return
		}
		first := p.Canonical()
		again, err := program.Parse(first)
		if err != nil {
			t.Fatalf("the canonical form is refused: %v\n%s", err, first)
		}
		if string(again.Canonical()) != string(first) {
			t.Fatalf("the canonical form changes:\n%s\n%s", first, again.Canonical())
		}
		sizes := map[string]int64{"B": 2, "K": 3, "T": 4, "P": 5, "H": 6, "M": 7, "N": 8}
		if _, err := p.Bytes(sizes); err != nil {
			t.Fatal(err)
		}
		_ = fmt.Sprint(p.Text(), p.InputNames())
	})
}
