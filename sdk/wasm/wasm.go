// Package wasm turns a plugin into a WASM module that llmhost can load: it
// exports the calls of the contract and answers them with an sdk.Server. A
// plugin's main package registers its value in one line,
//
//	var _ = wasm.Register(rrhf.Plugin)
//
//	func main() {}
//
// and is built by
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o rrhf.wasm ./plugins/rrhf
//
// It is registered in a variable's initialiser because such a module is a
// reactor: a host runs the initialisers and then calls exports, never main.
package wasm

import "llmhost/sdk"

// server is the one plugin of this module. It is package state because a
// module's exported functions have no other way to reach it.
var server *sdk.Server

// Registered is what Register returns, so that it can initialise a variable.
type Registered struct{}

// Register makes p the plugin of this module. It panics when called twice.
func Register(p sdk.Plugin) Registered {
	if server != nil {
		panic("wasm: Register was called twice; one module holds one plugin")
	}
	server = sdk.NewServer(p)
	return Registered{}
}

// registered is the module's server. Without a plugin it panics, saying how to
// fix that.
func registered() *sdk.Server {
	if server == nil {
		panic("wasm: this module holds no plugin; its main package needs: var _ = wasm.Register(…)")
	}
	return server
}
