package process

import (
	"context"
	"errors"
	"time"

	"llmhost/sdk/process"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Describe returns the reply to describe.
func (r *Process) Describe(ctx context.Context) ([]byte, error) {
	return r.call(ctx, process.Describe, r.limits.Call, nil)
}

// Configure returns the reply to configure.
func (r *Process) Configure(ctx context.Context, component uint32, config []byte) ([]byte, error) {
	return r.call(ctx, process.Configure, r.limits.Call, process.Request(component, config))
}

// Trace returns the reply to trace.
func (r *Process) Trace(ctx context.Context, handle uint32, request []byte) ([]byte, error) {
	return r.call(ctx, process.Trace, r.limits.Call, process.Request(handle, request))
}

// Format returns the reply to format for a frame of so many rows.
func (r *Process) Format(ctx context.Context, handle uint32, frame []byte, rows int) ([]byte, error) {
	return r.call(
		ctx,
		process.Format,
		r.limits.Format+time.Duration(rows)*r.limits.FormatRow,
		process.Request(handle, frame),
	)
}

// call makes one call within its time limit. If it fails the process is ended.
func (r *Process) call(ctx context.Context, method string, limit time.Duration, request []byte) ([]byte, error) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit) // so that only exceeding our own limit is the plugin's fault
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	var reply wrapperspb.BytesValue
	err := r.connection.Invoke(
		limited,
		"/"+process.Service+"/"+method,
		wrapperspb.Bytes(request),
		&reply,
		grpc.MaxCallRecvMsgSize(process.MaxMessage),
	)
	if err != nil {
		err = r.failed(ctx, method, limit, err)
		r.child.stop()
		return nil, err
	}
	return reply.Value, nil
}

// failed explains in the plugin's terms why a call failed.
func (r *Process) failed(ctx context.Context, method string, limit time.Duration, err error) error {
	if ctx.Err() != nil { // the run was stopped, not the plugin
		return ctx.Err()
	}
	digest := r.program.digest[:12]
	var e *Error
	switch said := status.Convert(err); said.Code() {
	case codes.DeadlineExceeded:
		e = r.program.fault(
			TimedOut,
			"did not answer %s within %v and was stopped (sha256 %s); look for a loop that does not end%s",
			method,
			limit,
			digest,
			r.child.output.Hint(),
		)
	case codes.ResourceExhausted:
		e = r.program.fault(
			BadReply,
			"%s: %s; at most %d MiB can be sent at a time",
			method,
			said.Message(),
			process.MaxMessage>>20,
		)
	case codes.Unimplemented:
		e = r.program.fault(BadReply, "does not answer %s; rebuild it with this sdk", method)
	default:
		e = r.program.fault(BadReply, "%s failed: %s%s", method, reason(err), r.child.output.Hint())
		if r.hasEnded() {
			e = r.program.fault(
				Died,
				"died during %s: %s (sha256 %s)%s",
				method,
				r.child.ended(),
				digest,
				r.child.output.Hint(),
			)
		}
	}
	e.Cause = err
	return e
}

// hasEnded waits briefly for a process whose connection broke.
func (r *Process) hasEnded() bool {
	if !r.isStarted() {
		return false
	}
	select {
	case <-r.child.exited:
		return true
	case <-time.After(leaving):
		return false
	}
}

// Crashed reports whether an error is the plugin's death, after which a fresh
// start may do better.
func Crashed(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Fault == Died
}
