package worker

import "time"

import "bytes"

// ReadMessages reads messages until one is broken, and returns them again.
func ReadMessages(data []byte, limit int) (again []byte, err error) {
	from := bytes.NewReader(data)
	for {
		kind, payload, err := readMessage(from, nil, limit)
		if err != nil {
			return again, err
		}
		again = appendMessage(again, kind, payload)
	}
}

// AsError is what the host makes of a failure that a worker told.
func AsError(packed []byte) error { return Formatter{Plugin: "x.wasm"}.asError(packed) }

// CompileTime is how long a module of so many bytes may compile.
func CompileTime(l Limits, size int) time.Duration { return l.compileTime(size) }
