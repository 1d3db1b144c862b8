package wasm_test

import (
	"maps"
	"slices"
)

// A writer of small WASM modules, so that hostile ones need no toolchain.

// guest is a module in parts. Its zero value, built, is a sound plugin that
// describes itself with whatever reply it was given.
type guest struct {
	imports  []byte            // entries of the import section
	imported int               // how many functions they import
	memory   []byte            // the memory section's limits; nil: one page
	noMemory bool              // leave memory out
	tables   []byte            // the whole body of the table section
	start    bool              // name function 0 in a start section
	exports  map[string]string // renames an export; "" leaves it out
	bodies   map[string][]byte // replaces a function's code
	types    map[string]int    // replaces a function's type
	more     []function        // functions that are not exported
	extra    []function        // functions that are
	locals   int               // variables of each function of more
	reply    string            // what describe, configure and trace point to
	answers  map[string]string // instead of reply, by the function's name
}

type function struct {
	name string
	kind int // index into the types
	body []byte
}

// The types of every guest.
const (
	nothing  = iota // ()
	intToInt        // (i32) → i32
	twoInts         // (i32, i32)
	toLong          // () → i64
	asks            // (i32, i32, i32) → i64
	oneInt          // (i32)
	threes          // (i32, i32, i32)
	pairs           // (i32, i32) → i32
	fours           // (i32, i32, i32, i32) → i32
)

var typeSection = []byte{9,
	0x60, 0, 0,
	0x60, 1, 0x7f, 1, 0x7f,
	0x60, 2, 0x7f, 0x7f, 0,
	0x60, 0, 1, 0x7e,
	0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7e,
	0x60, 1, 0x7f, 0,
	0x60, 3, 0x7f, 0x7f, 0x7f, 0,
	0x60, 2, 0x7f, 0x7f, 1, 0x7f,
	0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f,
}

// replyAt is where describe's reply lies in memory.
const replyAt = 16

// data is what lies in memory from replyAt on: the reply, then the answers.
// at tells where each function's reply lies.
func (g guest) data() (data string, at func(name string) []byte) {
	places := map[string]int64{}
	data = g.reply
	for _, name := range slices.Sorted(maps.Keys(g.answers)) {
		places[name] = int64(replyAt + len(data))
		data += g.answers[name]
	}
	return data, func(name string) []byte {
		if answer, own := g.answers[name]; own {
			return i64(places[name]<<32 | int64(len(answer)))
		}
		return i64(replyAt<<32 | int64(len(g.reply)))
	}
}

// build writes the module. The host's requests go to the end of its memory.
func (g guest) build() []byte {
	data, at := g.data()
	pages := 1 + len(data)>>16
	functions := []function{
		{"llmhost_abi_v2", nothing, nil},
		{"llmhost_alloc", intToInt, i32(int64(pages)<<16 - 8192)},
		{"llmhost_free", twoInts, nil},
		{"llmhost_describe", toLong, at("llmhost_describe")},
		{"llmhost_configure", asks, at("llmhost_configure")},
		{"llmhost_trace", asks, at("llmhost_trace")},
		{"llmhost_close", oneInt, nil},
	}
	if _, formats := g.answers["llmhost_format"]; formats {
		functions = append(functions, function{"llmhost_format", asks, at("llmhost_format")})
	}
	if g.memory == nil {
		g.memory = join([]byte{1, 0}, u32(uint64(pages)))
	}
	functions = append(functions, g.extra...)
	exported := len(functions)
	functions = append(functions, g.more...)

	var types, code, exports [][]byte
	for i, f := range functions {
		if body, replaced := g.bodies[f.name]; replaced {
			f.body = body
		}
		if kind, replaced := g.types[f.name]; replaced {
			f.kind = kind
		}
		types = append(types, u32(uint64(f.kind)))
		locals := []byte{0}
		if i >= exported && g.locals > 0 {
			locals = join([]byte{1}, u32(uint64(g.locals)), []byte{0x7f})
		}
		code = append(code, sized(join(locals, f.body, []byte{0x0b})))
		name, renamed := g.exports[f.name]
		if !renamed {
			name = f.name
		}
		if i < exported && name != "" {
			exports = append(exports, join(text(name), []byte{0}, u32(uint64(g.imported+i))))
		}
	}
	if !g.noMemory {
		exports = append(exports, join(text("memory"), []byte{2, 0}))
	}
	return g.assemble(types, exports, code, data)
}

func (g guest) assemble(types, exports, code [][]byte, data string) []byte {
	module := join([]byte("\x00asm\x01\x00\x00\x00"), section(1, typeSection))
	if g.imports != nil {
		module = append(module, section(2, join(u32(uint64(g.imported)), g.imports))...)
	}
	module = append(module, section(3, vector(types))...)
	if g.tables != nil {
		module = append(module, section(4, g.tables)...)
	}
	if !g.noMemory {
		module = append(module, section(5, g.memory)...)
	}
	module = append(module, section(7, vector(exports))...)
	if g.start {
		module = append(module, section(8, []byte{byte(g.imported)})...)
	}
	module = append(module, section(10, vector(code))...)
	if g.noMemory {
		return module
	}
	return append(module, section(11, join([]byte{1, 0}, i32(replyAt), []byte{0x0b}, text(data)))...)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// u32 is an unsigned number in LEB128.
func u32(v uint64) []byte {
	var b []byte
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

// signed is a signed number in LEB128.
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

func sized(b []byte) []byte { return join(u32(uint64(len(b))), b) }
func text(s string) []byte  { return sized([]byte(s)) }

func vector(items [][]byte) []byte { return join(u32(uint64(len(items))), join(items...)) }

func section(id byte, body []byte) []byte { return join([]byte{id}, sized(body)) }

// Instructions.
func i32(v int64) []byte      { return join([]byte{0x41}, signed(v)) }
func i64(v int64) []byte      { return join([]byte{0x42}, signed(v)) }
func call(f int) []byte       { return join([]byte{0x10}, u32(uint64(f))) }
func drop() []byte            { return []byte{0x1a} }
func unreachable() []byte     { return []byte{0x00} }
func forever() []byte         { return []byte{0x03, 0x40, 0x0c, 0x00, 0x0b} } // loop br 0 end
func grow(pages int64) []byte { return join(i32(pages), []byte{0x40, 0x00}) } // memory.grow

// store writes an i64.
func store(at int64, v []byte) []byte { return join(i32(at), v, []byte{0x37, 3, 0}) }

// unless traps unless the i32 on the stack is v.
func unless(v int64) []byte {
	return join(i32(v), []byte{0x47, 0x04, 0x40, 0x00, 0x0b}) // i32.ne if unreachable end
}

// imports is an entry of the import section for a function.
func imports(module, name string, kind int) []byte {
	return join(text(module), text(name), []byte{0}, u32(uint64(kind)))
}
