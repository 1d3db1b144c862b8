package wasm

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shape is what the gate learns about a module.
type shape struct {
	types     []signature
	functions []uint32 // type of each function, imported ones first
	exports   map[string]export
	names     uint32 // imports and exports
	memories  uint32
}

type export struct {
	kind  byte // 0 function, 2 memory
	index uint32
}

// Check is the gate: it looks at a module's sections, without running or
// compiling any of it, and refuses what is no plugin of this contract, what
// asks for things that plugins do not get, and what is too large to compile
// safely. name is what the *Error calls the plugin.
func Check(name string, module []byte, limits Limits) error {
	if err := check(module, limits.withDefaults()); err != nil {
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
	for _, step := range []func(map[byte][]byte) *Error{s.readTypes, s.readExports, s.checkABI, s.readImports, s.readFunctions, s.checkTables,
		func(m map[byte][]byte) *Error { return s.checkMemory(m, limits) }, s.checkStart, s.checkContract, s.checkCode} {
		if err := step(found); err != nil {
			return err
		}
	}
	return nil
}

// done is the fault of a section that did not read well.
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
	c.each(func(uint32) {
		c.byte() // the form: functions alone
		s.types = append(s.types, signature(values()+":"+values()))
	})
	return done(c, "type")
}

func (s *shape) readExports(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionExport]}
	if len(c.data) > 0 {
		s.names += c.each(func(uint32) {
			name := c.name()
			s.exports[name] = export{kind: c.byte(), index: c.u32()}
		})
	}
	return done(c, "export")
}

// checkABI reads the version of the contract off the marker's name.
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
	return fault(NotPlugin, "is a WASM module but no llmhost plugin: it exports no %s%d", marker, ABI)
}

func (s *shape) readImports(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionImport]}
	if len(c.data) == 0 {
		return nil
	}
	var refused []string
	s.names += c.each(func(uint32) {
		module, name, kind := c.name(), c.name(), c.byte()
		if kind != 0 {
			refused = append(refused, fmt.Sprintf("%s.%s (not a function)", clip(module), clip(name)))
			c.data = nil // how long the rest is depends on the kind, and the answer stands
			return
		}
		s.functions = append(s.functions, c.u32())
		if !allowed(module, name) {
			refused = append(refused, clip(module)+"."+clip(name))
		}
	})
	if len(refused) > 0 {
		return fault(Forbidden, "asks for %s, which plugins do not get: they have no files, network, clock or environment", listed(refused))
	}
	return done(c, "import")
}

func allowed(module, name string) bool {
	return module == wasiModule && slices.Contains(allowedImports, name) || module == hostModule && name == "log"
}

// clip shortens a name that a hostile module made long.
func clip(name string) string {
	if len(name) > 60 {
		return name[:60] + "…"
	}
	return name
}

// listed writes the first names and how many more there are.
func listed(names []string) string {
	if len(names) <= 4 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:4], ", "), len(names)-4)
}

func (s *shape) readFunctions(found map[byte][]byte) *Error {
	if s.names > maxNames {
		return fault(TooLarge, "has %d imports and exports; at most %d are allowed", s.names, maxNames)
	}
	c := &cursor{data: found[sectionFunc]}
	if len(c.data) == 0 {
		return nil
	}
	if n := (&cursor{data: c.data}).u32(); n > maxFunctions {
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
			err = fault(Forbidden, "table %d does not hold functions; tables of other references are not allowed", i)
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
		return fault(TooLarge, "asks for %d MiB of memory at the start; the limit is %d MiB", minimum/16, limits.MemoryMiB)
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

// checkCode bounds the functions' bodies. Bulk memory instructions are counted,
// because a straight line of them can run for minutes without ever coming to a
// point where wazero could stop it; two bytes that look like one count as well.
func (s *shape) checkCode(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionCode]}
	if len(c.data) == 0 {
		return nil
	}
	var err *Error
	c.each(func(i uint32) {
		body := c.take(c.u32())
		bulk := bytes.Count(body, []byte{0xfc, 0x0a}) + bytes.Count(body, []byte{0xfc, 0x0b})
		switch {
		case err != nil:
		case len(body) > maxBody:
			err = fault(TooLarge, "function %d is %d bytes; at most %d are allowed", i, len(body), maxBody)
		case bulk > maxBulk:
			err = fault(TooLarge, "function %d has %d bulk memory instructions; at most %d are allowed", i, bulk, maxBulk)
		}
	})
	if err != nil {
		return err
	}
	return done(c, "code")
}
