package main

import (
	"bytes"
	"regexp"
)

// function is a C++ function defined at the top level of a file.
type function struct {
	Name             string
	Void             bool // it returns nothing
	Start, Body, End int  // offsets of its signature, of its "{", and past its "}"
}

var (
	functionName = regexp.MustCompile(`(\w+)\s*\(`)
	voidResult   = regexp.MustCompile(`^(template\s*<[^>]*>\s*)?void\s+[^\s*]`)
)

// functions finds the function definitions in src. It knows as much C++ as the
// sources of gotch need: braces, comments, literals and preprocessor lines.
func functions(src []byte) []function {
	var found []function
	start, depth := 0, 0 // start: past the end of what stands before at the top level
	for i := 0; i < len(src); {
		next, skipped := skipInert(src, i)
		switch {
		case skipped && depth == 0 && src[i] == '#':
			start = next
		case skipped:
		case src[i] == ';' && depth == 0:
			start = next
		case src[i] == '{':
			if depth == 0 {
				found = append(found, function{Start: start, Body: i})
			}
			depth++
		case src[i] == '}':
			if depth--; depth == 0 {
				found[len(found)-1].End = next
				start = next
			}
		}
		i = next
	}
	return signed(src, found)
}

// signed keeps the blocks that are functions and reads their signatures.
func signed(src []byte, blocks []function) []function {
	var kept []function
	for _, f := range blocks {
		signature := withoutComments(src[f.Start:f.Body])
		m := functionName.FindSubmatch(signature)
		if m == nil || f.End == 0 {
			continue
		}
		f.Start += len(src[f.Start:f.Body]) - len(bytes.TrimLeft(src[f.Start:f.Body], " \t\r\n"))
		f.Name, f.Void = string(m[1]), voidResult.Match(signature)
		kept = append(kept, f)
	}
	return kept
}

// withoutComments gives src without comments and without space around it.
func withoutComments(src []byte) []byte {
	var out []byte
	for i := 0; i < len(src); {
		next, skipped := skipInert(src, i)
		if !skipped || src[i] != '/' {
			out = append(out, src[i:next]...)
		}
		i = next
	}
	return bytes.TrimSpace(out)
}

// skipInert gives the offset past what begins at i: a comment, a literal or a
// preprocessor line, whose braces do not count, or else one byte.
func skipInert(src []byte, i int) (next int, skipped bool) {
	rest := src[i:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		return i + lineEnd(rest), true
	case bytes.HasPrefix(rest, []byte("/*")):
		if end := bytes.Index(rest, []byte("*/")); end >= 0 {
			return i + end + 2, true
		}
		return len(src), true
	case rest[0] == '"' || rest[0] == '\'':
		return i + literalEnd(rest), true
	case rest[0] == '#' && (i == 0 || src[i-1] == '\n'):
		return i + lineEnd(rest), true
	}
	return i + 1, false
}

// lineEnd is the offset past the line that src begins with, and past those that
// a backslash joins to it.
func lineEnd(src []byte) int {
	for i := range src {
		if src[i] == '\n' && (i == 0 || src[i-1] != '\\') {
			return i + 1
		}
	}
	return len(src)
}

// literalEnd is the offset past the string or character that src begins with.
func literalEnd(src []byte) int {
	for i := 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case src[0]:
			return i + 1
		}
	}
	return len(src)
}
