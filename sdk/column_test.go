package sdk_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// weighted is nll by a weight, which it reads with options.
func weighted(options ...sdk.ColumnOption) tracer {
	return func(g *sdk.Graph) sdk.Objective {
		sum := g.Logps().Sum(-1).Mul(g.ExampleColumn("weight", options...).Unsqueeze(-1)).Sum().Neg()
		return sdk.Objective{Terms: []sdk.Term{{Name: "nll", Sum: sum, Count: g.LabelMask().Sum(), Coefficient: 1}}}
	}
}

func TestDeclarationsStandBesideTheProgram(t *testing.T) {
	plain := traced(t, weighted())
	require.Nil(t, plain.Columns)
	require.Nil(t, plain.Allow)

	said := traced(t, tracer(func(g *sdk.Graph) sdk.Objective {
		o := weighted(sdk.Role(sdk.WeightRole), sdk.Values(1, 0.5, 0), sdk.Range(0, 10))(g)
		o.Allow = map[string]string{"weights": "eq. 3 has none", "detach": "a constant by eq. 5"}
		return o
	}))
	require.JSONEq(t, `[{"input":"example_column.weight","role":"weight","values":[1,0.5,0],"min":0,"max":10}]`, string(said.Columns))
	require.Equal(t, `{"detach":"a constant by eq. 5","weights":"eq. 3 has none"}`, string(said.Allow))
	require.Equal(t, string(plain.Program), string(said.Program), "what is declared changes no program")
}

func TestColumnOptionsOfSeveralCalls(t *testing.T) {
	said := traced(t, tracer(func(g *sdk.Graph) sdk.Objective {
		g.ExampleColumn("weight", sdk.Values(2))
		return weighted(sdk.Role(sdk.WeightRole))(g)
	}))
	require.JSONEq(t, `[{"input":"example_column.weight","role":"weight","values":[2]}]`, string(said.Columns))
}

func TestColumnOptionsAtFault(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []sdk.ColumnOption
		want    string
	}{
		{"no role", []sdk.ColumnOption{sdk.Role("wait")}, `no role is called "wait"; want score, weight, reward or mask`},
		{"two roles", []sdk.ColumnOption{sdk.Role(sdk.WeightRole), sdk.Role(sdk.MaskRole)}, "has the role weight elsewhere in this loss, and mask here"},
		{"no number", []sdk.ColumnOption{sdk.Values(1, math.NaN())}, "its values include NaN; want finite numbers"},
		{"no range", []sdk.ColumnOption{sdk.Range(1, 0)}, "its range begins at 1 and ends at 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := mistakes(t, weighted(c.options...))
			require.Regexp(t, `^sdk/column_test\.go:\d+: example_column\.weight `, text)
			require.Contains(t, text, c.want)
		})
	}
}

// answers is a formatter that says all there is to say of its records.
type answers struct{}

func (answers) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "question", Type: sdk.String, Required: true, Doc: "what is asked", Examples: []string{`"Why?"`}},
		{Name: "scores", Type: sdk.FloatList, Role: sdk.ScoreRole},
	}
}

func (answers) Gives() []sdk.Output {
	return []sdk.Output{
		{Name: "score", Role: sdk.ScoreRole, Padding: -1},
		{Name: "weight", Kind: sdk.ExampleColumn, Role: sdk.WeightRole},
		{Name: "topic", Kind: sdk.ClassLabel},
	}
}

func (answers) Allow() map[string]string { return map[string]string{"lost": "a title is no answer"} }

func (answers) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate(r.Str(0), "x")
	return nil
}

func TestFormatterSaysWhatItGives(t *testing.T) {
	s := sdk.NewServer(sdk.Plugin{Name: "f", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("answers", "", answers{})}})
	require.JSONEq(t, `{"instance":1,
		"columns":[{"name":"question","type":"string","required":true,"doc":"what is asked","examples":["\"Why?\""]},
			{"name":"scores","type":"float_list","required":false,"doc":"","role":"score"}],
		"gives":[{"kind":"column","name":"score","role":"score","padding":-1},{"kind":"example_column","name":"weight","role":"weight"},{"kind":"label","name":"topic"}],
		"allow":{"lost":"a title is no answer"}}`, string(ask(t, s.Configure(0, []byte(`{}`)))))
}

func TestPaddingOfAnOutput(t *testing.T) {
	require.EqualValues(t, -100, sdk.Output{Role: sdk.ScoreRole}.PaddingValue())
	require.EqualValues(t, -1, sdk.Output{Role: sdk.ScoreRole, Padding: -1}.PaddingValue())
	require.EqualValues(t, 0, sdk.Output{Role: sdk.RewardRole}.PaddingValue())
	require.EqualValues(t, 0, sdk.Output{}.PaddingValue())
}

// lastToken takes the state of the last token.
type lastToken struct{ is bool }

func (lastToken) Trace(g *sdk.Graph) sdk.Tensor {
	at := g.Sequence().SegmentCount("N").CumSum(0).SubScalar(1).ClampMin(0).To(sdk.I64)
	return g.Hidden().IndexSelect(0, g.Token().IndexSelect(0, at))
}

func (p lastToken) PoolsLastToken() bool { return p.is }

func (lastToken) Allow() map[string]string { return map[string]string{"empty": "no sequence is"} }

func TestPoolingDeclares(t *testing.T) {
	for _, is := range []bool{true, false} {
		s := sdk.NewServer(sdk.Plugin{Name: "p", Poolings: []sdk.PoolingSpec{sdk.NewPooling("last", "", lastToken{is})}})
		reply := string(ask(t, s.Trace(configure(t, s, "{}"), []byte("{}"))))
		require.Contains(t, reply, `"allow":{"empty":"no sequence is"}`)
		if is {
			require.Contains(t, reply, `"pools_last_token":true`)
		} else {
			require.NotContains(t, reply, "pools_last_token")
		}
	}
}
