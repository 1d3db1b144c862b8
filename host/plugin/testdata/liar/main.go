//go:build wasip1

// Command liar is a module whose format replies are wrong, each in the way that
// the parameter asks for. It has exports of its own instead of sdk/wasm's.
package main

import (
	"runtime"
	"unsafe"

	"llmhost/sdk"
)

var server = sdk.NewServer(sdk.Plugin{Name: "liar", Version: "0.0.1", Doc: "lies",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("liar", "lies", liar{})}})

func main() {}

type liar struct {
	Lie string `llmhost:"lie,doc=how"`
}

var lie string

func (f liar) Columns() []sdk.Column {
	lie = f.Lie
	return []sdk.Column{{Name: "text", Type: sdk.String}}
}

func (liar) Format(*sdk.Row, *sdk.Out) error { return nil }

// reply is the lie about a frame.
func reply(instance uint32, frame []byte) []byte {
	example := sdk.Result{Example: sdk.Example{Candidates: []sdk.Candidate{{Prompt: "p", Answer: "a"}}}}
	switch lie {
	case "garbage":
		return []byte("\x00nonsense")
	case "no frame":
		return []byte("nonsense")
	case "nothing":
		return nil
	case "rows":
		return append([]byte{0}, sdk.EncodeResults([]sdk.Result{example, example, example})...)
	case "error":
		return []byte("\x01{\"code\":\"internal\",\"message\":\"I will not\"}")
	}
	return server.Format(instance, frame)
}

var held = map[uint32][]byte{}

func pin(b []byte) uint32 {
	b = append(b, 0)
	at := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
	held[at] = b
	return at
}

func packed(b []byte) uint64 {
	defer runtime.Gosched()
	return uint64(pin(b))<<32 | uint64(len(b))
}

//go:wasmexport llmhost_abi_v2
func marker() {}

//go:wasmexport llmhost_alloc
func alloc(size uint32) uint32 { return pin(make([]byte, size)) }

//go:wasmexport llmhost_free
func free(pointer, _ uint32) { delete(held, pointer) }

//go:wasmexport llmhost_describe
func describe() uint64 { return packed(server.Describe()) }

//go:wasmexport llmhost_configure
func configure(component, pointer, size uint32) uint64 {
	return packed(server.Configure(component, held[pointer][:size]))
}

//go:wasmexport llmhost_format
func format(instance, pointer, size uint32) uint64 {
	return packed(reply(instance, held[pointer][:size]))
}
