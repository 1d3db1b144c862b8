package worker

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// itself is the path at which this very program can be started, even if its
// file has been replaced.
func itself(string) string { return "/proc/self/exe" }

// attributes has the worker killed when the host dies, whatever it is doing
// then, and shields it from a Ctrl-C meant for the host.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// widen lets a pipe hold a whole batch, so that host and worker need not wait
// for each other midway. It is no problem if that is refused.
func widen(pipe *os.File) {
	const setSize, size = 1031, 1 << 20 // F_SETPIPE_SZ
	raw, err := pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { syscall.Syscall(syscall.SYS_FCNTL, fd, setSize, size) })
}

// residentMiB is a process's private resident memory, 0 if it has ended.
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

// restrain bounds the memory of this process, in case its parent reacts too
// late, and makes it the first to be killed if the machine runs out of memory.
// There is no limit on processor time: a worker formats for as long as there
// are rows, and its parent stops it if a batch takes too long.
func restrain(memoryMiB int) error {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // if it can
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
