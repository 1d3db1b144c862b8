package config

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	devicePattern = regexp.MustCompile(`^(auto|cpu|cuda:(0|[1-9][0-9]{0,3}))$`)
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// check applies the rules that concern several settings at once, and those
// that no tag can express.
func (l *loader) check(s *Settings) {
	l.exclusive("data_paths", len(s.DataPaths) > 0, "data_dir", s.DataDir != "")
	l.exclusive("eval_data_paths", len(s.EvalDataPaths) > 0, "eval_data_dir", s.EvalDataDir != "")
	l.checkDatasets(s)
	l.checkSplit(s)
	l.exclusive("overwrite_output_dir", s.OverwriteOutput, "resume_from_checkpoint", s.Resume != "")
	if !devicePattern.MatchString(s.Device) {
		l.refuse("device", "is %q; want auto, cpu or cuda:N, as in cuda:0", s.Device)
	}
	if s.TaskSHA256 != "" && !sha256Pattern.MatchString(s.TaskSHA256) {
		l.refuse("task_sha256", "is %q; want 64 hex digits in lower case", s.TaskSHA256)
	}
	if s.LoadIn4Bit && !s.WantsAdapter() {
		l.refuse("load_in_4bit", "is true, and weights in 4 bits cannot be trained; set lora_r to train an adapter on them, or remove it")
	}
	if s.MaxSteps == 0 {
		l.refuse("max_steps", "is 0; want at least 1, or -1 for num_train_epochs")
	}
	if s.EvalStrategy != "no" && len(s.EvalDataPaths) == 0 && s.EvalDataDir == "" && s.EvalSplit == 0 {
		l.refuse(
			"eval_strategy",
			"is %q, but there are no evaluation files; set eval_data_paths or eval_data_dir, or eval_split",
			s.EvalStrategy,
		)
	}
	if len(s.ReportTo) > 1 && slices.Contains(s.ReportTo, "none") {
		l.refuse("report_to", "lists none beside others; want none alone")
	}
	if s.MaxTokens > 0 {
		if at := l.holding("per_device_train_batch_size", "").at; at.text != "" {
			l.note(at, "per_device_train_batch_size has no effect beside max_tokens_per_batch, which fills micro-batches by their tokens")
		}
	}
	l.checkSchedule(s)
	l.checkStreaming(s)
	l.checkBest(s)
	l.checkChats(s)
}

// checkSplit wants a share or a number of records, and no evaluation files beside it.
func (l *loader) checkSplit(s *Settings) {
	if s.EvalSplit > 1 && s.EvalSplit != math.Trunc(s.EvalSplit) {
		l.refuse("eval_split", "is %s; want a share of the records below 1, or a whole number of them", formatFloat(s.EvalSplit))
	}
	held := s.EvalSplit > 0
	l.exclusive("eval_split", held, "eval_data_paths", len(s.EvalDataPaths) > 0)
	l.exclusive("eval_split", held, "eval_data_dir", s.EvalDataDir != "")
	l.exclusive("eval_split", held, "max_eval_samples", s.MaxEvalSamples > 0)
	if at := l.holding("eval_dataset_merge_mode", "").at; held && at.text != "" {
		l.note(at, "eval_dataset_merge_mode has no effect beside eval_split, which makes one set")
	}
}

// checkBest wants evaluations where one is to be the best, and checkpoints where
// the best is kept.
func (l *loader) checkBest(s *Settings) {
	if s.EvalStrategy == "no" {
		for _, wish := range []struct {
			name string
			set  bool
			is   string
		}{
			{"load_best_model_at_end", s.LoadBest, "true"},
			{"early_stopping_patience", s.Patience > 0, strconv.Itoa(s.Patience)},
			{"save_strategy", s.SaveStrategy == "best", `"best"`},
		} {
			if wish.set {
				l.refuse(wish.name, `is %s, but there are no evaluations during training; set eval_strategy to "steps" or "epoch"`, wish.is)
			}
		}
	}
	if s.LoadBest && s.SaveStrategy == "no" {
		l.refuse("load_best_model_at_end", `is true, but save_strategy is "no", so no checkpoint would hold the best model; write "best", "steps" or "epoch"`)
	}
	standard := Default()
	for _, choice := range []struct {
		name string
		set  bool
	}{
		{"metric_for_best_model", s.BestMetric != standard.BestMetric},
		{"greater_is_better", s.GreaterIsBetter != standard.GreaterIsBetter},
	} {
		name := choice.name
		if at := l.holding(name, "").at; choice.set && !s.WantsBest() {
			l.note(at, "%s has no effect without load_best_model_at_end, early_stopping_patience or save_strategy \"best\"", name)
		}
	}
	if s.PatienceThreshold > 0 && s.Patience == 0 {
		l.refuse("early_stopping_threshold", "is %s, but early_stopping_patience is not set", formatFloat(s.PatienceThreshold))
	}
}

// refuse adds a problem at the place of the setting.
func (l *loader) refuse(name, format string, args ...any) {
	v := l.holding(name, "")
	l.problems.add(v.at, v.spelling+" "+format, args...)
}

// exclusive refuses the later of two settings that are both given.
func (l *loader) exclusive(a string, setA bool, b string, setB bool) {
	if !setA || !setB {
		return
	}
	first := l.holding(a, "")
	second := l.holding(b, "")
	if second.at.before(first.at) < 0 {
		a, b, first, second = b, a, second, first
	}
	l.problems.add(second.at, "%s is set, and so is %s (%s); keep one", b, a, first.at.text)
}

// scheduleKeys lists what each schedule reads of lr_scheduler_kwargs.
var scheduleKeys = map[string][]string{
	"cosine":               {"num_cycles"},
	"cosine_with_restarts": {"num_cycles"},
	"polynomial":           {"power", "lr_end"},
	"inverse_sqrt":         {"timescale"},

	"cosine_with_min_lr":        {"num_cycles", "min_lr", "min_lr_rate"},
	"cosine_warmup_with_min_lr": {"num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"},
	"warmup_stable_decay":       {"num_decay_steps", "num_stable_steps", "num_cycles", "min_lr_ratio", "warmup_type", "decay_type"},
}

func (l *loader) checkSchedule(s *Settings) {
	for _, name := range slices.Sorted(maps.Keys(s.SchedulerKwargs)) {
		used := scheduleKeys[s.SchedulerType]
		if slices.Contains(used, name) {
			continue
		}
		wants := "nothing"
		if len(used) > 0 {
			wants = strings.Join(used, ", ")
		}
		v := l.holding("lr_scheduler_kwargs", name)
		l.problems.add(
			v.at,
			"lr_scheduler_kwargs.%s does nothing under lr_scheduler_type %q, which reads %s; remove it",
			name,
			s.SchedulerType,
			wants,
		)
	}
	l.checkKwarg(s, "lr_end", "polynomial", "below learning_rate", func(x float64) bool { return x < s.LearningRate })
	l.checkKwarg(s, "timescale", "inverse_sqrt", "above 0", func(x float64) bool { return x > 0 })
	whole := func(x float64) bool { return x >= 1 && x == math.Trunc(x) }
	l.checkKwarg(s, "num_cycles", "cosine_with_restarts", "a whole number of at least 1", whole)
	l.checkKwarg(s, "num_decay_steps", "warmup_stable_decay", "a whole number of at least 1", whole)
	l.checkKwarg(s, "num_stable_steps", "warmup_stable_decay", "a whole number", func(x float64) bool { return x == math.Trunc(x) })
	l.checkKwarg(s, "min_lr_ratio", "warmup_stable_decay", "at most 1", func(x float64) bool { return x <= 1 })
	for _, kind := range []string{"cosine_with_min_lr", "cosine_warmup_with_min_lr"} {
		l.checkMinLR(s, kind)
	}
	if _, ok := s.SchedulerKwargs["num_decay_steps"]; s.SchedulerType == "warmup_stable_decay" && !ok {
		l.refuse("lr_scheduler_type", `is "warmup_stable_decay", which wants lr_scheduler_kwargs.num_decay_steps`)
	}
	if s.WarmupSteps > 0 && s.WarmupRatio > 0 {
		l.notices = append(l.notices, "warmup_steps is set and overrides warmup_ratio")
	}
	if s.SchedulerType == "constant" && (s.WarmupSteps > 0 || s.WarmupRatio > 0) {
		l.notices = append(l.notices, `lr_scheduler_type "constant" has no warm-up; to get one write "constant_with_warmup"`)
	}
}

// checkMinLR wants the lowest rate of a schedule, in one of its two forms.
func (l *loader) checkMinLR(s *Settings, kind string) {
	l.checkKwarg(s, "min_lr", kind, "at most learning_rate", func(x float64) bool { return x <= s.LearningRate })
	l.checkKwarg(s, "min_lr_rate", kind, "at most 1", func(x float64) bool { return x <= 1 })
	_, rate := s.SchedulerKwargs["min_lr"]
	_, share := s.SchedulerKwargs["min_lr_rate"]
	if s.SchedulerType == kind && rate == share {
		l.refuse("lr_scheduler_type", "is %q, which wants one of lr_scheduler_kwargs.min_lr and min_lr_rate, its share of learning_rate", kind)
	}
}

// checkKwarg refuses an entry of lr_scheduler_kwargs that schedule cannot use.
func (l *loader) checkKwarg(s *Settings, name, schedule, want string, good func(float64) bool) {
	x, ok := s.SchedulerKwargs[name].(float64)
	if ok && s.SchedulerType == schedule && !good(x) {
		at := l.holding("lr_scheduler_kwargs", name).at
		l.problems.add(at, "lr_scheduler_kwargs.%s is %s; want %s for %s", name, formatFloat(x), want, schedule)
	}
}
