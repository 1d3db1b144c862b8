package libtch

//#include "torch_api.h"
import "C"

import "unsafe"

func AtgChunk(self Ctensor, chunks int) *Ctensor {
	return C.atg_chunk(self, *(*C.int)(unsafe.Pointer(&chunks)))
}
