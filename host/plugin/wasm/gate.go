package wasm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/plugin/output"
)

// shape is what the gate learns about a module.
type shape struct {
	types     []signature
	functions []uint32 // type of each function, imported ones first
	exports   map[string]export
	memories  uint32
}

type export struct {
	kind  byte // 0 function, 2 memory
	index uint32
}

// Check is the gate: it reads a module's sections, without running or compiling
// any of it, and refuses modules that are not plugins of this contract, that
// import what plugins do not get, or that are too large to compile safely. name
// is what the *Error calls the plugin.
func Check(name string, module []byte, limits Limits) error {
	if err := check(module, limits.WithDefaults()); err != nil {
		err.Plugin = name
		return err
	}
	return nil
}

func check(module []byte, limits Limits) *Error {
	if len(module) > maxModule {
		return fault(TooLarge, "is %d bytes; at most %d are allowed", len(module), maxModule)
	}
	found, err := sections(module)
	if err != nil {
		return err
	}
	s := &shape{exports: map[string]export{}}
	for _, step := range []func(map[byte][]byte) *Error{s.readTypes, s.readExports, s.checkABI, s.readImports, s.readFunctions, s.checkTables, s.checkFill,
		func(m map[byte][]byte) *Error { return s.checkMemory(m, limits) }, s.checkStart, s.checkContract, s.checkCode} {
		if err := step(found); err != nil {
			return err
		}
	}
	return nil
}

// done returns the error of a section that could not be read.
func done(c *cursor, section string) *Error {
	if c.err == nil && len(c.data) > 0 {
		c.err = errCut
	}
	if c.err != nil {
		return fault(NotWASM, "%v (%s section)", c.err, section)
	}
	return nil
}

var valueLetters = map[byte]string{0x7f: "i", 0x7e: "l", 0x7d: "f", 0x7c: "d"}

func (s *shape) readTypes(found map[byte][]byte) *Error {
	if found[sectionType] == nil {
		return nil
	}
	c := &cursor{data: found[sectionType]}
	if n := count(c.data); n > maxTypes {
		return fault(TooLarge, "has %d types of functions; at most %d are allowed", n, maxTypes)
	}
	values := func() string {
		var letters strings.Builder
		c.each(func(uint32) {
			letter := valueLetters[c.byte()]
			if letter == "" {
				letter = "?"
			}
			letters.WriteString(letter)
		})
		return letters.String()
	}
	most := 0
	c.each(func(uint32) {
		c.byte() // the form: functions alone
		is := signature(values() + ":" + values())
		s.types, most = append(s.types, is), max(most, len(is)-1)
	})
	if most > maxValues {
		return fault(
			TooLarge,
			"has a function of %d parameters and results; at most %d are allowed",
			most,
			maxValues,
		)
	}
	return done(c, "type")
}

func (s *shape) readExports(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionExport]}
	if n := count(c.data) + count(found[sectionImport]); n > maxNames {
		return fault(TooLarge, "has %d imports and exports; at most %d are allowed", n, maxNames)
	}
	if len(c.data) > 0 {
		c.each(func(uint32) {
			name := c.name()
			s.exports[name] = export{kind: c.byte(), index: c.u32()}
		})
	}
	return done(c, "export")
}

// checkABI reads the version of the contract from the marker's name.
func (s *shape) checkABI(map[byte][]byte) *Error {
	const marker = "llmhost_abi_v"
	if _, ours := s.exports[marker+strconv.Itoa(ABI)]; ours {
		return nil
	}
	for name := range s.exports {
		if version, ok := strings.CutPrefix(name, marker); ok {
			if n, err := strconv.ParseUint(version, 10, 16); err == nil {
				return fault(WrongABI, "speaks ABI %d, host speaks %d; rebuild it with this sdk", n, ABI)
			}
		}
	}
	return fault(NotPlugin, "is a WASM module but not an llmhost plugin: it exports no %s%d", marker, ABI)
}

func (s *shape) readImports(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionImport]}
	if len(c.data) == 0 {
		return nil
	}
	var refused, wrong []string
	c.each(func(uint32) {
		module := c.name()
		name := c.name()
		kind := c.byte()
		if kind != 0 {
			refused = append(refused, fmt.Sprintf("%s.%s (not a function)", clip(module), clip(name)))
			c.data = nil // the length of the rest depends on the kind, and the module is refused anyway
			return
		}
		s.functions = append(s.functions, c.u32())
		is, allowed := importType(module, name)
		switch asked := s.typeOf(export{index: uint32(len(s.functions) - 1)}); {
		case !allowed:
			refused = append(refused, clip(module)+"."+clip(name))
		case asked != is:
			wrong = append(wrong, fmt.Sprintf("%s.%s as %s; it is %s", module, name, asked.text(), is.text()))
		}
	})
	if len(refused) > 0 {
		return fault(
			Forbidden,
			"asks for %s, which plugins do not get: they have no files, network, clock or environment",
			listed(refused),
		)
	}
	if len(wrong) > 0 {
		return fault(NotPlugin, "asks for %s", wrong[0])
	}
	return done(c, "import")
}

// Imports lists what a module that passes the gate imports, without module
// names.
func Imports(module []byte) []string {
	found, err := sections(module)
	if err != nil {
		return nil
	}
	var names []string
	c := &cursor{data: found[sectionImport]}
	if len(c.data) > 0 {
		c.each(func(uint32) {
			_, name, _, _ := c.name(), c.name(), c.byte(), c.u32()
			if !slices.Contains(names, name) { // several of a module's packages may import it
				names = append(names, name)
			}
		})
	}
	return names
}

// importType is the type of a function that a module may import.
func importType(module, name string) (is signature, allowed bool) {
	if module == hostModule && name == "log" {
		return logType, true
	}
	is, allowed = allowedImports[name]
	return is, allowed && module == wasiModule
}

// clip truncates a name that a hostile module made long.
func clip(name string) string {
	if len(name) > 60 {
		name = strings.ToValidUTF8(name[:60], "") + "…"
	}
	return output.Line(name)
}

// count reads how many entries a section claims to have.
func count(section []byte) uint64 {
	if len(section) == 0 {
		return 0
	}
	return uint64((&cursor{data: section}).u32())
}

// listed lists the first names and how many more there are.
func listed(names []string) string {
	if len(names) <= 4 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:4], ", "), len(names)-4)
}

func (s *shape) readFunctions(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionFunc]}
	if len(c.data) == 0 {
		return nil
	}
	if n := count(c.data); n > maxFunctions {
		return fault(TooLarge, "has %d functions; at most %d are allowed", n, maxFunctions)
	}
	c.each(func(uint32) { s.functions = append(s.functions, c.u32()) })
	return done(c, "function")
}

func (s *shape) checkTables(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionTable]}
	if len(c.data) == 0 {
		return nil
	}
	var err *Error
	total := uint64(0)
	c.each(func(i uint32) {
		element := c.byte()
		minimum, maximum, _, flags := c.limits()
		total += uint64(max(minimum, maximum))
		switch {
		case err != nil || c.err != nil:
		case element != funcref:
			err = fault(
				Forbidden,
				"table %d does not hold functions; tables of other references are not allowed",
				i,
			)
		case flags > 1:
			err = fault(Forbidden, "table %d is shared or 64-bit; want a plain one", i)
		case total > maxTable:
			err = fault(TooLarge, "has tables of %d entries; at most %d are allowed", total, maxTable)
		}
	})
	if err != nil {
		return err
	}
	return done(c, "table")
}

func (s *shape) checkMemory(found map[byte][]byte, limits Limits) *Error {
	c := &cursor{data: found[sectionMemory]}
	minimum, flags := uint32(0), byte(0)
	if len(c.data) > 0 {
		s.memories = c.each(func(uint32) { minimum, _, _, flags = c.limits() })
	}
	exported, found2 := s.exports["memory"]
	switch {
	case c.err != nil:
		return done(c, "memory")
	case s.memories > 1:
		return fault(Forbidden, "has %d memories; want one", s.memories)
	case flags > 1:
		return fault(Forbidden, "has a shared or 64-bit memory; want a plain one")
	case s.memories == 0 || !found2 || exported.kind != 2:
		return fault(NotPlugin, `exports no memory; want its one memory exported as "memory"`)
	case minimum > limits.pages():
		return fault(
			TooLarge,
			"asks for %d MiB of memory at the start; the limit is %d MiB",
			minimum/16,
			limits.MemoryMiB,
		)
	}
	return done(c, "memory")
}

func (s *shape) checkStart(found map[byte][]byte) *Error {
	if _, has := found[sectionStart]; has {
		return fault(Forbidden, "has a start section; a plugin runs nothing before it is called (_initialize is the place for it)")
	}
	if _, has := s.exports["_start"]; has {
		return fault(NotPlugin, "exports _start, so it is a program; build it as a library (Go: -buildmode=c-shared)")
	}
	return nil
}

// checkFill bounds what globals, tables and memory are filled with.
func (s *shape) checkFill(found map[byte][]byte) *Error {
	if n := count(found[sectionGlobal]); n > maxEntries {
		return fault(TooLarge, "has %d globals; at most %d are allowed", n, maxEntries)
	}
	if n := count(found[sectionData]); n > maxEntries {
		return fault(TooLarge, "has %d pieces of data; at most %d are allowed", n, maxEntries)
	}
	if n := len(found[sectionElem]); n > maxElements {
		return fault(TooLarge, "fills its tables with %d bytes; at most %d are allowed", n, maxElements)
	}
	return nil
}

// signature is the type of a function, one letter per value: "iii:l" takes
// three i32 and returns an i64.
type signature string

// contract lists the exports of the contract with their types. Those marked
// optional may be missing.
var contract = []struct {
	name     string
	is       signature
	optional bool
}{
	{"llmhost_abi_v2", ":", false},
	{"llmhost_alloc", "i:i", false},
	{"llmhost_free", "ii:", false},
	{"llmhost_describe", ":l", false},
	{"llmhost_configure", "iii:l", false},
	{"llmhost_trace", "iii:l", true},
	{"llmhost_format", "iii:l", true},
	{"llmhost_close", "i:", true},
	{"_initialize", ":", true},
}

// checkContract compares the exports with the contract.
func (s *shape) checkContract(map[byte][]byte) *Error {
	for _, want := range contract {
		have, exported := s.exports[want.name]
		if !exported {
			if want.optional {
				continue
			}
			return fault(NotPlugin, "does not export %s; the contract asks for it", want.name)
		}
		if is := s.typeOf(have); is != want.is {
			return fault(NotPlugin, "exports %s as %s; the contract says %s", want.name, is.text(), want.is.text())
		}
	}
	return nil
}

func (s *shape) typeOf(e export) signature {
	if e.kind != 0 ||
		uint64(e.index) >= uint64(len(s.functions)) ||
		uint64(s.functions[e.index]) >= uint64(len(s.types)) {
		return ""
	}
	return s.types[s.functions[e.index]]
}

// text writes a signature as "(i32, i32) → i64".
func (s signature) text() string {
	params, results, isFunction := strings.Cut(string(s), ":")
	if !isFunction {
		return "something that is not a function"
	}
	spell := func(letters string) string {
		var names []string
		for _, letter := range clip(letters) {
			names = append(names, map[rune]string{
				'i': "i32",
				'l': "i64",
				'f': "f32",
				'd': "f64",
			}[letter])
		}
		return strings.Join(names, ", ")
	}
	if results == "" {
		return "(" + spell(params) + ")"
	}
	return "(" + spell(params) + ") → " + spell(results)
}
