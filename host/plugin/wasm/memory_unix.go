//go:build unix

package wasm

import (
	"context"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// mapped is linear memory outside Go's heap. Its address space is taken at
// once, its memory page by page as the module writes to it: growing copies
// nothing, and the most that a module can take is what its limit says.
type mapped struct {
	space []byte
	size  uint64
}

// mappedMemory has the modules that are started with the context get such memory.
func mappedMemory(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(newMapped))
}

// newMapped returns memory of at most limit bytes. Where there is no space for
// it, it cannot be made usable.
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

// Free gives the memory back.
func (m *mapped) Free() {
	_ = syscall.Munmap(m.space) // nothing is left to be done where it fails
	m.space = nil
}
