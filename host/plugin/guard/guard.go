// Package guard runs a plugin's program inside a process that outlives it by a
// moment: the current program, started again to do nothing else. Whatever the
// plugin starts, in another process group or session too, becomes a descendant
// of the guard, which ends all of it when the plugin ends, when the host asks,
// or when the host is gone, killed included. A plugin that kills its guard, or
// has another service start something, is not held: this is no sandbox.
//
// A program that starts plugins as processes must run the guard first thing in
// its main; package worker does so. On the host's side start at Start.
package guard

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// command is the first argument of a guard; the memory limit, and the path and
// arguments of the program follow.
const command = "guard"

// able is package state because it is a fact about this program: its main asks
// whether it is to be a guard.
var able atomic.Bool

// Asked reports, by its arguments, whether a program is to be a guard.
func Asked(args []string) bool {
	able.Store(true)
	return isGuard(args)
}

func isGuard(args []string) bool { return len(args) > 4 && args[1] == command }

// Guard is a guard's process, as the host sees it.
type Guard struct {
	cmd    *exec.Cmd
	life   *os.File // the guard's standard input: it ends the program when this is closed
	report *os.File // what the guard says about the program
	status syscall.WaitStatus
	ended  bool // the guard told the status
}

// closing is how long the pipes of an ended guard may stay open: what escaped
// it can hold them.
const closing = 500 * time.Millisecond

// Start starts a guard that runs cmd, whose memory is limited. An error of the
// system about cmd's program is a syscall.Errno.
func Start(cmd *exec.Cmd, memoryMiB int) (*Guard, error) {
	if !able.Load() || isGuard(os.Args) {
		return nil, errors.New("its guard is this program started again; the program's main must begin with worker.Asked and worker.Main")
	}
	theirLife, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirLife.Close()
	report, theirReport, err := os.Pipe()
	if err != nil {
		life.Close()
		return nil, err
	}
	defer theirReport.Close()
	g := &Guard{life: life, report: report, cmd: &exec.Cmd{
		Path:        "/proc/self/exe", // this very program, even if its file has been replaced
		Args:        append([]string{os.Args[0], command, strconv.Itoa(memoryMiB), cmd.Path}, cmd.Args...),
		Env:         cmd.Env,
		Dir:         cmd.Dir,
		Stdin:       theirLife,
		Stdout:      cmd.Stdout,
		Stderr:      cmd.Stderr,
		ExtraFiles:  []*os.File{theirReport},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a Ctrl-C is meant for the host
		WaitDelay:   closing,
	}}
	if err := g.cmd.Start(); err != nil {
		life.Close()
		report.Close()
		return nil, err
	}
	theirReport.Close()
	return g, g.started()
}

// started waits until the guard has started the program, or has not.
func (g *Guard) started() error {
	line, err := g.line()
	var errno int
	switch {
	case err != nil || line != started && !scan(line, notStarted, &errno):
		err = errors.New("its guard ended before it was started")
	case line == started:
		return nil
	default:
		err = syscall.Errno(errno)
	}
	g.Stop()
	g.Wait()
	return err
}

// Wait waits for the end of the program and of all that it started. It must be
// called once.
func (g *Guard) Wait() {
	var status int
	if line, err := g.line(); err == nil && scan(line, ended, &status) {
		g.status, g.ended = syscall.WaitStatus(status), true
	}
	_ = g.cmd.Wait() // the report tells
	g.report.Close()
	g.Stop()
}

// Stop asks the guard to end the program with all that it started.
func (g *Guard) Stop() { g.life.Close() }

// Kill ends the guard itself, which ends the program, but not all that this
// started.
func (g *Guard) Kill() { _ = g.cmd.Process.Kill() }

// Pid is the guard's process id.
func (g *Guard) Pid() int { return g.cmd.Process.Pid }

// End says, after Wait, how the program ended: "exit code 3" or "signal:
// killed".
func (g *Guard) End() string {
	switch {
	case !g.ended:
		return "its guard was killed"
	case g.status.Signaled():
		return "signal: " + g.status.Signal().String()
	}
	return fmt.Sprintf("exit code %d", g.status.ExitStatus())
}

// What a guard reports, a line each: that the program runs, or the system's
// error number; and later the status that it ended with.
const (
	started    = "started"
	notStarted = "not started "
	ended      = "ended "
)

// line reads one line of the report, byte by byte, since there are two short
// ones.
func (g *Guard) line() (string, error) {
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(g.report, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
		line = append(line, one[0])
	}
}

// scan reads the number that follows what a line begins with.
func scan(line, begin string, number *int) bool {
	rest, found := strings.CutPrefix(line, begin)
	n, err := strconv.Atoi(rest)
	*number = n
	return found && err == nil
}
