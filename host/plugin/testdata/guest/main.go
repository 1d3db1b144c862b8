// Command guest is a plugin whose losses misbehave, each in its way.
package main

import (
	"os"

	"llmhost/sdk"
	"llmhost/sdk/wasm"
)

var _ = wasm.Register(sdk.Plugin{
	Name: "guest", Version: "0.0.1", Doc: "misbehaves",
	Losses: []sdk.LossSpec{
		sdk.NewLoss("fine", "does not", fine{}),
		sdk.NewLoss("shapes", "mixes up shapes", shapes{}),
		sdk.NewLoss("panics", "indexes too far", panics{}),
		sdk.NewLoss("spins", "never ends", spins{}),
		sdk.NewLoss("exits", "leaves", exits{}),
		sdk.NewLoss("counts", "counts what the model computes", counts{}),
	},
	Tasks: []sdk.Task{
		{Name: "one", Doc: "the first", Formatter: "builtin:preference", Head: sdk.LMHead, Loss: "fine", Defaults: map[string]any{"scale": 2, "learning_rate": 0.1}},
		{Name: "two", Doc: "the second", Head: sdk.LMHead, Loss: "shapes"},
	},
})

func main() {}

type fine struct {
	Scale float64 `llmhost:"scale,default=1,min=0,max=4,doc=how much"`
}

func (l fine) Trace(g *sdk.Graph) sdk.Objective {
	println("this goes nowhere unless something fails")
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: g.Logps().Sum().MulScalar(l.Scale), Coefficient: 1}}}
}

type shapes struct{}

func (shapes) Trace(g *sdk.Graph) sdk.Objective {
	g.Logps().Add(g.Column("score"))
	g.Logps().Sum(7)
	return fine{}.Trace(g)
}

type panics struct{}

func (panics) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: make([]sdk.Term, 1)[len(g.Logps().String()):]}
}

type spins struct{}

func (spins) Trace(g *sdk.Graph) sdk.Objective {
	for {
		g.Logps()
	}
}

type exits struct{}

func (exits) Trace(*sdk.Graph) sdk.Objective {
	os.Stderr.WriteString("I am leaving\n")
	os.Exit(9)
	return sdk.Objective{}
}

type counts struct{}

func (counts) Trace(g *sdk.Graph) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: g.Logps().Sum(), Count: g.Logps().Exp().Sum(), Coefficient: 1}}}
}
