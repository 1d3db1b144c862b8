package sdk_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// Seeds of the targets below, real ones and hostile ones, are also files in
// testdata/fuzz.

// FuzzRequest reads request frames, which a plugin gets.
func FuzzRequest(f *testing.F) {
	request, err := sdk.EncodeRows(4, frameRows)
	require.NoError(f, err)
	f.Add(request)
	f.Fuzz(func(t *testing.T, frame []byte) {
		rows, err := sdk.DecodeRows(frame)
		if err != nil {
			return
		}
		again, err := sdk.EncodeRows(int(frame[4]), rows)
		require.NoError(t, err)
		twice, err := sdk.DecodeRows(again)
		require.NoError(t, err)
		once, err := sdk.EncodeRows(int(frame[4]), twice)
		require.NoError(t, err)
		require.Equal(t, again, once)
	})
}

// FuzzReply reads reply frames, which the host gets from a plugin that it does
// not trust.
func FuzzReply(f *testing.F) {
	f.Add(sdk.EncodeResults(frameResults), len(frameResults))
	f.Fuzz(func(t *testing.T, frame []byte, rows int) {
		rows = min(max(rows, 0), 1<<10)
		results, err := sdk.DecodeResults(frame, rows)
		if err != nil {
			return
		}
		require.Len(t, results, rows)
		for _, r := range results {
			require.True(t, r.Err != "" || r.Dropped != "" || len(r.Example.Candidates) > 0, "one of the three is set")
		}
		again, err := sdk.DecodeResults(sdk.EncodeResults(results), len(results))
		require.NoError(t, err)
		require.Equal(t, results, again)
	})
}

// FuzzServer gives a plugin what a host could send.
func FuzzServer(f *testing.F) {
	f.Add(uint32(0), []byte("{}"), []byte(`{"op_level":1}`))
	f.Fuzz(func(t *testing.T, component uint32, config, request []byte) {
		s := sdk.NewServer(fuzzed)
		for _, reply := range [][]byte{s.Describe(), s.Configure(component, config), s.Trace(1, request), s.Format(1, request)} {
			require.NotEmpty(t, reply)
			require.LessOrEqual(t, reply[0], byte(sdk.StatusError))
		}
	})
}

// fuzzed is a plugin with a component of each kind.
var fuzzed = sdk.Plugin{Name: "fuzzed", Version: "1", Doc: "d",
	Losses:     []sdk.LossSpec{sdk.NewLoss("loss", "d", fuzzLoss{})},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("formatter", "d", fuzzFormatter{})}}

type fuzzLoss struct {
	Weight float64 `llmhost:"weight,default=1,min=0,max=2,doc=d"`
	Kind   string  `llmhost:"kind,default=a,choices=a|b,doc=d"`
	Count  int     `llmhost:"count,default=1,doc=d"`
	Flag   bool    `llmhost:"flag,default=false,doc=d"`
}

func (l fuzzLoss) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: l.Kind, Sum: g.Logps().MulScalar(l.Weight).Sum(), Coefficient: 1}}}
}

type fuzzFormatter struct{}

func (fuzzFormatter) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String}, {Name: "scores", Type: sdk.FloatList}}
}

func (fuzzFormatter) Format(r *sdk.Row, o *sdk.Out) error {
	if !r.Has(0) {
		return o.Drop("no text")
	}
	for _, score := range r.Floats(1) {
		o.Candidate(r.Str(0), r.Str(0)).Set("score", score)
	}
	return nil
}
