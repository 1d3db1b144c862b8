package train

import (
	"slices"

	"llmhost/host/exec"
	"llmhost/host/objective"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// StepReport is what one step measured. Its numbers stay on the device until
// they are read.
type StepReport struct {
	LearningRate float64
	Tokens       int  // real tokens, a shared prefix counted once a sequence
	Checked      bool // the step waited for the device, and everything so far is finite

	program *program.Program
	values  tensor.Tensor // as stepSums.values lays them out; the trainer's own
}

// Measured are the numbers of a step.
type Measured struct {
	Loss     float64
	Terms    []float64 // each term's share of Loss, in the order of the program
	Metrics  Metrics
	GradNorm float64 // before clipping
}

// Read copies the numbers from the device, which it waits for. It is called
// before the trainer's next step.
func (r StepReport) Read() Measured { return measured(r.program, r.values.Floats()) }

// measured decodes what stepSums.values laid out.
func measured(p *program.Program, values []float64) Measured {
	terms := 1 + len(p.Terms)
	metrics := terms + 2*len(p.Metrics)
	return Measured{
		Loss:     values[0],
		Terms:    values[1:terms],
		Metrics:  newMetrics(p, values[terms:metrics]),
		GradNorm: values[metrics],
	}
}

// stepSums add up, in float64 on the device, what the micro-batches of a step
// measure. They belong to the step's scope.
type stepSums struct {
	terms int64
	exps  []float64       // 1 for each metric that is the exponential of a mean
	micro bool            // the loss is the mean over micro-batches
	loss  tensor.Tensor   // so far, [1]
	sums  tensor.Tensor   // of each term, then of sum and count of each metric
	after []tensor.Tensor // loss and terms after each micro-batch
	one   tensor.Tensor   // the count of a metric that has none
}

func newStepSums(o *objective.Objective, microMean bool) *stepSums {
	p, d := o.Program(), o.Device()
	terms := len(p.Terms)
	return &stepSums{
		terms: int64(terms),
		exps:  exps(p),
		micro: microMean,
		loss:  tensor.Zeros(d, tensor.Float64, 1),
		sums:  tensor.Zeros(d, tensor.Float64, int64(terms+2*len(p.Metrics))),
		one:   tensor.Full(d, tensor.Float64, 1),
	}
}

// add adds one micro-batch, in a scope directly inside the step's own: the loss grows
// term by term, since another order would change its last bits.
func (s *stepSums) add(parts []tensor.Tensor, metrics []exec.Fraction) {
	now := tensor.Scalars(append(parts[:len(parts):len(parts)], numbers(metrics, s.one)...)...)
	loss := s.loss
	for j := range s.terms {
		loss = loss.Add(now.Narrow(0, j, 1))
	}
	s.loss = loss.Keep()
	if s.micro {
		now = s.means(now)
	}
	s.sums = s.sums.Add(now).Keep()
	s.after = append(s.after, tensor.Cat(0, s.loss, s.sums.Narrow(0, 0, s.terms)).Keep())
}

// values are loss, terms, sum and count of each metric, and the gradient norm.
func (s *stepSums) values(norm tensor.Tensor) tensor.Tensor {
	return tensor.Cat(0, s.loss, s.means(s.sums), norm.Unsqueeze(0))
}

// means makes each exponential metric among sums the mean of its part, counted once.
// A log entry averages the loss over steps, and so its perplexity must be.
func (s *stepSums) means(sums tensor.Tensor) tensor.Tensor {
	if !slices.Contains(s.exps, 1) {
		return sums
	}
	pairs := sums.Narrow(0, s.terms, int64(2*len(s.exps))).Reshape(-1, 2)
	count := pairs.Narrow(1, 1, 1)
	exps := tensor.Of(sums.Device(), s.exps).Unsqueeze(1)
	divisor := count.WhereScalar(count.Mul(exps).NeScalar(0), 1)
	return tensor.Cat(0, sums.Narrow(0, 0, s.terms), pairs.Div(divisor).Reshape(-1))
}

// exps marks the metrics of p that are exponentials.
func exps(p *program.Program) []float64 {
	marks := make([]float64, len(p.Metrics))
	for i, m := range p.Metrics {
		if m.Exp {
			marks[i] = 1
		}
	}
	return marks
}

// trail is the loss and the terms after each micro-batch, then the gradient norm.
func (s *stepSums) trail(norm tensor.Tensor) tensor.Tensor {
	return tensor.Cat(0, append(s.after[:len(s.after):len(s.after)], norm.Unsqueeze(0))...)
}

// numbers lists sums and counts in turns; a count that is not there is 1.
func numbers(fractions []exec.Fraction, one tensor.Tensor) (list []tensor.Tensor) {
	for _, f := range fractions {
		count := f.Count
		if !count.Defined() {
			count = one
		}
		list = append(list, f.Sum, count)
	}
	return list
}
