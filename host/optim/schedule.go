package optim

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Schedule gives the learning rate of each optimizer step, as transformers'
// get_scheduler does under the same names.
type Schedule struct {
	Type         string // one of ScheduleTypes
	LearningRate float64
	WarmupSteps  int
	TotalSteps   int

	NumCycles float64 // cosine: 0.5; cosine_with_restarts: 1
	Power     float64 // polynomial: 1
	LREnd     float64 // polynomial: 1e-7
	Timescale float64 // inverse_sqrt: the warm-up, or 10,000 without one
}

// ScheduleTypes lists what Schedule.Type may be.
var ScheduleTypes = []string{"linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt"}

// NewSchedule returns a schedule with the defaults of its type; kwargs are the
// entries of lr_scheduler_kwargs.
func NewSchedule(kind string, learningRate float64, warmup, total int, kwargs map[string]float64) (Schedule, error) {
	s := Schedule{
		Type:         kind,
		LearningRate: learningRate,
		WarmupSteps:  warmup,
		TotalSteps:   total,
		Power:        1,
		LREnd:        1e-7,
		NumCycles:    1,
	}
	var known map[string]*float64
	switch kind {
	case "cosine":
		s.NumCycles = 0.5
		known = map[string]*float64{"num_cycles": &s.NumCycles}
	case "cosine_with_restarts":
		known = map[string]*float64{"num_cycles": &s.NumCycles}
	case "polynomial":
		known = map[string]*float64{"power": &s.Power, "lr_end": &s.LREnd}
	case "inverse_sqrt":
		s.Timescale = float64(warmup)
		if warmup == 0 {
			s.Timescale = 10_000
		}
		known = map[string]*float64{"timescale": &s.Timescale}
	}
	if !slices.Contains(ScheduleTypes, kind) {
		return s, fmt.Errorf("lr_scheduler_type is %q; want one of %s", kind, strings.Join(ScheduleTypes, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(kwargs)) {
		field, ok := known[name]
		if !ok {
			return s, fmt.Errorf("lr_scheduler_kwargs.%s does not apply to %q", name, kind)
		}
		if *field = kwargs[name]; *field <= 0 && name != "lr_end" {
			return s, fmt.Errorf("lr_scheduler_kwargs.%s is %v; want a positive number", name, *field)
		}
	}
	if kind == "polynomial" && s.LREnd > learningRate {
		return s, fmt.Errorf(
			"lr_scheduler_kwargs.lr_end is %v; want at most learning_rate, %v",
			s.LREnd,
			learningRate,
		)
	}
	return s, nil
}

// At returns the rate of a step; the first step is 0.
func (s Schedule) At(step int) float64 {
	if s.LearningRate == 0 {
		return 0
	}
	return s.LearningRate * s.multiplier(step)
}

func (s Schedule) multiplier(step int) float64 {
	if s.Type == "constant" {
		return 1
	}
	if step < s.WarmupSteps {
		return float64(step) / float64(max(1, s.WarmupSteps))
	}
	progress := float64(step-s.WarmupSteps) / float64(max(1, s.TotalSteps-s.WarmupSteps))
	switch s.Type {
	case "linear":
		return max(0, 1-progress)
	case "cosine":
		return max(0, (1+math.Cos(2*math.Pi*s.NumCycles*progress))/2)
	case "cosine_with_restarts":
		if progress >= 1 {
			return 0
		}
		_, part := math.Modf(s.NumCycles * progress)
		return max(0, (1+math.Cos(math.Pi*part))/2)
	case "polynomial":
		end := s.LREnd / s.LearningRate
		if step > s.TotalSteps {
			return end
		}
		return (1-end)*math.Pow(1-progress, s.Power) + end
	case "inverse_sqrt":
		return 1 / math.Sqrt((float64(step-s.WarmupSteps)+s.Timescale)/s.Timescale)
	}
	return 1
}
