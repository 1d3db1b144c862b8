package process

import "fmt"

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
		Text:   fmt.Sprintf(format, args...),
	}
}
