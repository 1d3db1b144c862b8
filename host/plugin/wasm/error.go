package wasm

import (
	"fmt"

	"llmhost/host/plugin/output"
)

// Fault is the kind of a module's misbehaviour.
type Fault int

// The faults, for callers that treat them differently; the text of an Error
// says more.
const (
	NotWASM   Fault = iota + 1 // the file is something else
	NotPlugin                  // a module, but it lacks what the contract asks for
	WrongABI                   // it speaks another version of the contract
	Forbidden                  // it imports something that plugins do not get
	TooLarge                   // its shape exceeds the limits
	TimedOut                   // it ran too long or made too many calls
	Trapped                    // it crashed or ended itself
	BadReply                   // its reply broke the contract
)

// Error is a misbehaving module.
type Error struct {
	Fault  Fault
	Plugin string // its path or name
	Text   string
	Cause  error
}

// Error names the plugin and what is wrong with it, safe to show: Text may have
// names of the module in it.
func (e *Error) Error() string { return "plugin " + e.Plugin + ": " + output.Line(e.Text) }

// Unwrap returns wazero's error, if any.
func (e *Error) Unwrap() error { return e.Cause }

// fault returns an error of a kind; the caller adds the plugin's name.
func fault(kind Fault, format string, args ...any) *Error {
	return &Error{Fault: kind, Text: fmt.Sprintf(format, args...)}
}
