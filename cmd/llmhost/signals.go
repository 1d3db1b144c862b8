package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"llmhost/host"
)

// together is how far apart two signals of one sender are at most: timeout(1)
// sends its signal to the process and to its group.
const together = 100 * time.Millisecond

// untilSignal is a context that the first Ctrl-C, SIGTERM or SIGHUP ends; its
// cause is a *host.Stopped. A second Ctrl-C or SIGTERM ends the program at once; a
// second SIGHUP does not, since a terminal that closes sends it more than once. Under
// nohup SIGHUP stays ignored.
func untilSignal() context.Context {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		stop(stoppedBy(<-signals))
		first := time.Now()
		for again := range signals {
			if again != syscall.SIGHUP && time.Since(first) > together {
				die(again.(syscall.Signal))
			}
		}
	}()
	return ctx
}

// endAtOnce is for commands that nobody needs to stop gently: what they write is
// complete or worthless. A signal ends them as it does by itself.
func endAtOnce() {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		signal.Reset(s)
	}
}

func stoppedBy(s os.Signal) *host.Stopped {
	switch s {
	case os.Interrupt:
		return &host.Stopped{Again: "Ctrl-C again"}
	case syscall.SIGHUP:
		return &host.Stopped{Why: "the terminal was closed (SIGHUP)", Again: "SIGTERM"}
	}
	return &host.Stopped{Why: "SIGTERM", Again: "a second one"}
}

// die ends the program as the signal does by itself.
func die(s syscall.Signal) {
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(together) // the signal was ignored when the program was started
	os.Exit(128 + int(s))
}

// output is stdout and stderr of a run. When the reader of one has gone, what is
// written goes to the other, and the run is stopped.
type output struct {
	stop context.CancelCauseFunc
	mu   sync.Mutex
	lost map[*os.File]bool
}

// newOutput keeps a write to a closed pipe from ending the program, and has the
// write's error instead.
func newOutput(stop context.CancelCauseFunc) *output {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return &output{stop: stop, lost: map[*os.File]bool{}}
}

// writer writes to the first of two files that is read.
func (o *output) writer(first, second *os.File) io.Writer {
	return writer(func(p []byte) (int, error) {
		for _, f := range []*os.File{first, second} {
			if o.write(f, p) {
				break
			}
		}
		return len(p), nil
	})
}

// write tells whether somebody reads f.
func (o *output) write(f *os.File, p []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost[f] {
		return false
	}
	_, err := f.Write(p)
	if !isClosed(err) {
		return true
	}
	o.lost[f] = true
	o.stop(&host.Stopped{Why: fmt.Sprintf("nobody reads the output any more (%v)", err), Again: "Ctrl-C"})
	return false
}

// isClosed tells whether a write failed because its pipe, or its terminal, was
// closed. Under nohup a run outlives its terminal.
func isClosed(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.EIO) && !signal.Ignored(syscall.SIGHUP)
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
