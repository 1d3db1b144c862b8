package process

import (
	"context"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmhost/host/plugin/guard"
	"llmhost/host/plugin/output"
)

// closing is how long a guard may take to end a program with all that it
// started, before the guard itself is killed.
const closing = 10 * time.Second

// child is the process of a plugin below its guard, as a runner.Runner for
// go-plugin.
type child struct {
	program *Program
	limits  Limits
	cmd     *exec.Cmd
	guard   *guard.Guard
	opening *opening        // of its standard output
	output  *output.Tail    // of all that it prints except the handshake
	line    string          // its handshake
	folder  string          // where its socket may be
	givenUp <-chan struct{} // closed when nobody is waiting for the start any more
	exited  chan struct{}   // closed when it has ended with all that it started, and its output is read
	stopped atomic.Bool     // by this process
	ending  sync.Once
}

// start starts the program.
func (c *child) start() (err error) {
	c.cmd.Stdout = c.opening
	c.cmd.Stderr = c.output
	if c.guard, err = guard.Start(c.cmd, c.limits.MemoryMiB); err != nil {
		c.guard = nil
		return err
	}
	go func() {
		c.guard.Wait()
		close(c.exited)
	}()
	return nil
}

// stop ends the program at once, with all that it started.
func (c *child) stop() {
	select {
	case <-c.exited: // by itself
		return
	default:
	}
	c.ending.Do(func() {
		c.stopped.Store(true)
		c.guard.Stop()
		last := time.AfterFunc(closing, c.guard.Kill)
		go func() {
			<-c.exited
			last.Stop()
		}()
	})
}

// ended describes how the process ended: "exit code 3" or "signal: killed".
func (c *child) ended() string { return c.guard.End() }

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
	if err := c.program.checkHandshake(c.line, c.opening.before(), c.folder); err != nil {
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
	if c.guard == nil {
		return ""
	}
	return strconv.Itoa(c.guard.Pid())
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
