package sdk_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// reduced has a parameter of every type, one of them in an embedded struct.
type reduced struct {
	Weight float64 `llmhost:"weight,default=1.5,min=0,max=10,doc=how much, in all"`
	Reduction
	Steps   int  `llmhost:"steps,min=1"`
	Sharp   bool `llmhost:"sharp,default=true"`
	Ignored string
}

// Reduction is shared by several losses.
type Reduction struct {
	How string `llmhost:"how,default=mean,choices=mean|sum"`
}

func (r reduced) Validate() error {
	if r.Steps == 13 {
		return errors.New("steps and luck do not go together")
	}
	return nil
}

// Trace writes the parameters into the program, so that a test can see them.
func (r reduced) Trace(g *sdk.Graph) sdk.Objective {
	sum := g.Logps().Sum().MulScalar(r.Weight).MulScalar(float64(r.Steps))
	if r.Sharp {
		sum = sum.Neg()
	}
	return sdk.Objective{Terms: []sdk.Term{{Name: r.How, Sum: sum, Coefficient: 1}}}
}

func TestParametersReachTheLoss(t *testing.T) {
	s := sdk.NewServer(lossOf(reduced{Steps: 2}))
	n := configure(t, s, `{"weight":2.5,"how":"sum","steps":3,"sharp":false}`)
	require.Contains(t, string(s.Trace(n, []byte("{}"))), `"nodes":[{"op":"sum","in":[0],"attrs":{}},{"op":"mul_scalar","in":[1],"attrs":{"value":2.5}},{"op":"mul_scalar","in":[2],"attrs":{"value":3}}],"terms":[{"name":"sum"`)
	n = configure(t, s, ` { } `)
	require.Contains(t, string(s.Trace(n, []byte("{}"))), `{"op":"mul_scalar","in":[1],"attrs":{"value":1.5}},{"op":"mul_scalar","in":[2],"attrs":{"value":2}},{"op":"neg","in":[3],"attrs":{}}],"terms":[{"name":"mean"`,
		"tags' defaults, and the prototype's value where a tag has none")
}

func TestPointerPrototypesAreCopied(t *testing.T) {
	proto := &reduced{Steps: 2}
	s := sdk.NewServer(lossOf(proto))
	configure(t, s, `{"steps":5}`)
	require.Equal(t, 2, proto.Steps)
}

func TestConfigureRefuses(t *testing.T) {
	s := sdk.NewServer(lossOf(reduced{Steps: 2}))
	for _, c := range []struct{ config, field, message string }{
		{`{"weight":-1}`, "weight", "weight is -1; want a number from 0 to 10"},
		{`{"weight":"2"}`, "weight", `weight is "2"; want a number from 0 to 10`},
		{`{"steps":0}`, "steps", "steps is 0; want a whole number of at least 1"},
		{`{"steps":1.5}`, "steps", "steps is 1.5; want a whole number of at least 1"},
		{`{"sharp":1}`, "sharp", "sharp is 1; want true or false"},
		{`{"how":"max"}`, "how", `how is "max"; want one of mean, sum`},
		{`{"how":true}`, "how", "how is true; want a text"},
		{`{"wait":1}`, "wait", "wait is no parameter of loss test"},
		{`{"steps":13}`, "", "steps and luck do not go together"},
		{`{"steps":2,"steps":3}`, "", "configuration names steps twice"},
	} {
		f := refused(t, s.Configure(0, []byte(c.config)))
		require.Equal(t, failure{"invalid_config", c.message, c.field}, f, c.config)
	}
	for _, config := range []string{``, `[]`, `{`, `{"a":}`, `{"a":1,}`, `{"a":null}`, `{"a":{}}`, `{"a" 1}`, `{"a":1}x`, `{a:1}`, `{"a":"\ud800"}`, `{"a":"\q"}`, "{\"a\":\"\xff\"}", `{"a":1-}`, `{"a":"x`, `{"a":"\`} {
		f := refused(t, s.Configure(0, []byte(config)))
		require.Equal(t, "configuration is not a flat JSON object of numbers, texts, true and false", f.Message, config)
	}
}

func TestConfigurationTextsSurvive(t *testing.T) {
	s := sdk.NewServer(sdk.Plugin{Name: "f", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("words", "", words{})}})
	for _, text := range []string{"", "a\"b\\c/d\b\f\n\r\t\x00", "é€😀", "<&>"} {
		for _, config := range [][]byte{sdk.CanonicalConfig(map[string]any{"mark": text}), must(json.Marshal(map[string]string{"mark": text}))} {
			ask(t, s.Configure(0, config))
		}
		frame, err := sdk.EncodeRows(2, []sdk.Row{sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "hi"}, {}})})
		require.NoError(t, err)
		var last struct{ Instance uint32 }
		require.NoError(t, json.Unmarshal(ask(t, s.Configure(0, sdk.CanonicalConfig(map[string]any{"mark": text}))), &last))
		results, err := sdk.DecodeResults(ask(t, s.Format(last.Instance, frame)), 1)
		require.NoError(t, err)
		require.Equal(t, text, results[0].Example.Candidates[0].Answer)
	}
	require.Equal(t, `{"a":1,"b":0.1,"c":true,"d":"x"}`, string(sdk.CanonicalConfig(map[string]any{"d": "x", "c": true, "b": 0.1, "a": 1})))
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestParamParseText(t *testing.T) {
	low := 1.0
	for _, c := range []struct {
		p    sdk.Param
		text string
		want any
		err  string
	}{
		{sdk.Param{Type: sdk.FloatParam}, "1e-3", 0.001, ""},
		{sdk.Param{Type: sdk.FloatParam}, "x", nil, `is "x"; want a number`},
		{sdk.Param{Type: sdk.FloatParam}, "NaN", nil, "is NaN; want a number"},
		{sdk.Param{Type: sdk.FloatParam, Max: &low}, "inf", nil, "is +Inf; want a number of at most 1"},
		{sdk.Param{Type: sdk.IntParam}, "7", 7, ""},
		{sdk.Param{Type: sdk.IntParam}, "7.5", nil, `is "7.5"; want a whole number`},
		{sdk.Param{Type: sdk.BoolParam}, "true", true, ""},
		{sdk.Param{Type: sdk.BoolParam}, "yes", nil, `is "yes"; want true or false`},
		{sdk.Param{Type: sdk.StringParam}, "7", "7", ""},
	} {
		got, err := c.p.ParseText(c.text)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	v, err := sdk.Param{Type: sdk.FloatParam}.Accept(int64(3))
	require.NoError(t, err)
	require.Equal(t, 3.0, v)
	v, err = sdk.Param{Type: sdk.IntParam}.Accept(3.0)
	require.NoError(t, err)
	require.Equal(t, 3, v)
	_, err = sdk.Param{Type: sdk.IntParam}.Accept([]int{1})
	require.EqualError(t, err, "is neither a number, a text, true nor false; want a whole number")
}

// The tags below are wrong, each in its way.
type (
	badName struct {
		A float64 `llmhost:"Bad-Name"`
	}
	badType struct {
		A []int `llmhost:"a"`
	}
	badDefault struct {
		A float64 `llmhost:"a,default=-1,min=0"`
	}
	badProto struct {
		A int `llmhost:"a,min=1"`
	}
	badOption struct {
		A int `llmhost:"a,minimum=1"`
	}
	badBound struct {
		A string `llmhost:"a,min=1"`
	}
	badChoice struct {
		A int `llmhost:"a,choices=1|2"`
	}
	badTwice struct {
		A int `llmhost:"a"`
		B int `llmhost:"a"`
	}
	badHidden struct {
		a int `llmhost:"a"` //lint:ignore U1000 only its tag matters
	}
)

func (badName) Trace(g *sdk.Graph) sdk.Objective    { return nll(g) }
func (badType) Trace(g *sdk.Graph) sdk.Objective    { return nll(g) }
func (badDefault) Trace(g *sdk.Graph) sdk.Objective { return nll(g) }
func (badProto) Trace(g *sdk.Graph) sdk.Objective   { return nll(g) }
func (badOption) Trace(g *sdk.Graph) sdk.Objective  { return nll(g) }
func (badBound) Trace(g *sdk.Graph) sdk.Objective   { return nll(g) }
func (badChoice) Trace(g *sdk.Graph) sdk.Objective  { return nll(g) }
func (badTwice) Trace(g *sdk.Graph) sdk.Objective   { return nll(g) }
func (badHidden) Trace(g *sdk.Graph) sdk.Objective  { return nll(g) }

func TestWrongTagsAreNamed(t *testing.T) {
	for _, c := range []struct {
		loss sdk.Loss
		want string
	}{
		{badName{}, `loss test: field A: parameter name "Bad-Name" is not lower-case letters, digits and _`},
		{badType{}, "loss test: field A: is of type []int; want float64, int, bool or string"},
		{badDefault{}, "loss test: field A: its default is -1; want a number of at least 0"},
		{badProto{}, "loss test: field A: its default is 0; want a whole number of at least 1"},
		{badOption{}, `loss test: field A: tag has the unknown part "minimum=1"; want default=, min=, max=, choices=, values=, aliases= or doc=`},
		{badBound{}, "loss test: field A: min=1 is no bound of a string"},
		{badChoice{}, "loss test: field A: choices are for a string field"},
		{badTwice{}, "loss test: two fields are the parameter a"},
		{badHidden{}, "loss test: field a: has an llmhost tag but is not exported"},
	} {
		require.Equal(t, failure{"internal", c.want, ""}, refused(t, sdk.NewServer(lossOf(c.loss)).Describe()))
	}
}

// valued has a text without choices that shows what it takes.
type valued struct {
	Types string `llmhost:"types,default=a,values=b|c=1,doc=what is summed, several separated by commas"`
}

func (valued) Trace(*sdk.Graph) sdk.Objective { return sdk.Objective{} }

// Values travel in the descriptor and bound nothing.
func TestValuesOfAText(t *testing.T) {
	reply := sdk.NewServer(sdk.Plugin{Name: "p", Losses: []sdk.LossSpec{sdk.NewLoss("l", "", valued{})}}).Describe()
	require.Contains(t, string(reply), `"default":"a","values":["b","c=1"]`)
	loss, err := sdk.NewLoss("l", "", valued{}).New(map[string]any{"types": "anything"})
	require.NoError(t, err)
	require.Equal(t, valued{Types: "anything"}, loss)
}
