package libtch

// #cgo LDFLAGS: -lof_another_machine
import "C"
