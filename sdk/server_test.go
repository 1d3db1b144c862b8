package sdk_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// ask takes a reply apart and wants it to be an answer.
func ask(t *testing.T, reply []byte) []byte {
	t.Helper()
	require.NotEmpty(t, reply)
	require.Equal(t, byte(sdk.StatusOK), reply[0], "%s", reply)
	return reply[1:]
}

type failure struct{ Code, Message, Field string }

// refused wants the reply to be an error.
func refused(t *testing.T, reply []byte) failure {
	t.Helper()
	require.NotEmpty(t, reply)
	require.Equal(t, byte(sdk.StatusError), reply[0], "%s", reply)
	var f failure
	require.NoError(t, json.Unmarshal(reply[1:], &f), "%s", reply)
	return f
}

// lossOf is a plugin around one loss.
func lossOf(l sdk.Loss) sdk.Plugin {
	return sdk.Plugin{Name: "test", Version: "1.0.0", Losses: []sdk.LossSpec{sdk.NewLoss("test", "a loss", l)}}
}

// configure configures component 0 and returns its handle.
func configure(t *testing.T, s *sdk.Server, config string) uint32 {
	t.Helper()
	var got struct{ Instance uint32 }
	require.NoError(t, json.Unmarshal(ask(t, s.Configure(0, []byte(config))), &got))
	return got.Instance
}

type trace struct {
	Program        json.RawMessage
	Locations      []string
	Columns, Allow json.RawMessage
}

// traced traces a loss at its defaults.
func traced(t *testing.T, l sdk.Loss) trace {
	t.Helper()
	s := sdk.NewServer(lossOf(l))
	var got trace
	require.NoError(t, json.Unmarshal(ask(t, s.Trace(configure(t, s, "{}"), []byte(`{"op_level":1}`))), &got))
	return got
}

// mistakes traces a loss that is wrong and returns what the author is told.
func mistakes(t *testing.T, l sdk.Loss) string {
	t.Helper()
	s := sdk.NewServer(lossOf(l))
	f := refused(t, s.Trace(configure(t, s, "{}"), []byte("{}")))
	require.Equal(t, "trace", f.Code)
	return f.Message
}

// tracer makes a loss of a function.
type tracer func(g *sdk.Graph) sdk.Objective

func (f tracer) Trace(g *sdk.Graph) sdk.Objective { return f(g) }

// nll is a small sound loss.
func nll(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "nll", Sum: g.Logps().Sum().Neg(), Count: g.LabelMask().Sum(), Coefficient: 1}}}
}

func TestTraceWritesTheProgram(t *testing.T) {
	got := traced(t, tracer(nll))
	require.Equal(t, `{"llmhost_program":1,"op_level":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"label_mask","dtype":"bool","shape":["B","K","T"]}],`+
		`"nodes":[{"op":"sum","in":[0],"attrs":{}},{"op":"neg","in":[2],"attrs":{}},{"op":"sum","in":[1],"attrs":{}}],`+
		`"terms":[{"name":"nll","sum":3,"count":4,"coefficient":1}],"metrics":[]}`, string(got.Program))
	require.Len(t, got.Locations, 3)
	require.Regexp(t, `^sdk/server_test\.go:\d+$`, got.Locations[0])
}

func TestTraceIsTheSameEveryTime(t *testing.T) {
	s := sdk.NewServer(lossOf(tracer(nll)))
	first := s.Trace(configure(t, s, "{}"), []byte("{}"))
	require.Equal(t, first, s.Trace(configure(t, s, "{}"), []byte("{}")), "another configured component")
	require.Equal(t, first, s.Trace(1, []byte("{}")), "the same configured component")
}

func TestServerAnswersWhateverIsAsked(t *testing.T) {
	s := sdk.NewServer(lossOf(tracer(nll)))
	require.Equal(t, failure{"bad_request", "no component has the index 1", ""}, refused(t, s.Configure(1, []byte("{}"))))
	require.Equal(t, failure{"bad_request", "nothing is configured under handle 7", ""}, refused(t, s.Trace(7, []byte("{}"))))
	require.Equal(t, failure{"bad_request", "nothing is configured under handle 7", ""}, refused(t, s.Format(7, nil)))
	n := configure(t, s, "{}")
	require.Equal(t, "bad_request", refused(t, s.Trace(n, []byte("nonsense"))).Code)
	require.Equal(t, failure{"bad_request", "handle 1 is not a formatter", ""}, refused(t, s.Format(n, nil)))
	s.Close(n)
	require.Equal(t, "bad_request", refused(t, s.Trace(n, []byte("{}"))).Code, "a closed component is gone")
}

func TestPanicsBecomeReplies(t *testing.T) {
	text := mistakes(t, tracer(func(g *sdk.Graph) sdk.Objective {
		var none []int
		_ = none[len(g.Logps().String())]
		return sdk.Objective{}
	}))
	require.Regexp(t, `^sdk/server_test\.go:\d+: the trace panicked: runtime error: index out of range`, text)

	text = mistakes(t, tracer(func(g *sdk.Graph) sdk.Objective {
		var empty sdk.Tensor
		return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: empty.Sum()}}}
	}))
	require.Regexp(t, `^sdk/server_test\.go:\d+: the trace panicked: sdk: sum of an empty Tensor; want one that came from the Graph$`, text)
}

type words struct {
	Mark string `llmhost:"mark,default=:,doc=between the two"`
}

func (w words) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String, Required: true, Doc: "one text"}, {Name: "more", Type: sdk.FloatList}}
}

func (w words) Format(r *sdk.Row, o *sdk.Out) error {
	if r.Str(0) == "bad" {
		return errors.New("is bad")
	}
	o.Candidate(r.Str(0), w.Mark)
	return nil
}

func TestFormatter(t *testing.T) {
	p := sdk.Plugin{Name: "f", Version: "1", Formatters: []sdk.FormatterSpec{sdk.NewFormatter("words", "", words{})}}
	s := sdk.NewServer(p)
	require.JSONEq(t, `{"instance":1,"columns":[{"name":"text","type":"string","required":true,"doc":"one text"},{"name":"more","type":"float_list","required":false,"doc":""}]}`,
		string(ask(t, s.Configure(0, []byte(`{"mark":"|"}`)))))
	frame, err := sdk.EncodeRows(2, []sdk.Row{sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "hi"}, {}}), sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "bad"}, {}})})
	require.NoError(t, err)
	results, err := sdk.DecodeResults(ask(t, s.Format(1, frame)), 2)
	require.NoError(t, err)
	require.Equal(t, "hi", results[0].Example.Candidates[0].Prompt)
	require.Equal(t, "|", results[0].Example.Candidates[0].Answer)
	require.Equal(t, "is bad", results[1].Err)
	require.Equal(t, "bad_request", refused(t, s.Format(1, []byte("garbage"))).Code)
	require.Equal(t, failure{"trace", "a formatter has no trace", ""}, refused(t, s.Trace(1, []byte("{}"))))

	f, err := p.Formatters[0].New(map[string]any{"mark": "!"})
	require.NoError(t, err)
	require.Equal(t, words{"!"}, f)
	_, err = p.Formatters[0].New(map[string]any{"mork": "!"})
	require.EqualError(t, err, "mork is no parameter of formatter words")
}

func TestDescribe(t *testing.T) {
	low, p := 0.0, lossOf(reduced{Steps: 2})
	p.Doc = "says \"hi\"\n\x01é"
	p.Tasks = []sdk.Task{{Name: "test", Formatter: "builtin:x", Head: sdk.LMHead, Loss: "test", Defaults: map[string]any{"b": true, "a": 1.5, "n": 3, "s": "x"}}}
	var got map[string]any
	require.NoError(t, json.Unmarshal(ask(t, sdk.NewServer(p).Describe()), &got))
	require.Equal(t, "test", got["name"])
	require.Equal(t, "says \"hi\"\n\x01é", got["doc"])
	require.Equal(t, 2.0, got["abi"])
	params := got["components"].([]any)[0].(map[string]any)["params"].([]any)
	require.Equal(t, map[string]any{"name": "weight", "type": "float", "default": 1.5, "min": low, "max": 10.0, "doc": "how much, in all"}, params[0])
	require.Equal(t, map[string]any{"name": "how", "type": "string", "default": "mean", "choices": []any{"mean", "sum"}, "doc": ""}, params[1])
	require.Equal(t, map[string]any{"a": 1.5, "b": true, "n": 3.0, "s": "x"}, got["tasks"].([]any)[0].(map[string]any)["defaults"])
}
