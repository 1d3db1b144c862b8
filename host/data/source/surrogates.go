package source

import (
	"bytes"
	"strconv"
)

// halfPair finds the first escape in JSON that is half of a surrogate pair, such as
// a \ud83d by itself.
func halfPair(raw []byte) (at int, found bool) {
	for at < len(raw) {
		unit, size := escape(raw[at:])
		switch {
		case size == 0:
			return 0, false
		case unit >= 0xd800 && unit < 0xdc00:
			second, _ := escape(raw[at+size:])
			if second < 0xdc00 || second > 0xdfff || raw[at+size] != '\\' {
				return at + size - 6, true
			}
			size += 6
		case unit >= 0xdc00 && unit < 0xe000:
			return at + size - 6, true
		}
		at += size
	}
	return 0, false
}

// escape reads up to the end of the first escape of raw: the code unit of a \u, 0 of
// another; size is 0 where there is none.
func escape(raw []byte) (unit uint64, size int) {
	at := bytes.IndexByte(raw, '\\')
	if at < 0 || at+1 == len(raw) {
		return 0, 0
	}
	if raw[at+1] != 'u' {
		return 0, at + 2
	}
	unit, _ = strconv.ParseUint(string(raw[at+2:at+6]), 16, 16) // the parser has checked the digits
	return unit, at + 6
}

// wholePairs is JSON with \ufffd for each half of a surrogate pair.
func wholePairs(raw []byte) []byte {
	raw = bytes.Clone(raw)
	for {
		at, found := halfPair(raw)
		if !found {
			return raw
		}
		copy(raw[at:], `\ufffd`)
	}
}
