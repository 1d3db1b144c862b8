package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"llmhost/host/plugin/wasm"
)

// A message is its kind, a u32 length, little-endian, and so many bytes. The
// host asks, the worker answers; only hello comes unprompted.
const (
	hello     = 'h' // worker: the greeting
	compile   = 'c' // host: a setup as JSON; the next message is the module
	module    = 'm' // host: the module's bytes
	configure = 'i' // host: start the module and configure the setup's component
	fresh     = 's' // host: restart the module
	describe  = 'd' // host: describe
	part      = 'p' // host: u32 component, its configuration
	trace     = 't' // host: u32 handle, a request
	format    = 'f' // host: u32 handle, a frame of rows
	reply     = 'r' // worker: the reply
	failed    = 'x' // worker: a failure as JSON
)

// greeting has the version of these messages. Host and worker are the same
// program, so any other greeting means that the program is not a worker.
const greeting = "llmhost worker 1"

const headSize = 5

// setup is what a worker must know before it compiles.
type setup struct {
	Plugin    string
	Cache     string
	MemoryMiB int
	Reply     int // bytes of one reply of the module
	Component uint32
	Config    []byte
}

// failure is a *wasm.Error in transit.
type failure struct {
	Fault wasm.Fault
	Text  string
}

func appendMessage(to []byte, kind byte, parts ...[]byte) []byte {
	to = append(to, kind, 0, 0, 0, 0)
	at := len(to)
	for _, part := range parts {
		to = append(to, part...)
	}
	binary.LittleEndian.PutUint32(to[at-4:], uint32(len(to)-at))
	return to
}

// readMessage reads a message into buffer, which grows as needed, and fails if
// the message is larger than limit.
func readMessage(from io.Reader, buffer []byte, limit int) (kind byte, payload []byte, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.LittleEndian.Uint32(head[1:]))
	if size > limit {
		return 0, nil, fmt.Errorf("a message of %d bytes; at most %d are allowed", size, limit)
	}
	if cap(buffer) < size {
		buffer = make([]byte, size+size/8)
	}
	payload = buffer[:size]
	_, err = io.ReadFull(from, payload)
	return head[0], payload, err
}

// failureOf packs an error.
func failureOf(err error) []byte {
	f := failure{Text: err.Error()}
	var e *wasm.Error
	if errors.As(err, &e) {
		f = failure{e.Fault, e.Text}
	}
	text, _ := json.Marshal(f) // two plain fields
	return text
}

// asError unpacks an error.
func (f Formatter) asError(packed []byte) error {
	var e failure
	if err := json.Unmarshal(packed, &e); err != nil {
		return fmt.Errorf("plugin %s: its worker failed and said %q", f.Plugin, packed)
	}
	return &wasm.Error{Fault: e.Fault, Plugin: f.Plugin, Text: e.Text}
}
