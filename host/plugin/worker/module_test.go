package worker_test

import (
	"bytes"
	"encoding/binary"
)

// formatter builds a small module, of the contract, whose llmhost_format has
// the body given; so it needs no toolchain. Its configure replies with
// whatever lies at configured, its alloc gives the one place arena.
func formatter(body ...byte) []byte {
	functions := []struct {
		name string
		kind byte // index into the types
		code []byte
	}{
		{"llmhost_abi_v2", 0, nil},
		{"llmhost_alloc", 1, i32(arena)},
		{"llmhost_free", 2, nil},
		{"llmhost_describe", 3, i64(0)},
		{"llmhost_configure", 4, replyWith(configuredAt, len(configured))},
		{"llmhost_format", 4, body},
	}
	var kinds, exports, code []byte
	for i, f := range functions {
		kinds = append(kinds, f.kind)
		exports = append(append(append(exports, sized([]byte(f.name))...), 0), byte(i))
		code = append(code, sized(append(append([]byte{0}, f.code...), end))...)
	}
	exports = append(append(exports, sized([]byte("memory"))...), 2, 0)
	count := byte(len(functions))
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, 5,
			0x60, 0, 0,
			0x60, 1, 0x7f, 1, 0x7f,
			0x60, 2, 0x7f, 0x7f, 0,
			0x60, 0, 1, 0x7e,
			0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7e),
		section(3, append([]byte{count}, kinds...)...),
		section(5, 1, 0, 32),
		section(7, append([]byte{count + 1}, exports...)...),
		section(10, append([]byte{count}, code...)...),
		section(11, data()...),
	}, nil)
}

// What lies where in the module's memory.
const (
	counterAt    = 8 // of the calls, 0 at first
	configuredAt = 64
	replyAt      = 1024
	arena        = 1 << 20

	configured = "\x00{\"instance\":7}"
	replied    = "\x00a reply"
)

func data() []byte {
	var b []byte
	for at, text := range map[int]string{configuredAt: configured, replyAt: replied} {
		b = append(append(append(append(b, 0), i32(at)...), end), sized([]byte(text))...)
	}
	return append([]byte{2}, b...)
}

// What bodies are made of.
const (
	unreachable = 0x00
	end         = 0x0b
)

// replyWith returns size bytes at a place.
func replyWith(at, size int) []byte { return i64(int64(at)<<32 | int64(size)) }

// answer is the body of a sound formatter.
func answer() []byte { return replyWith(replyAt, len(replied)) }

// forever never returns.
func forever() []byte {
	return append([]byte{0x03, 0x40, 0x0c, 0x00, end}, i64(0)...)
}

// recursion calls itself until there is no stack.
func recursion() []byte { return []byte{0x20, 0, 0x20, 1, 0x20, 2, 0x10, 5} }

// crashOnCall traps in an instance's n-th call.
func crashOnCall(n byte) []byte {
	counter := append(i32(counterAt), 0x28, 2, 0) // its value
	count := join(i32(counterAt), counter, i32(1), []byte{0x6a, 0x36, 2, 0})
	trap := join(counter, i32(int(n)), []byte{0x46, 0x04, 0x40, unreachable, end})
	return join(count, trap, answer())
}

// bomb grows its memory until it gets no more, writing to each page of it, and traps.
func bomb() []byte {
	more := join(i32(16), []byte{0x40, 0}, i32(-1), []byte{0x46, 0x04, 0x40, unreachable, end})
	fill := join(i32(0), i32(1), []byte{0x3f, 0}, i32(16), []byte{0x74, 0xfc, 0x0b, 0}) // memory.fill(0, 1, size)
	return join([]byte{0x03, 0x40}, more, fill, []byte{0x0c, 0, end}, i64(0))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func section(id byte, body ...byte) []byte { return append([]byte{id}, sized(body)...) }

func sized(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func i32(v int) []byte   { return append([]byte{0x41}, signed(int64(v))...) }
func i64(v int64) []byte { return append([]byte{0x42}, signed(v)...) }

// signed writes v in signed LEB128.
func signed(v int64) []byte {
	var b []byte
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
