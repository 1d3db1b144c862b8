package tensor

import (
	"runtime"
	"sync/atomic"

	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// fate says what happens to a tensor of a scope when the scope ends.
type fate uint8

const (
	keep   fate = iota + 1 // to the scope around it
	disown                 // its owner calls Free
)

// scope lists what was made since it was opened.
type scope struct {
	made   []lib.Ctensor
	spared map[lib.Ctensor]fate
}

// scopes is the stack of open scopes. One goroutine does all tensor work, so
// that it needs no lock; live is atomic only so that tests may read it anywhere.
var (
	scopes []*scope
	live   atomic.Int64
)

// Live returns how many tensor handles exist, for the tests of all packages that
// hold that nothing is left behind.
func Live() int64 { return live.Load() }

// adopt gives a new handle to the innermost scope.
func adopt(c lib.Ctensor) Tensor {
	live.Add(1)
	if n := len(scopes); n > 0 {
		scopes[n-1].made = append(scopes[n-1].made, c)
	}
	return Tensor{c}
}

// Scoped runs f and then frees every tensor that f made, also when f panics.
// The goroutine stays on its thread meanwhile.
func Scoped(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	scopes = append(scopes, &scope{})
	defer closeScope()
	f()
}

func closeScope() {
	n := len(scopes) - 1
	s := scopes[n]
	scopes = scopes[:n]
	for _, c := range s.made {
		switch s.spared[c] {
		case keep:
			if n > 0 {
				scopes[n-1].made = append(scopes[n-1].made, c)
			}
		case disown:
		default:
			free(c)
		}
	}
}

func free(c lib.Ctensor) {
	lib.AtFree(c)
	live.Add(-1)
}

// Keep lets t live on in the scope around the innermost one, and returns it.
// Without a scope around, its owner calls Free.
func (t Tensor) Keep() Tensor { return t.spare(keep) }

// Own takes t out of the innermost scope for good; its owner calls Free.
func (t Tensor) Own() Tensor { return t.spare(disown) }

func (t Tensor) spare(f fate) Tensor {
	if n := len(scopes); n > 0 {
		s := scopes[n-1]
		if s.spared == nil {
			s.spared = map[lib.Ctensor]fate{}
		}
		s.spared[t.c] = f
	}
	return t
}

// Free frees a tensor that no scope owns.
func (t Tensor) Free() {
	if t.c != nil {
		free(t.c)
	}
}

// NoGrad runs f without recording operations for differentiation.
func NoGrad(f func()) { withGrad(false, f) }

// WithGrad runs f with recording, also inside NoGrad.
func WithGrad(f func()) { withGrad(true, f) }

func withGrad(on bool, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := shim.GradEnabled()
	shim.SetGradEnabled(on)
	defer shim.SetGradEnabled(before)
	f()
}
