// Package sdktest runs losses and poolings in plain Go and float64, with
// gradients, and formatters on records, so that an author can test with plain go
// test: no host, no libtorch.
//
//	out := sdktest.Run(margin.Loss{Margin: 0.5}, sdktest.Inputs{
//		Logps: [][][]float64{{{-1, -2}, {-3}}}, // one prompt, two candidates of two and one label tokens
//		Score: [][]float64{{1, 0}},
//	})
//
// Start at Run and Inputs; CheckLoss tests for what usually goes wrong. Pool
// and CheckPooling do the same for poolings, Format and CheckFormatter for
// formatters.
//
// Below that, a Traced is a program of sdk/program with the lines that made it:
// Evaluate computes every value of it, and Padding, Cuts and their like return
// what is wrong as values, which llmhost plugins check uses too. The rules of the
// ops are in one table, one file a group, written for clarity rather than speed:
// hosts are tested against them, op by op.
package sdktest
