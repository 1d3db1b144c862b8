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

	NumCycles float64 // cosine and those with a lowest rate: 0.5; cosine_with_restarts: 1
	Power     float64 // polynomial: 1
	LREnd     float64 // polynomial: 1e-7
	Timescale float64 // inverse_sqrt: the warm-up, or 10,000 without one

	MinRate    float64 // the lowest rate, as a share of LearningRate
	WarmupRate float64 // cosine_warmup_with_min_lr: the first rate as such a share; 0 = one step of the warm-up

	StableSteps, DecaySteps float64 // warmup_stable_decay
	WarmupType, DecayType   string  // warmup_stable_decay: of Curves; linear, and cosine
}

// ScheduleTypes lists what Schedule.Type may be.
var ScheduleTypes = []string{"linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt",
	"cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay"}

// Curves lists what the warm-up and the decay of warmup_stable_decay may follow.
var Curves = []string{"linear", "cosine", "1-sqrt"}

// NewSchedule returns a schedule with the defaults of its type; kwargs are the
// entries of lr_scheduler_kwargs, float64 or string.
func NewSchedule(kind string, learningRate float64, warmup, total int, kwargs map[string]any) (Schedule, error) {
	s := Schedule{
		Type:         kind,
		LearningRate: learningRate,
		WarmupSteps:  warmup,
		TotalSteps:   total,
		Power:        1,
		LREnd:        1e-7,
		NumCycles:    0.5,
		Timescale:    float64(warmup),
		WarmupType:   "linear",
		DecayType:    "cosine",
	}
	if kind == "cosine_with_restarts" {
		s.NumCycles = 1
	}
	if warmup == 0 {
		s.Timescale = 10_000
	}
	if !slices.Contains(ScheduleTypes, kind) {
		return s, fmt.Errorf("lr_scheduler_type is %q; want one of %s", kind, strings.Join(ScheduleTypes, ", "))
	}
	if err := s.read(kwargs); err != nil {
		return s, err
	}
	return s, s.settle(kwargs)
}

// kwargs are the fields that lr_scheduler_kwargs may set, by name.
func (s *Schedule) kwargs(minLR *float64) map[string]any {
	switch s.Type {
	case "cosine", "cosine_with_restarts":
		return map[string]any{"num_cycles": &s.NumCycles}
	case "polynomial":
		return map[string]any{"power": &s.Power, "lr_end": &s.LREnd}
	case "inverse_sqrt":
		return map[string]any{"timescale": &s.Timescale}
	case "cosine_with_min_lr":
		return map[string]any{"num_cycles": &s.NumCycles, "min_lr": minLR, "min_lr_rate": &s.MinRate}
	case "cosine_warmup_with_min_lr":
		return map[string]any{"num_cycles": &s.NumCycles, "min_lr": minLR, "min_lr_rate": &s.MinRate, "warmup_lr_rate": &s.WarmupRate}
	case "warmup_stable_decay":
		return map[string]any{"num_decay_steps": &s.DecaySteps, "num_stable_steps": &s.StableSteps, "num_cycles": &s.NumCycles,
			"min_lr_ratio": &s.MinRate, "warmup_type": &s.WarmupType, "decay_type": &s.DecayType}
	}
	return nil
}

// mayBeZero are the numbers among them that are not above 0 of necessity.
var mayBeZero = []string{"lr_end", "min_lr", "min_lr_rate", "min_lr_ratio", "warmup_lr_rate", "num_stable_steps"}

// read sets the fields that kwargs name.
func (s *Schedule) read(kwargs map[string]any) error {
	minLR := math.NaN()
	known := s.kwargs(&minLR)
	for _, name := range slices.Sorted(maps.Keys(kwargs)) {
		field, ok := known[name]
		if !ok {
			return fmt.Errorf("lr_scheduler_kwargs.%s does not apply to %q", name, s.Type)
		}
		switch field := field.(type) {
		case *float64:
			number, ok := kwargs[name].(float64)
			if !ok || number < 0 || number == 0 && !slices.Contains(mayBeZero, name) {
				return fmt.Errorf("lr_scheduler_kwargs.%s is %v; want a positive number", name, kwargs[name])
			}
			*field = number
		case *string:
			text, _ := kwargs[name].(string)
			if !slices.Contains(Curves, text) {
				return fmt.Errorf("lr_scheduler_kwargs.%s is %v; want one of %s", name, kwargs[name], strings.Join(Curves, ", "))
			}
			*field = text
		}
	}
	if !math.IsNaN(minLR) && s.LearningRate > 0 {
		s.MinRate = minLR / s.LearningRate
	}
	return nil
}

// settle checks the fields against each other, and derives those left out.
func (s *Schedule) settle(kwargs map[string]any) error {
	switch s.Type {
	case "polynomial":
		if s.LREnd > s.LearningRate {
			return fmt.Errorf("lr_scheduler_kwargs.lr_end is %v; want at most learning_rate, %v", s.LREnd, s.LearningRate)
		}
	case "cosine_with_min_lr", "cosine_warmup_with_min_lr":
		_, rate := kwargs["min_lr"]
		_, share := kwargs["min_lr_rate"]
		if rate == share {
			return fmt.Errorf("lr_scheduler_type %q wants one of lr_scheduler_kwargs.min_lr and min_lr_rate, its share of learning_rate", s.Type)
		}
	case "warmup_stable_decay":
		if _, given := kwargs["num_stable_steps"]; !given {
			s.StableSteps = float64(s.TotalSteps-s.WarmupSteps) - s.DecaySteps
		}
		return s.checkPhases()
	}
	return nil
}

// checkPhases checks the phases of warmup_stable_decay against the run.
func (s *Schedule) checkPhases() error {
	if s.DecaySteps == 0 {
		return fmt.Errorf("lr_scheduler_type %q wants lr_scheduler_kwargs.num_decay_steps", s.Type)
	}
	if s.StableSteps < 0 {
		return fmt.Errorf(
			"lr_scheduler_kwargs.num_decay_steps is %v; want at most %d: the run has %d steps, of which %d warm up",
			s.DecaySteps,
			s.TotalSteps-s.WarmupSteps,
			s.TotalSteps,
			s.WarmupSteps,
		)
	}
	if end := float64(s.WarmupSteps) + s.StableSteps + s.DecaySteps; s.MinRate == 0 && end < float64(s.TotalSteps) {
		return fmt.Errorf(
			"lr_scheduler_kwargs.num_stable_steps is %v, so that the rate is 0 from step %v of %d; leave it out, or set min_lr_ratio",
			s.StableSteps,
			end,
			s.TotalSteps,
		)
	}
	return nil
}

// At returns the rate of a step; the first step is 0.
func (s Schedule) At(step int) float64 {
	if s.LearningRate == 0 {
		return 0
	}
	return s.LearningRate * s.multiplier(step)
}

func (s Schedule) multiplier(step int) float64 {
	switch s.Type {
	case "constant":
		return 1
	case "cosine_warmup_with_min_lr":
		return s.earlyCosine(step)
	case "warmup_stable_decay":
		return s.phases(float64(step))
	}
	if step < s.WarmupSteps {
		return float64(step) / float64(max(1, s.WarmupSteps))
	}
	progress := float64(step-s.WarmupSteps) / float64(max(1, s.TotalSteps-s.WarmupSteps))
	switch s.Type {
	case "linear":
		return max(0, 1-progress)
	case "cosine", "cosine_with_min_lr":
		return s.cosine(progress)
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

// cosine goes from 1 to MinRate and, after half a cycle, back.
func (s Schedule) cosine(progress float64) float64 {
	return max(0, s.aboveMin((1+math.Cos(2*math.Pi*s.NumCycles*progress))/2))
}

func (s Schedule) aboveMin(factor float64) float64 { return factor*(1-s.MinRate) + s.MinRate }

// earlyCosine is one step ahead of the other schedules, so that neither the first
// nor the last step is lost to the lowest rate.
func (s Schedule) earlyCosine(step int) float64 {
	warmup := float64(s.WarmupSteps)
	switch {
	case step >= s.WarmupSteps:
		return s.cosine(float64(step-s.WarmupSteps+1) / float64(max(1, s.TotalSteps-s.WarmupSteps)))
	case s.WarmupRate == 0:
		return float64(step+1) / max(1, warmup)
	}
	return s.WarmupRate + (1-s.WarmupRate)*float64(step)/max(1, warmup-1)
}

// phases are the three of warmup_stable_decay.
func (s Schedule) phases(step float64) float64 {
	warmup := float64(s.WarmupSteps)
	since := step - warmup - s.StableSteps
	switch {
	case step < warmup:
		return max(0, s.aboveMin(s.rise(step/warmup)))
	case since < 0:
		return 1
	case since < s.DecaySteps:
		return max(0, s.aboveMin(s.fall(since/s.DecaySteps)))
	}
	return s.MinRate
}

func (s Schedule) rise(progress float64) float64 {
	switch s.WarmupType {
	case "cosine":
		return (1 - math.Cos(math.Pi*progress)) / 2
	case "1-sqrt":
		return 1 - math.Sqrt(1-progress)
	}
	return progress
}

func (s Schedule) fall(progress float64) float64 {
	switch s.DecayType {
	case "cosine":
		return (1 + math.Cos(2*math.Pi*s.NumCycles*progress)) / 2
	case "1-sqrt":
		return 1 - math.Sqrt(progress)
	}
	return 1 - progress
}
