//go:build !linux

package worker

import (
	"os"
	"syscall"
)

// On other systems a worker ends when its standard input does, and has only its
// module's limits.

func itself(name string) string { return name }

func attributes() *syscall.SysProcAttr { return nil }

func widen(*os.File) {}

func residentMiB(int) int { return 0 }

func restrain(int) error { return nil }
