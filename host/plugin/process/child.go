package process

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"llmhost/host/plugin/output"

	"golang.org/x/sys/unix"
)

// closing is how long the pipes of an ended program may stay open: a process
// that it left behind can hold them.
const closing = 500 * time.Millisecond

// child is the process of a plugin, as a runner.Runner for go-plugin. It leads
// a new process group, which ends with it. It also ends with this process,
// however that ends.
type child struct {
	program *Program
	limits  Limits
	cmd     *exec.Cmd
	opening *opening        // of its standard output
	output  *output.Tail    // of all that it prints except the handshake
	line    string          // its handshake
	givenUp <-chan struct{} // closed when nobody is waiting for the start any more
	exited  chan struct{}   // closed when it has ended and its output is read
	stopped atomic.Bool     // by this process

	mu   sync.Mutex
	gone bool // its id may be reused by now
}

// start runs the command. One thread starts the child and waits for it, because
// the system kills a child when the thread that started it ends.
func (c *child) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.launch()
		if err == nil {
			c.bound()
		}
		started <- err
		if err == nil {
			c.wait()
		}
	}()
	return <-started
}

// launch starts the command. A file just written is busy while another thread
// of this process, which inherited it open, is between fork and exec; that
// passes.
func (c *child) launch() (err error) {
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		c.cmd = &exec.Cmd{Path: c.cmd.Path, Args: c.cmd.Args, Env: c.cmd.Env, Dir: c.cmd.Dir, Stdout: c.opening, Stderr: c.output, WaitDelay: closing,
			SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}}
		if err = c.cmd.Start(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		time.Sleep(wait)
	}
	return err
}

// bound sets the limits that one process can set for another. They do not undo
// what the plugin did in its first microseconds.
func (c *child) bound() {
	data := uint64(c.limits.MemoryMiB) << 20
	for resource, most := range map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_DATA: data} {
		_ = unix.Prlimit(c.cmd.Process.Pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
	}
}

// wait ends the process group as soon as its leader has ended: until cmd.Wait
// its id cannot be reused.
func (c *child) wait() {
	defer close(c.exited)
	pid := c.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	c.mu.Lock()
	_ = unix.Kill(-pid, unix.SIGKILL)
	c.gone = true
	c.mu.Unlock()
	_ = c.cmd.Wait()
}

// stop ends the process group at once.
func (c *child) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		c.stopped.Store(true)
		_ = unix.Kill(-c.cmd.Process.Pid, unix.SIGKILL)
	}
}

// ended describes how the process ended: "exit code 3" or "signal: killed".
func (c *child) ended() string {
	state := c.cmd.ProcessState
	if state == nil {
		return "unknown end"
	}
	return strings.Replace(state.String(), "exit status", "exit code", 1)
}

// Start starts the process and waits for its handshake.
func (c *child) Start(context.Context) error {
	if err := c.start(); err != nil {
		return c.program.unstartable(c.cmd.Path, err)
	}
	limit := time.NewTimer(c.limits.Start)
	defer limit.Stop()
	select {
	case c.line = <-c.opening.handshake:
	case <-c.exited:
		select {
		case c.line = <-c.opening.handshake: // the end of its output
		default:
			c.opening.giveUp()
			return c.program.fault(
				NotPlugin,
				"is not a plugin: it ended with %s before a handshake%s",
				c.ended(),
				c.output.Hint(),
			)
		}
	case <-c.givenUp:
		c.stop()
		return context.Canceled
	case <-limit.C:
		c.stop()
		c.opening.giveUp()
		return c.program.fault(
			TimedOut,
			"made no handshake within %v and was stopped%s",
			c.limits.Start,
			c.output.Hint(),
		)
	}
	if err := c.program.checkHandshake(c.line, c.opening.before()); err != nil {
		c.stop()
		return err
	}
	return nil
}

// Wait returns when the process has ended.
func (c *child) Wait(context.Context) error {
	<-c.exited
	return nil
}

// Kill ends the process.
func (c *child) Kill(context.Context) error {
	c.stop()
	return nil
}

// Stdout has only the handshake: the rest of the output goes to the tail.
func (c *child) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(c.line + "\n")) }

// Stderr is empty: the output goes to the tail.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the process's name in go-plugin's log, which is discarded.
func (c *child) Name() string { return c.cmd.Path }

// ID tells go-plugin whether there is a process to end.
func (c *child) ID() string {
	if c.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(c.cmd.Process.Pid)
}

// Diagnose has nothing to add to the errors of Start.
func (c *child) Diagnose(context.Context) string { return "" }

// PluginToHost changes no address: both sides are on one machine.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin changes no address.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
