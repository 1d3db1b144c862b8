package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// place is a line of a source file.
type place struct {
	File string // base name
	Line int    // from 1
}

var (
	errorLine    = regexp.MustCompile(`^([^\s:][^:]*):(\d+):(?:\d+:)? (?:fatal )?error: (.*)`)
	requiredLine = regexp.MustCompile(`^([^\s:][^:]*):(\d+):(?:\d+:)?\s+(?:required from|note: in instantiation of)`)
)

// compileErrors reads the output of a C++ compiler and gives the places in the
// files called ours that its errors are about: where they are or, for an error
// inside a header, where the template was instantiated. The errors that belong to
// no place of ours are in elsewhere.
func compileErrors(output string, ours ...string) (places []place, elsewhere []string) {
	mine := func(path, line string) (place, bool) {
		number, _ := strconv.Atoi(line)
		for _, name := range ours {
			if filepath.Base(path) == name {
				return place{name, number}, true
			}
		}
		return place{}, false
	}
	var asked *place // of the error that is being told
	for _, line := range strings.Split(output, "\n") {
		if m := requiredLine.FindStringSubmatch(line); m != nil {
			if at, ok := mine(m[1], m[2]); ok {
				asked = &at
			}
			continue
		}
		m := errorLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if at, ok := mine(m[1], m[2]); ok {
			places = append(places, at)
		} else if asked != nil {
			places = append(places, *asked)
		} else {
			elsewhere = append(elsewhere, line)
		}
		asked = nil
	}
	return places, elsewhere
}

// stub gives src, the file called name, with the body of every function that
// has one of the places replaced by one that sets gotch's last error, and the
// names of these functions. Places in no function are left over.
func stub(name string, src []byte, places []place) (out []byte, stubbed []string, left []place) {
	bad := map[int]bool{} // by the function's index
	all := functions(src)
	for _, at := range places {
		if at.File != name {
			continue
		}
		if i := functionAt(src, all, at.Line); i >= 0 {
			bad[i] = true
		} else {
			left = append(left, at)
		}
	}
	from := 0
	for i, f := range all {
		if bad[i] {
			out = append(out, src[from:f.Body]...)
			out = append(out, stubBody(f)...)
			from = f.End
			stubbed = append(stubbed, f.Name)
		}
	}
	return append(out, src[from:]...), stubbed, left
}

// functionAt is the index of the function that line is in, or -1.
func functionAt(src []byte, all []function, line int) int {
	for i, f := range all {
		first := 1 + bytes.Count(src[:f.Start], []byte("\n"))
		if last := first + bytes.Count(src[f.Start:f.End], []byte("\n")); first <= line &&
			line <= last {
			return i
		}
	}
	return -1
}

// stubBody says at run time what could not be compiled.
func stubBody(f function) string {
	result := "\n  return {};"
	if f.Void {
		result = ""
	}
	return fmt.Sprintf("{\n  torch_last_err = strdup(\"%s: not in this libtorch\");%s\n}", f.Name, result)
}
