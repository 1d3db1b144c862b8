//go:build !linux

package worker

import (
	"os"
	"syscall"
)

// Elsewhere a worker ends when its standard input does, and has no limits but
// those of its module.

func itself(name string) string { return name }

func attributes() *syscall.SysProcAttr { return nil }

func widen(*os.File) {}

func residentMiB(int) int { return 0 }

func restrain(int) error { return nil }
