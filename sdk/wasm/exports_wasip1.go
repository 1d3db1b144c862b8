package wasm

import (
	"runtime"
	"unsafe"
)

// maxBuffer bounds a buffer that the host may ask for, in bytes.
const maxBuffer = 256 << 20

// buffers keeps memory that the host points to from being collected.
var buffers = map[uint32][]byte{}

// lastReply is the size of the last batch's reply: the next will be similar.
var lastReply int

// ballast is memory that is never written, so it takes no physical memory. The
// collector runs when the heap has doubled; with the little that a formatter
// keeps that would be every few batches, a fifth of its time.
var ballast []byte

const ballastSize = 8 << 20

// Every export ends in runtime.Gosched: between calls nothing else would let
// this module's garbage collector run, and its memory would only grow.

// marker carries the version of the contract in its name. It is never called.
//
//go:wasmexport llmhost_abi_v2
func marker() {}

//go:wasmexport llmhost_alloc
func alloc(size uint32) uint32 {
	defer runtime.Gosched()
	if size > maxBuffer {
		return 0
	}
	return pin(take(int(size))[:size])
}

//go:wasmexport llmhost_free
func free(pointer, _ uint32) {
	defer runtime.Gosched()
	if b, held := buffers[pointer]; held {
		keep(b[:0])
	}
	delete(buffers, pointer)
}

//go:wasmexport llmhost_describe
func describe() uint64 {
	defer runtime.Gosched()
	return reply(registered().Describe())
}

//go:wasmexport llmhost_configure
func configure(component, pointer, size uint32) uint64 {
	defer runtime.Gosched()
	return reply(registered().Configure(component, buffer(pointer, size)))
}

//go:wasmexport llmhost_trace
func trace(handle, pointer, size uint32) uint64 {
	defer runtime.Gosched()
	return reply(registered().Trace(handle, buffer(pointer, size)))
}

//go:wasmexport llmhost_format
func format(handle, pointer, size uint32) uint64 {
	defer runtime.Gosched()
	if ballast == nil {
		ballast = make([]byte, ballastSize)
	}
	b := registered().AppendFormat(take(lastReply), handle, buffer(pointer, size))
	lastReply = len(b)
	return reply(b)
}

//go:wasmexport llmhost_close
func closeInstance(handle uint32) {
	defer runtime.Gosched()
	registered().Close(handle)
}

// pin keeps b and returns its address; it has at least one byte, so that no two
// buffers share an address.
func pin(b []byte) uint32 {
	if cap(b) == 0 {
		b = make([]byte, 0, 1)
	}
	pointer := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b[:1]))))
	buffers[pointer] = b
	return pointer
}

// buffer is what the host wrote into memory that alloc gave it.
func buffer(pointer, size uint32) []byte {
	b := buffers[pointer]
	if uint64(size) > uint64(len(b)) {
		panic("wasm: the host passed a buffer that llmhost_alloc did not give it")
	}
	return b[:size]
}

// reply packs the address and length of b.
func reply(b []byte) uint64 { return uint64(pin(b))<<32 | uint64(len(b)) }
