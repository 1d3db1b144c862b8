package host

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"llmhost/host/console"
	"llmhost/host/train"
)

// Stopped is the cause of the context of a run that is asked to stop.
type Stopped struct {
	Why   string // what happened, "" where the user knows
	Again string // what ends the program at once
}

// Error says what stopped the run.
func (s *Stopped) Error() string { return s.Why }

// stage is what a run that is stopped now still does, as the end of a sentence.
type stage struct{ atomic.Pointer[string] }

func (s *stage) set(what string) { s.Store(&what) }

// follow keeps the stage by the events of the loop.
func (s *stage) follow(e train.Event) {
	if e.Kind == train.Evaluating && e.Done < e.Of {
		s.set("in this evaluation")
		return
	}
	s.set("after this step")
}

// answerStop says at once that a run was asked to stop, whatever it is doing, and
// where it will. finished is called at the end of the run.
func answerStop(ctx context.Context, out *console.Console, s *stage) (finished func() bool) {
	return context.AfterFunc(ctx, func() {
		line := "stopping " + *s.Load()
		var stopped *Stopped
		if errors.As(context.Cause(ctx), &stopped) {
			line = fmt.Sprintf("%s; %s to stop at once", line, stopped.Again)
			if stopped.Why != "" {
				line = stopped.Why + ": " + line
			}
		}
		out.Printf("%s", line)
	})
}

// beforeFirstStep is the end of a context before the loop, which has its own error
// for it.
type beforeFirstStep struct{ error }

func (beforeFirstStep) Error() string {
	return "interrupted before the first step; nothing was changed"
}
func (b beforeFirstStep) Unwrap() error { return b.error }

// explainStop says so of such an error.
func explainStop(err error) error {
	if errors.Is(err, context.Canceled) {
		return beforeFirstStep{err}
	}
	return err
}
