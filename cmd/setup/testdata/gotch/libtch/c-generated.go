package libtch

//#include "torch_api.h"
import "C"

import "unsafe"

func AtgAdd(ptr *Ctensor, self Ctensor, other Ctensor) {
	C.atg_add(ptr, self, other)
}
func AtgAdd_(ptr *Ctensor, self Ctensor, other Ctensor) {
	C.atg_add_(ptr, self, other)
}

// AtgGone calls what a newer libtorch may have dropped.
func AtgGone(ptr *Ctensor, self Ctensor) {
	C.atg_gone(ptr, self)
}
func AtgGoneToo(self Ctensor) int32 {
	result := C.atg_gone_too(self)
	return *(*int32)(unsafe.Pointer(&result))
}
func AtgUnused(ptr *Ctensor, self Ctensor) {
	C.atg_unused(ptr, self)
}
