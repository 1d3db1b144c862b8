package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Main makes this process a guard. It returns the exit code, once the program
// and all that it started are gone.
func Main() int {
	runtime.LockOSThread() // the program is killed when the thread that started it ends
	report := os.NewFile(3, "report")
	syscall.CloseOnExec(3)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return refuse(report, err)
	}
	program, err := launch(os.Args[3], os.Args[4:])
	if err != nil {
		return refuse(report, err)
	}
	bound(program, os.Args[2])
	fmt.Fprintln(report, started)
	below := &below{status: make(chan syscall.WaitStatus, 1), none: make(chan struct{})}
	go below.reap(program)
	select {
	case status := <-below.status:
		below.status <- status
	case <-hostGone():
	}
	below.end()
	select {
	case status := <-below.status:
		fmt.Fprintf(report, "%s%d\n", ended, status)
	default: // it cannot be killed
	}
	return 0
}

func refuse(report *os.File, err error) int {
	var errno syscall.Errno
	errors.As(err, &errno)
	fmt.Fprintf(report, "%s%d\n", notStarted, errno)
	return 1
}

// launch starts the program. A file just written is busy while another thread of
// the host, which inherited it open, is between fork and exec; that passes.
func launch(path string, args []string) (*os.Process, error) {
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer nothing.Close()
	attributes := &os.ProcAttr{
		Files: []*os.File{nothing, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
	for wait := time.Millisecond; ; wait *= 2 {
		program, err := os.StartProcess(path, args, attributes)
		if !errors.Is(err, syscall.ETXTBSY) || wait > time.Second {
			return program, err
		}
		time.Sleep(wait)
	}
}

// bound sets the limits that one process can set for another. They do not undo
// what the program did in its first microseconds.
func bound(program *os.Process, memoryMiB string) {
	data, err := strconv.ParseUint(memoryMiB, 10, 32)
	if err != nil {
		return
	}
	for resource, most := range map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_DATA: data << 20} {
		_ = unix.Prlimit(program.Pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
}

// hostGone is closed when the host closes its end of standard input, however
// that comes about, or somebody wants the guard to end.
func hostGone() <-chan struct{} {
	gone := make(chan struct{})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	go func() {
		defer close(gone)
		select {
		case <-signals:
		case <-closed:
		}
	}()
	return gone
}

// below are the processes below this one.
type below struct {
	status chan syscall.WaitStatus // of the program, once it has ended
	none   chan struct{}           // closed once nothing is below
}

// reap collects every process that ends, the program among them. Whatever loses
// its parent becomes a child of this process before the parent is collected, so
// when no child is left, nothing else is.
func (b *below) reap(program *os.Process) {
	defer close(b.none)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return
		case pid == program.Pid:
			b.status <- status
		}
	}
}

// patience is how long processes that were killed may take to be gone. One that
// belongs to another user, by sudo or the like, cannot be killed.
const patience = 5 * time.Second

// end kills what is below until nothing is: a list of processes is out of date as
// soon as it is made. One that starts the next and ends, again and again, is
// caught among the children, which are listed much faster.
func (b *below) end() {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(time.Millisecond) {
		kill(descendants(os.Getpid()))
		for range 1000 {
			select {
			case <-b.none:
				return
			default:
			}
			children := childrenOf(os.Getpid())
			if len(children) == 0 {
				break
			}
			kill(children)
		}
	}
}

func kill(pids []int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// childrenOf lists the children of a process, none where the system does not
// list them.
func childrenOf(pid int) (children []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range bytes.Fields(text) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// descendants lists the living processes below one.
func descendants(root int) (living []int) {
	children := map[int][]int{}
	alive := map[int]bool{}
	folder, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		parent, state, known := parentOf(name)
		if known {
			children[parent] = append(children[parent], pid)
			alive[pid] = state != 'Z' && state != 'X'
		}
	}
	for next := children[root]; len(next) > 0; next = next[1:] {
		if alive[next[0]] {
			living = append(living, next[0])
		}
		next = append(next, children[next[0]]...)
	}
	return living
}

// parentOf reads a process's parent and state; the name before them, in
// brackets, may hold anything.
func parentOf(pid string) (parent int, state byte, known bool) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if err != nil || len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, fields[0][0], err == nil
}
