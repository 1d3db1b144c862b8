package wasm

// spares are returned buffers. Batches of rows come by the thousand, all of
// similar size, and allocating each would be most of the collector's work.
var spares [][]byte

const (
	maxSpares = 2       // a batch and its reply
	maxSpare  = 8 << 20 // bytes of one
)

// take returns an empty buffer for size bytes: the smallest spare that has
// room, or a new one with some room to grow.
func take(size int) []byte {
	best := -1
	for i, b := range spares {
		if cap(b) >= size && (best < 0 || cap(b) < cap(spares[best])) {
			best = i
		}
	}
	if best < 0 {
		return make([]byte, 0, size+size/8)
	}
	b := spares[best]
	spares = append(spares[:best], spares[best+1:]...)
	return b
}

// keep retains the larger of the returned buffers.
func keep(b []byte) {
	if cap(b) > maxSpare {
		return
	}
	if spares = append(spares, b); len(spares) <= maxSpares {
		return
	}
	least := 0
	for i := range spares {
		if cap(spares[i]) < cap(spares[least]) {
			least = i
		}
	}
	spares = append(spares[:least], spares[least+1:]...)
}
