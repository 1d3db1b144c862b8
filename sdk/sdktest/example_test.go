package sdktest_test

import (
	"fmt"

	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// A trace is the program that a host would run, with the author's lines. What is
// wrong with it comes as values: what, why and where.
func ExampleTraced_Padding() {
	p, err := sdktest.Trace(spoilt(func(g *sdk.Graph) sdk.Objective {
		return term(g.Logps().Amax(-1).Sum(), g.Count("B"))
	}))
	if err != nil {
		panic(err)
	}
	faults, err := p.Padding(sdktest.Inputs{Logps: [][][]float64{{{-2, -1}}}})
	if err != nil {
		panic(err)
	}
	fmt.Println(faults[0].Text)
	fmt.Println(p.Op(faults[0].At))
	// Output:
	// the sum of term x is -1, and with one more padding label position it is 0
	// amax
}

// Every value of a program can be looked at, and every gradient.
func ExampleTraced_Evaluate() {
	p, err := sdktest.Trace(hinge{Margin: 0.5})
	if err != nil {
		panic(err)
	}
	a, err := sdktest.Inputs{Logps: [][][]float64{{{-1}, {-2}}}, Score: [][]float64{{0, 1}}}.Arguments()
	if err != nil {
		panic(err)
	}
	e, err := p.Evaluate(a)
	if err != nil {
		panic(err)
	}
	fmt.Println(e.Loss(), e.Gradient(e.LossSeeds())["policy.logps"])
	// Output: 3 [2 -2]
}
