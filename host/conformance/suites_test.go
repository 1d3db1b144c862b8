package conformance_test

import "testing"

// Tolerances of a float32 host.
const (
	logitsTolerance   = 2e-5 // absolute
	lossTolerance     = 1e-5 // relative
	gradientTolerance = 1e-4 // relative to the tensor's own norm
	gradientNoise     = 1e-7 // relative to the norm of all gradients: some are 0 except for rounding, as a key's bias
	curveTolerance    = 1e-4 // absolute, for the first tenSteps
	lateTolerance     = 1e-3 // absolute, after them
	tenSteps          = 10

	// exactTolerance is relative: golden numbers have twelve digits, and this
	// much is left where both sides computed in float64.
	exactTolerance = 1e-9

	// againTolerance is relative, for the same numbers computed a second time.
	againTolerance = 1e-6

	// Relative, for matrix products in bfloat16, which has eight bits of fraction.
	bfloat16Loss     = 1e-2
	bfloat16Gradient = 5e-2
)

// suite is what to do with the cases of one folder. skip returns why a case
// is not covered, "" where it is. part, where there is one, tells that a name is
// no case but belongs to one.
type suite struct {
	part  func(name string) bool
	skip  func(f fixtures, name string) string
	check func(t *testing.T, f fixtures, name string)
}

// suites holds the folders of the golden numbers that are covered.
var suites = map[string]suite{
	"models":       {skip: skipModel, check: checkModel},
	"forward":      {skip: skipForward, check: checkForward},
	"losses":       {skip: skipOtherLosses, check: checkLoss},
	"model_losses": {skip: skipOtherTasks("model_losses"), check: checkModelLoss},
	"training":     {part: isStart, skip: skipTraining, check: checkTraining},
	"tokenizers":   {part: isTexts, skip: skipTokenizer, check: checkTokenizer},
	"formatters":   {skip: never, check: checkFormatters},
	"pooling":      {skip: never, check: checkPooling},
	"lora":         {part: isAdapter, skip: skipAdapter, check: checkAdapter},
	"metrics":      {skip: skipMetrics, check: checkMetrics},
}

func never(fixtures, string) string { return "" }
