package program_test

import (
	"fmt"
	"strings"
	"testing"

	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

func TestNeeds(t *testing.T) {
	logps := func(name string) string { return name + ` ["B","K","T"]` }
	for _, c := range []struct {
		inputs []string
		want   program.Needs
	}{
		{[]string{logps("policy.logps")}, program.Needs{LM: true}},
		{[]string{logps("policy.logps"), logps("ref.logps")}, program.Needs{LM: true, Reference: true, RefLogps: true, RefAnswers: true}},
		{[]string{logps("policy.logps"), logps("ref.logps"), logps("kl.reverse")}, program.Needs{LM: true, Reference: true, RefAnswers: true}},
		{[]string{logps("policy.vocab_mean_logps")}, program.Needs{LM: true, VocabMeans: true}},
		{[]string{logps("policy.vocab_mean_logps"), logps("policy.logps")}, program.Needs{LM: true, VocabMeans: true}},
		{[]string{`rewards ["B","K"]`}, program.Needs{Score: true}},
		{[]string{`logits.topic ["B","C_topic"]`, `logits.tone ["B","C_tone"]`}, program.Needs{Classes: []string{"topic", "tone"}}},
		{[]string{logps("policy.logps"), `mismatched.policy.logps ["B","K","U"]`}, program.Needs{LM: true, Mismatched: true}},
		{[]string{logps("policy.logps"), `mismatched.ref.logps ["B","K","U"]`}, program.Needs{LM: true, Mismatched: true, Reference: true}},
	} {
		t.Run(strings.Join(c.inputs, ", "), func(t *testing.T) {
			require.Equal(t, c.want, reading(t, c.inputs).Needs())
		})
	}
}

// reading is a loss that adds up all of its inputs, given as "NAME SHAPE".
func reading(t *testing.T, inputs []string) *program.Program {
	t.Helper()
	var declared, sums, terms []string
	for i, input := range inputs {
		name, shape, _ := strings.Cut(input, " ")
		declared = append(declared, fmt.Sprintf(`{"name":%q,"dtype":"f32","shape":%s}`, name, shape))
		sums = append(sums, fmt.Sprintf(`{"op":"sum","in":[%d]}`, i))
		terms = append(terms, fmt.Sprintf(`{"name":"t%d","sum":%d}`, i, len(inputs)+i))
	}
	p, err := program.Parse([]byte(fmt.Sprintf(`{"llmhost_program":1,"kind":"loss","inputs":[%s],"nodes":[%s],"terms":[%s]}`,
		strings.Join(declared, ","), strings.Join(sums, ","), strings.Join(terms, ","))))
	require.NoError(t, err)
	return p
}
