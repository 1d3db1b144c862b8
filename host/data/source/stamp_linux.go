package source

import (
	"io/fs"
	"syscall"
)

// addSystem adds what only this system says of a file.
func (s *Stamp) addSystem(info fs.FileInfo) {
	if from, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Changed = from.Ctim.Nano()
		s.Device = uint64(from.Dev)
		s.File = from.Ino
	}
}
