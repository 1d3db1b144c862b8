package conformance_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// The cases of the folder that are no curves.
const (
	schedulesCase = "schedules"
	unitsCase     = "optimizer_units"
)

// isStart tells the weights that a curve begins with from the curve.
func isStart(name string) bool { return strings.HasSuffix(name, "_init") }

func skipTraining(f fixtures, name string) string {
	if name == schedulesCase || name == unitsCase {
		return ""
	}
	return skipOtherTasks("training")(f, strings.TrimPrefix(name, "lora_"))
}

func checkTraining(t *testing.T, f fixtures, name string) {
	switch name {
	case schedulesCase:
		checkSchedules(t, f)
	case unitsCase:
		checkOptimizer(t, f)
	default:
		for _, kernel := range []string{"fused", "foreach"} {
			t.Run(kernel, func(t *testing.T) { checkCurve(t, f, name, kernel == "fused") })
		}
	}
}

// curve is a short run with all that was measured of it.
type curve struct {
	setting
	Optimizer struct {
		LR          float64
		Betas       [2]float64
		Eps         float64
		WeightDecay float64 `json:"weight_decay"`
	}
	Schedule struct {
		Type   string // "cosine to 0"
		Warmup int    `json:"warmup_steps"`
		Total  int    `json:"total_steps"`
	}
	MaxGradNorm  float64 `json:"max_grad_norm"`
	Accumulation int     `json:"gradient_accumulation"`
	Batches      int

	Loss       []float64
	LR         []float64
	GradNorm   []float64            `json:"grad_norm"`
	FinalLoss  float64              `json:"final_eval_loss_batch0"`
	EarlyNorm  map[string]float64   `json:"param_norm_after_2_steps"`
	FinalNorm  map[string]float64   `json:"param_norm_final"`
	FinalFirst map[string][]float64 `json:"param_first6_final"`
}

func checkCurve(t *testing.T, f fixtures, name string, fused bool) {
	c := read[curve](t, f, "training", name)
	batches := readBatches(t, tensors(t, f, "training", name), c.Batches)
	m := loadHeads(t, filepath.Join(f.root, "models", c.Model), tensor.Float32)
	if strings.HasPrefix(name, "lora_") {
		adapt(t, f, name, m)
	}
	trainer := c.trainer(t, f, m, strings.TrimPrefix(name, "lora_"), fused)
	const early = 2 // steps, after which norms are stored
	require.NotEmpty(t, c.Loss)
	for step := range c.Loss {
		var micro [][]data.Example
		for i := range c.Accumulation {
			micro = append(micro, batches[(step*c.Accumulation+i)%c.Batches])
		}
		report, err := trainer.Step(micro)
		require.NoError(t, err)
		read := report.Read()
		tolerance := curveTolerance
		if step >= tenSteps {
			tolerance = lateTolerance
		}
		require.InDelta(t, c.Loss[step], read.Loss, tolerance, "loss of step %d", step)
		require.InDelta(t, c.GradNorm[step], read.GradNorm, tolerance, "gradient norm of step %d", step)
		require.InDelta(t, c.LR[step], report.LearningRate, exactTolerance*c.Optimizer.LR, "rate of step %d", step)
		if step+1 == early {
			c.requireNorms(t, m, c.EarlyNorm, early, curveTolerance)
		}
	}
	c.requireNorms(t, m, c.FinalNorm, len(c.Loss), lateTolerance)
	for stored, first := range c.FinalFirst {
		requireFirst(t, first, param(t, m, ownName(stored)).Floats(), max(lateTolerance, c.drift(stored, len(c.Loss))), stored)
	}
	final, err := trainer.Evaluate(batches[:1], nil)
	require.NoError(t, err)
	require.InDelta(t, c.FinalLoss, final.Loss(), lateTolerance)
}

// trainer sets up the run that a curve describes. Where micro-batches are
// accumulated, their losses are averaged, as the curves have it.
func (c curve) trainer(t *testing.T, f fixtures, m *model.Model, name string, fused bool) *train.Trainer {
	t.Helper()
	adam := optim.NewAdamW(m.Params().Trained(), optim.Options{Beta1: c.Optimizer.Betas[0], Beta2: c.Optimizer.Betas[1],
		Epsilon: c.Optimizer.Eps, WeightDecay: c.Optimizer.WeightDecay, Fused: fused})
	t.Cleanup(adam.Free)
	kind, _, _ := strings.Cut(c.Schedule.Type, " ")
	schedule, err := optim.NewSchedule(kind, c.Optimizer.LR, c.Schedule.Warmup, c.Schedule.Total, nil)
	require.NoError(t, err)
	task := taskOf(name)
	objective := c.objective(t, f, lossProgram(t, task, strings.TrimPrefix(name, task), c.Params), m)
	return &train.Trainer{Model: m, Objective: objective, Optimizer: adam, Schedule: schedule,
		Options: train.Options{MaxGradNorm: c.MaxGradNorm, MicroMean: c.Accumulation > 1, SharePrefix: true}}
}

// readBatches reads the tensors batch0.KEY, batch1.KEY and so on.
func readBatches(t *testing.T, file *safetensors.File, n int) [][]data.Example {
	t.Helper()
	inputs := map[string]map[string]array{}
	for _, name := range file.Names() {
		batch, key, _ := strings.Cut(name, ".")
		if inputs[batch] == nil {
			inputs[batch] = map[string]array{}
		}
		inputs[batch][key] = fetch(t, file, name)
	}
	require.Len(t, inputs, n)
	var batches [][]data.Example
	for i := range n {
		batches = append(batches, examples(inputs[fmt.Sprintf("batch%d", i)]))
	}
	return batches
}

func (c curve) requireNorms(t *testing.T, m *model.Model, want map[string]float64, steps int, tolerance float64) {
	t.Helper()
	for stored, length := range want {
		values := param(t, m, ownName(stored)).Floats()
		drift := c.drift(stored, steps) * math.Sqrt(float64(len(values)))
		require.InDelta(t, length, norm(values), max(tolerance, drift), stored)
	}
	require.Len(t, want, len(m.Params().Trained()))
}

// rankedBias is the bias of a score head, which adds the same to both rewards of
// a pair.
const rankedBias = "classifier.bias"

// drift is how far an element may be from the golden number because its
// gradient is 0 except for rounding: AdamW makes whole steps of that, on both sides.
func (c curve) drift(name string, steps int) (far float64) {
	if name != rankedBias {
		return 0
	}
	for _, rate := range c.LR[:steps] {
		far += 2 * rate
	}
	return far
}

// param finds a parameter that is trained.
func param(t *testing.T, m *model.Model, name string) tensor.Tensor {
	t.Helper()
	for _, p := range m.Params().Trained() {
		if p.Name == name {
			return p.Tensor
		}
	}
	require.Fail(t, "no parameter "+name+" is trained")
	return tensor.Tensor{}
}
