// Package serve lets one main package be built for two transports, as a WASM module
// and as a program that llmhost starts:
//
//	var served = serve.Plugin(rrhf.Plugin)
//
//	func main() { served.Main() }
//
// A module runs the initialiser and never main (see sdk/wasm); a program runs
// both (see sdk/process).
package serve
