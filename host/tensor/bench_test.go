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

// BenchmarkLinear multiplies 256 tokens with a matrix, in float32 and in 4 bits.
func BenchmarkLinear(b *testing.B) {
	tensor.Scoped(func() {
		x := tensor.Randn(tensor.CPU, tensor.Float32, 1, 256, 576)
		weight := tensor.Randn(tensor.CPU, tensor.Float32, 1, 1536, 576)
		packed := tensor.QuantizeNF4(weight)
		defer packed.Free()
		for name, product := range map[string]func(){
			"float32": func() { x.Linear(weight, tensor.Tensor{}) },
			"nf4":     func() { packed.Linear(x, tensor.Tensor{}) },
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					tensor.Scoped(product)
				}
			})
		}
	})
}
