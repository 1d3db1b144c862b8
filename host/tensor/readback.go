package tensor

import "sync/atomic"

// readBacks is atomic only so that tests may read it anywhere.
var readBacks atomic.Int64

// ReadBacks returns how often elements of a tensor were copied to Go, whatever
// its device: by Item, Floats, Slice or Bytes. On a GPU each of them waits until
// all work before it is done, so a training step makes none.
func ReadBacks() int64 { return readBacks.Load() }
