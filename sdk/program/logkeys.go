package program

import "strings"

// The keys of a log entry that the host fills itself. Those of terms are
// TermKey and the name; evaluations have EvalKey before every key of theirs.
const (
	StepKey            = "step"
	EpochKey           = "epoch"
	LossKey            = "loss"
	GradNormKey        = "grad_norm"
	LearningRateKey    = "learning_rate"
	TokensPerSecondKey = "tokens_per_second"

	TermKey        = "loss_"
	EvalKey        = "eval_"
	CalibrationKey = "calibration_"
)

// ownKeys are the host's keys, and what a line of a terminal shortens them to.
var ownKeys = []string{StepKey, EpochKey, LossKey, GradNormKey, LearningRateKey, TokensPerSecondKey, "lr", "grad"}

// ownBegins begin keys that are all the host's.
var ownBegins = []string{EvalKey, CalibrationKey}

// reserved says what keeps a metric from having a name; "" where nothing does.
func reserved(name string, terms []Term) string {
	for _, key := range ownKeys {
		if strings.EqualFold(name, key) {
			return "that is the host's own key in the log"
		}
	}
	for _, begin := range ownBegins {
		if len(name) >= len(begin) && strings.EqualFold(name[:len(begin)], begin) {
			return "the host's own keys in the log begin with " + begin
		}
	}
	for _, t := range terms {
		if name == TermKey+t.Name {
			return "the log has the term " + t.Name + " under that name"
		}
	}
	return ""
}
