//go:build !unix

package wasm

import "context"

// mappedMemory leaves linear memory on Go's heap.
func mappedMemory(ctx context.Context) context.Context { return ctx }
