// Package sdktest runs losses and poolings in plain Go and float64, with
// gradients, so that an author tests with go test alone: no host, no libtorch.
//
//	out := sdktest.Run(margin.Loss{Margin: 0.5}, sdktest.Inputs{
//		Logps: [][][]float64{{{-1, -2}, {-3}}}, // one prompt, two candidates of two and one label tokens
//		Score: [][]float64{{1, 0}},
//	})
//
// Start at Run and Inputs; CheckLoss tries what usually goes wrong. Pool and
// CheckPooling do the same for poolings.
//
// Below that, a Traced is a program of sdk/program with the lines that made it:
// Evaluate computes every value of it, and Padding, Cuts and their like say what
// is wrong as values, which llmhost plugins check uses too. The rules of the ops
// stand in one table, one file a group, and are written without regard to speed:
// a host is held equal to them, op by op.
package sdktest
