package wasm

import "strings"

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
