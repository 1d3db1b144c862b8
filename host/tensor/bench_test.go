package tensor_test

import (
	"testing"

	"llmhost/host/tensor"
)

// BenchmarkOp measures one small op with its scope, error check and free:
// what llmhost adds to libtorch is this less the op itself.
func BenchmarkOp(b *testing.B) {
	tensor.SetThreads(1)
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float32{1, 2, 3, 4})
		for b.Loop() {
			tensor.Scoped(func() {
				for range 100 {
					x.Add(x)
				}
			})
		}
	})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/op_call")
}
