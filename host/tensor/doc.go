// Package tensor is llmhost's door to libtorch: values, operations, automatic
// differentiation and the memory they take. Nothing outside host/tensor knows
// gotch or cgo.
//
// All tensor work of a process runs on one goroutine, locked to its thread
// while a [Scoped] or [NoGrad] is open: libtorch keeps its last error and its
// grad mode per thread. Results belong to the innermost scope and are freed
// when it ends, unless [Tensor.Keep] hands them to the scope around it or
// [Tensor.Own] takes them out of all scopes. There are no finalizers.
//
// A failing operation panics with *[Error]; [Catch] at the border of a step, a
// load or an evaluation turns the panic into an error.
//
// Start at tensor.go, then scope.go and ops.go.
package tensor
