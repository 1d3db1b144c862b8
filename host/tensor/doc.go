// Package tensor is llmhost's interface to libtorch: values, operations, automatic
// differentiation and the memory they take. Nothing outside host/tensor knows
// gotch or cgo.
//
// All tensor work of a process runs on one goroutine, locked to its thread
// while a [Scoped] or [NoGrad] is open: libtorch keeps its last error and its
// grad mode per thread. Results belong to the innermost scope and are freed
// when it ends, unless [Tensor.Keep] moves them to the scope around it or
// [Tensor.Own] takes them out of all scopes. There are no finalizers.
//
// A failing operation panics with *[Error]; [Catch] at the border of a step, a
// load or an evaluation turns the panic into an error. Operands on different
// devices, shapes that do not fit and types that an operation does not know fail.
//
// Operations are PyTorch's, mostly by its names. Where one has several operands,
// their shapes broadcast: aligned at the last axis, an axis that is missing or of
// length 1 is repeated. Their types meet in the wider one: float before integer
// before bool, float32 for float16 with bfloat16. A gradient flows to whatever
// was marked by [Tensor.RequireGrad], and nowhere through indices and comparisons.
//
// Start at tensor.go, then scope.go and elementwise.go.
package tensor
