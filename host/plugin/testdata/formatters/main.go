// Command formatters is a plugin with every kind of component, and formatters
// that misbehave as the record asks them to.
package main

import (
	"os"
	"strings"

	"llmhost/sdk"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(sdk.Plugin{
	Name: "formatters", Version: "0.0.1", Doc: "does as it is told",
	Losses:   []sdk.LossSpec{sdk.NewLoss("nll", "negative log-likelihood", nll{})},
	Poolings: []sdk.PoolingSpec{sdk.NewPooling("mean", "mean of the hidden states", mean{})},
	Formatters: []sdk.FormatterSpec{
		sdk.NewFormatter("obey", "a text that says what to do", obey{}),
		sdk.NewFormatter("all", "one column of each type", all{}),
	},
	Tasks: []sdk.Task{{Name: "whole", Doc: "all parts are of this file", Formatter: "obey", Head: sdk.LMHead, Pooling: "mean", Loss: "nll"}},
})

func main() { served.Main() }

type nll struct{}

func (nll) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "nll", Sum: g.Logps().Sum().Neg(), Count: g.LabelMask().Sum(), Coefficient: 1}}}
}

type mean struct{}

func (mean) Trace(g *sdk.Graph) sdk.Tensor {
	count := g.Sequence().SegmentCount("N").ClampMin(1).Unsqueeze(1)
	return g.Hidden().IndexSelect(0, g.Token()).SegmentSum(g.Sequence(), "N").Div(count)
}

// obey does what the record's text says.
type obey struct {
	Field string `llmhost:"obey_field,default=text,doc=field that holds the text"`
}

func (f obey) Columns() []sdk.Column {
	return []sdk.Column{{Name: f.Field, Type: sdk.String, Required: true, Doc: "what to do"}}
}

var kept [][]byte

func (f obey) Format(r *sdk.Row, o *sdk.Out) error {
	text := r.Str(0)
	switch {
	case text == "exit":
		os.Stderr.WriteString("I am leaving\n")
		os.Exit(3)
	case text == "panic":
		panic("told to")
	case text == "spin":
		for {
		}
	case text == "bomb":
		for {
			kept = append(kept, make([]byte, 1<<20))
		}
	case text == "drop":
		return o.Drop("told to")
	case text == "cut":
		o.Candidate("gr\xc3", "x")
		return nil
	case strings.HasPrefix(text, "keep"): // across rows and batches
		kept = append(kept, []byte(text))
	}
	c := o.Candidate(text, "!")
	c.Set("length", float64(len(text)))
	o.Set("kept", float64(len(kept)))
	return nil
}

// all repeats what it reads.
type all struct{}

func (all) Columns() []sdk.Column {
	return []sdk.Column{{Name: "s", Type: sdk.String}, {Name: "f", Type: sdk.Float}, {Name: "b", Type: sdk.Bool}, {Name: "i", Type: sdk.Int},
		{Name: "ss", Type: sdk.StringList}, {Name: "fs", Type: sdk.FloatList}, {Name: "j", Type: sdk.JSON}}
}

func (all) Format(r *sdk.Row, o *sdk.Out) error {
	for i, s := range r.Strs(4) {
		c := o.Candidate(s, r.Str(0)+r.JSON(6))
		c.Set("n", r.Floats(5)[i])
	}
	o.Set("f", r.Float(1))
	o.Set("i", float64(r.Int(3)))
	if r.Bool(2) {
		o.Set("b", 1)
	} else {
		o.Set("b", 0)
	}
	return nil
}
