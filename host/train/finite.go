package train

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// NonFiniteError says that a loss is NaN or infinite, or, where it is not,
// that its gradient is.
type NonFiniteError struct {
	Step     int
	Loss     float64
	GradNorm float64
	Terms    []string        // of the loss that are not finite
	Sources  []data.Position // of the micro-batch's records; of the step's, for the gradient
}

// Error says what is not finite, where, and from which records.
func (e *NonFiniteError) Error() string {
	what, value := "loss", e.Loss
	if finite(e.Loss) {
		what = "gradient norm"
		value = e.GradNorm
	}
	if e.Step == 1 && len(e.Terms) > 0 { // the learning rate cannot be to blame
		return fmt.Sprintf("step 1: the loss of the batch of %s is %v before any weight has moved, by its term %s; look at these records, and at the loss with llmhost plugins check",
			positions(e.Sources), value, strings.Join(e.Terms, ", "))
	}
	return fmt.Sprintf(
		"step %d: the %s of the batch of %s is %v; lower learning_rate or look at these records",
		e.Step,
		what,
		positions(e.Sources),
		value,
	)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// finiteFlag stops the weights at the first step whose loss or gradient is not
// finite, on the device, without waiting for it: once broken is 1 it stays so
// until it is read. The numbers of the steps in between are kept, so that the
// step at fault can be named then.
type finiteFlag struct {
	broken tensor.Tensor // float32 scalar
	steps  []tracedStep  // since the last time it was read
}

// tracedStep is one step, with all that is needed to say what is wrong with it.
type tracedStep struct {
	step    int
	trail   tensor.Tensor     // as stepSums.trail lays it out
	sources [][]data.Position // by micro-batch
}

// add records a step whose gradients are computed and whose weights have not moved.
func (f *finiteFlag) add(step int, trail tensor.Tensor, sources [][]data.Position) {
	if !f.broken.Defined() {
		f.broken = tensor.Zeros(trail.Device(), tensor.Float32).Own()
	}
	broken := trail.Isfinite().All(0, false).LogicalNot().To(tensor.Float32)
	f.broken.CopyTensor(f.broken.Maximum(broken))
	f.steps = append(f.steps, tracedStep{step, trail.Own(), sources})
}

// unread is how many steps were made since the flag was read.
func (f *finiteFlag) unread() int { return len(f.steps) }

// read returns what is wrong with the first step at fault, nil where there is
// none, and resets the flag.
func (f *finiteFlag) read(p *program.Program) *NonFiniteError {
	defer f.forget()
	if len(f.steps) == 0 || f.broken.Item() == 0 {
		return nil
	}
	tensor.Scoped(func() { f.broken.CopyTensor(f.broken.ZerosLike()) })
	for _, s := range f.steps {
		if failed := s.failure(p); failed != nil {
			return failed
		}
	}
	return nil
}

// failure finds the first micro-batch after which the loss is not finite, or
// else looks at the gradient norm.
func (s tracedStep) failure(p *program.Program) *NonFiniteError {
	values := s.trail.Floats()
	last := len(values) - 1
	for i, row := range slices.Collect(slices.Chunk(values[:last], 1+len(p.Terms))) {
		if finite(row[0]) {
			continue
		}
		failed := &NonFiniteError{
			Step:    s.step,
			Loss:    row[0],
			Sources: s.sources[i],
		}
		for j, term := range p.Terms {
			if !finite(row[1+j]) {
				failed.Terms = append(failed.Terms, term.Name)
			}
		}
		return failed
	}
	if finite(values[last]) {
		return nil
	}
	return &NonFiniteError{
		Step:     s.step,
		Loss:     values[last-1-len(p.Terms)],
		GradNorm: values[last],
		Sources:  slices.Concat(s.sources...),
	}
}

func (f *finiteFlag) forget() {
	for _, s := range f.steps {
		s.trail.Free()
	}
	f.steps = nil
}

func (f *finiteFlag) free() {
	f.forget()
	f.broken.Free()
	f.broken = tensor.Tensor{}
}

// sourcesOf lists the positions of the records of each micro-batch.
func sourcesOf(micro [][]data.Example) (sources [][]data.Position) {
	for _, examples := range micro {
		var positions []data.Position
		for _, e := range examples {
			positions = append(positions, e.Source)
		}
		sources = append(sources, positions)
	}
	return sources
}

// positions names records, the first few of many.
func positions(sources []data.Position) string {
	const shown = 4
	var names []string
	for _, s := range sources {
		names = append(names, s.String())
	}
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}
