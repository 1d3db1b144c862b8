package process

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"llmhost/host/plugin/output"

	"google.golang.org/grpc/status"
)

// Fault is the kind of a program's misbehaviour.
type Fault int

// The faults, for callers that treat them differently; the text of an Error
// says more.
const (
	CannotStart Fault = iota + 1 // the program could not be run
	NotPlugin                    // it runs but makes no handshake
	Printed                      // it printed before its handshake
	WrongABI                     // it speaks another version of the contract
	Changed                      // its files have changed
	TimedOut                     // it started or answered too slowly, and was stopped
	Died                         // it exited by itself
	BadReply                     // its reply broke the contract
)

// Error is a misbehaving program.
type Error struct {
	Fault  Fault
	Plugin string // its path, as the user wrote it
	Text   string
	Cause  error
}

// Error names the plugin and what is wrong with it.
func (e *Error) Error() string { return "plugin " + e.Plugin + ": " + e.Text }

// Unwrap returns the system's error, if any.
func (e *Error) Unwrap() error { return e.Cause }

func (p *Program) fault(kind Fault, format string, args ...any) *Error {
	return &Error{
		Fault:  kind,
		Plugin: p.path,
		Text:   output.Line(fmt.Sprintf(format, args...)), // it may quote the manifest
	}
}

// innermost is the last reason that gRPC quotes in one of its messages.
var innermost = regexp.MustCompile(`.*desc = "(?:transport: )?((?:[^"\\]|\\.)*)"`)

// reason is an error of gRPC or the system in a reader's words.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it gave no answer in time"
	}
	if errors.Is(err, context.Canceled) {
		return "its connection was closed"
	}
	text := status.Convert(err).Message()
	if quoted := innermost.FindStringSubmatch(text); quoted != nil {
		return quoted[1]
	}
	return text
}
