//go:build unix

package wasm

import (
	"context"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// mapped is linear memory outside Go's heap. Its address space is reserved at
// once, its pages committed as the module writes to them: growing copies
// nothing, and a module cannot take more than its limit.
type mapped struct {
	space []byte
	size  uint64
}

// mappedMemory gives such memory to modules started with the context.
func mappedMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(newMapped))
}

// newMapped returns memory of at most limit bytes. Without address space for
// it, Reallocate fails.
func newMapped(_, limit uint64) experimental.LinearMemory {
	space, err := syscall.Mmap(-1, 0, int(max(limit, 1)), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return &mapped{}
	}
	return &mapped{space: space}
}

// Reallocate makes the first size bytes usable.
func (m *mapped) Reallocate(size uint64) []byte {
	if size > uint64(len(m.space)) ||
		syscall.Mprotect(m.space[:size], syscall.PROT_READ|syscall.PROT_WRITE) != nil {
		return nil
	}
	m.size = size
	return m.space[:size:size]
}

// Free releases the memory.
func (m *mapped) Free() {
	_ = syscall.Munmap(m.space) // nothing can be done if it fails
	m.space = nil
}
