package sdk_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
)

// quiz is a formatter of two columns that misbehaves on demand.
type quiz struct{}

func (quiz) Columns() []sdk.Column {
	return []sdk.Column{{Name: "question", Type: sdk.String, Required: true}, {Name: "marks", Type: sdk.FloatList}}
}

func (quiz) Format(r *sdk.Row, o *sdk.Out) error {
	switch r.Str(0) {
	case "skip":
		return o.Drop("skipped")
	case "bad":
		return errors.New("no such question")
	case "none":
		return nil
	case "wrong type":
		r.Bool(1)
	case "nan":
		o.Set("weight", math.NaN())
	case "uneven":
		o.Candidate("p", "x").Set("other", 1)
	}
	o.Set("length", float64(len(r.Str(0))))
	for _, m := range r.Floats(1) {
		o.Candidate(r.Str(0), "answer").Set("mark", m)
	}
	return nil
}

func row(question string, marks ...float64) sdk.Row {
	return sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: question}, {Type: sdk.FloatList, Floats: marks}})
}

func TestFormatRows(t *testing.T) {
	rows := []sdk.Row{row("why", 1, 2), row("skip", 1), row("bad", 1), row("none"), row("wrong type", 1), row("nan", 1), row("uneven", 1), row("infinite", math.Inf(1))}
	require.Equal(t, []sdk.Result{
		{Example: sdk.Example{
			Candidates: []sdk.Candidate{
				{Prompt: "why", Answer: "answer", Columns: map[string]float64{"mark": 1}},
				{Prompt: "why", Answer: "answer", Columns: map[string]float64{"mark": 2}},
			},
			Columns: map[string]float64{"length": 3},
		}},
		{Dropped: "skipped"},
		{Err: "no such question"},
		{Err: "the formatter made no candidate; want at least one, or Out.Drop with a reason"},
		{Err: "column 1 is declared as a list of numbers, but Format reads it as true or false"},
		{Err: `example column "weight" is not finite`},
		{Err: `column "mark" is set on one of candidates 0 and 1 only; want it on every candidate`},
		{Err: `column "mark" of candidate 0 is not finite`},
	}, sdk.FormatRows(quiz{}, rows))
}

func TestRowReadsCells(t *testing.T) {
	r := sdk.NewRow([]sdk.Cell{
		{Type: sdk.String, Str: "s"}, {Type: sdk.Float, Float: 1.5}, {Type: sdk.Bool, Int: 1}, {Type: sdk.Int, Int: -7},
		{Type: sdk.StringList, Strs: []string{"a", ""}}, {Type: sdk.FloatList, Floats: []float64{0.5}}, {Type: sdk.JSON, Str: `{"a":1}`}, {},
	})
	require.Equal(t, "s", r.Str(0))
	require.Equal(t, 1.5, r.Float(1))
	require.True(t, r.Bool(2))
	require.Equal(t, int64(-7), r.Int(3))
	require.Equal(t, []string{"a", ""}, r.Strs(4))
	require.Equal(t, []float64{0.5}, r.Floats(5))
	require.Equal(t, `{"a":1}`, r.JSON(6))
	require.True(t, r.Has(6))
	require.False(t, r.Has(7))
	require.False(t, r.Has(8))
	require.Zero(t, r.Str(7))
}
