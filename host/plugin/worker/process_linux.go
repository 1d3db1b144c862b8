package worker

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// itself is the path under which this very program can be started, even where
// another one has taken its place on the disk.
func itself(string) string { return "/proc/self/exe" }

// attributes has the worker killed when the host dies, whatever it is doing
// then, and keeps a Ctrl-C that is meant for the host away from it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// widen lets a pipe hold a batch, so that host and worker need not wait for
// each other in the middle of it. It does not matter where that is refused.
func widen(pipe *os.File) {
	const setSize, size = 1031, 1 << 20 // F_SETPIPE_SZ
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { syscall.Syscall(syscall.SYS_FCNTL, fd, setSize, size) })
}

// residentMiB is how much memory of its own a process has, 0 where it is gone.
func residentMiB(pid int) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 3 {
		return 0
	}
	resident, _ := strconv.Atoi(string(fields[1]))
	shared, _ := strconv.Atoi(string(fields[2]))
	return (resident - shared) * os.Getpagesize() >> 20
}

// restrain bounds what this process may take, should its parent not watch in
// time, and makes it the first to go where the whole machine is out of memory.
// There is no limit of processor time: a worker formats for as long as there
// are rows, and its parent stops it at a batch that takes too long.
func restrain(memoryMiB int) error {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where it can
	taken, err := dataBytes()
	if err != nil {
		return err
	}
	most := taken + uint64(memoryMiB+2*hostMiB)<<20
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return err
	}
	return syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
}

// dataBytes is how much writable memory of its own this process has mapped,
// which is what RLIMIT_DATA counts.
func dataBytes() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	pages, err := strconv.ParseUint(string(fields[5]), 10, 64)
	return pages * uint64(os.Getpagesize()), err
}
