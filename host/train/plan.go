package train

import (
	"math"

	"llmhost/host/data"
)

// Plan is the course of a run, in optimizer steps. Steps never cross the end
// of an epoch.
type Plan struct {
	Records                 int // of an epoch, 0 where nobody knows
	BatchSize, Accumulation int // records in a micro-batch, micro-batches in a step
	EvalBatchSize           int
	StepsPerEpoch           int

	// TotalSteps is the last step. FullSteps would be the last one if every step had
	// the size of this plan; the learning rate's schedule spans these.
	TotalSteps, FullSteps int
	BySteps               bool // max_steps is set, and nothing is counted in records

	LogSteps, EvalSteps, SaveSteps int // steps between them, 0 = never, or EachEpoch
	LogFirst, EvalAtBeginning      bool
}

// EachEpoch, where a Plan has steps between two events, is for events at the end
// of every epoch.
const EachEpoch = -1

// NewPlan computes how many steps a run over records takes: maxSteps where that
// is positive, else epochs passes.
func NewPlan(records, batchSize, accumulation int, epochs float64, maxSteps int) Plan {
	p := Plan{Records: records, BatchSize: batchSize, Accumulation: accumulation}
	p.StepsPerEpoch = p.stepsOver(records)
	p.FullSteps = int(math.Ceil(epochs * float64(p.StepsPerEpoch)))
	if maxSteps > 0 {
		p.BySteps = true
		p.FullSteps = maxSteps
	}
	p.TotalSteps = p.FullSteps
	return p
}

// stepsOver is how many steps some records of one epoch take.
func (p Plan) stepsOver(records int) int {
	micro := (records + p.BatchSize - 1) / p.BatchSize
	return (micro + p.Accumulation - 1) / p.Accumulation
}

// After is the plan of a run that made steps up to a place in the data, of whatever
// size they were: what is left of the epochs is counted in records. Where all
// steps had the size of p it is p.
func (p Plan) After(steps int, at data.Cursor) Plan {
	if !p.BySteps {
		p.TotalSteps = steps + p.left(at)
	}
	return p
}

// RecordsLeft is how many records a run at a place in the data still hands out to
// the end of its epochs; negative where it is past that.
func (p Plan) RecordsLeft(at data.Cursor) int {
	whole, rest := p.end()
	return (whole-at.Epoch)*p.Records + rest - at.Next
}

// end is where the epochs end: after so many whole ones, and records of another.
func (p Plan) end() (whole, records int) {
	perEpoch := max(1, p.StepsPerEpoch)
	return p.FullSteps / perEpoch, p.FullSteps % perEpoch * p.BatchSize * p.Accumulation
}

// left is how many steps a run at a place in the data has left.
func (p Plan) left(at data.Cursor) int {
	whole, rest := p.end()
	if at.Epoch >= whole {
		return p.stepsOver(max(0, p.RecordsLeft(at)))
	}
	return p.stepsOver(p.Records-at.Next) + (whole-at.Epoch-1)*p.StepsPerEpoch + p.stepsOver(rest)
}

// Smallest is the fewest records in a step of those that a run still makes, which
// made so many steps up to a place in the data; 0 where it makes none.
func (p Plan) Smallest(steps int, at data.Cursor) (records int) {
	size := p.BatchSize * p.Accumulation
	if p.Records == 0 { // unknown: steps go on from one epoch to the next
		return size
	}
	from := at.Next % max(1, p.Records)
	for left, epochs := p.TotalSteps-steps, 0; left > 0 && epochs < 2; epochs++ {
		last := (p.Records-from-1)%size + 1
		if left < p.stepsOver(p.Records-from) {
			last = size
		}
		if records == 0 || last < records {
			records = last
		}
		left -= p.stepsOver(p.Records - from)
		from = 0
	}
	return records
}

// ScheduleShift is by how much a step's number is ahead of its place in the
// schedule, so that the schedule goes by the share of the run that is done.
func (p Plan) ScheduleShift() int { return p.TotalSteps - p.FullSteps }
