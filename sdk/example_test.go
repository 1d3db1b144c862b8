package sdk_test

import (
	"errors"
	"fmt"

	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// likelihood is the mean negative log-likelihood of the label tokens, to a scale.
type likelihood struct {
	Scale float64 `llmhost:"scale,default=1,min=0,doc=factor of the whole loss"`
}

// Trace builds the program once. Shapes: Logps, LabelMask [B, K, T].
func (l likelihood) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{
		Name:        "nll",
		Sum:         g.Logps().Neg().Sum(),
		Count:       g.LabelMask().Sum(),
		Coefficient: l.Scale,
	}}}
}

// A loss is a struct: its tagged fields are the parameters, which a host reads
// from a run's settings. Package sdktest runs what it traces.
func ExampleLoss() {
	loss, err := sdk.NewLoss("likelihood", "mean negative log-likelihood", likelihood{}).New(map[string]any{"scale": 2.0})
	if err != nil {
		panic(err)
	}
	out := sdktest.Run(loss, sdktest.Inputs{Logps: [][][]float64{{{-1, -2}}, {{-3}}}})
	fmt.Println(out.Loss, out.Terms["nll"].Value())
	// Output: 4 2
}

// pairs turns a record with a prompt and two answers into two candidates.
type pairs struct{}

func (pairs) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "prompt", Type: sdk.String, Required: true},
		{Name: "chosen", Type: sdk.String, Required: true},
		{Name: "rejected", Type: sdk.String, Required: true},
	}
}

func (pairs) Format(r *sdk.Row, o *sdk.Out) error {
	prompt, chosen, rejected := r.Str(0), r.Str(1), r.Str(2)
	switch {
	case chosen == rejected:
		return o.Drop("both answers are the same")
	case prompt == "":
		return errors.New("prompt is empty")
	}
	o.Candidate(prompt, chosen).Set("score", 1)
	o.Candidate(prompt, rejected).Set("score", 0)
	return nil
}

// A formatter makes an example of a record, leaves it out with a reason, or
// says what is wrong with it.
func ExampleFormatter() {
	row := func(texts ...string) sdk.Row {
		var cells []sdk.Cell
		for _, text := range texts {
			cells = append(cells, sdk.Cell{Type: sdk.String, Str: text})
		}
		return sdk.NewRow(cells)
	}
	rows := []sdk.Row{row("2 + 2 = ", "4", "5"), row("2 + 2 = ", "4", "4"), row("", "4", "5")}
	for _, result := range sdk.FormatRows(pairs{}, rows) {
		fmt.Printf("%d candidates, dropped %q, error %q\n", len(result.Example.Candidates), result.Dropped, result.Err)
	}
	// Output:
	// 2 candidates, dropped "", error ""
	// 0 candidates, dropped "both answers are the same", error ""
	// 0 candidates, dropped "", error "prompt is empty"
}

// average is the mean of a sequence's hidden states.
type average struct{}

func (average) Trace(g *sdk.Graph) sdk.Tensor {
	lengths := g.Sequence().SegmentCount("N").Unsqueeze(1)
	return g.Hidden().IndexSelect(0, g.Token()).SegmentSum(g.Sequence(), "N").Div(lengths)
}

// A pooling makes one vector of a sequence's hidden states, which are stored
// without padding.
func ExamplePooling() {
	out := sdktest.Pool(average{}, sdktest.PoolInputs{Hidden: [][][]float64{{{1, 2}, {3, 4}}, {{5, 6}}}})
	fmt.Println(out.Output)
	// Output: [[2 3] [5 6]]
}
