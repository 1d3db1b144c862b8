package conformance_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/plugin"
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

func skipTraining(f fixtures, name string) string {
	if name == schedulesCase || name == unitsCase {
		return ""
	}
	return skipOtherTasks("training")(f, name)
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
	Model     string
	Params    map[string]any
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
	m := load(t, filepath.Join(f.root, "models", c.Model), cpu)
	trainer := c.trainer(t, m, name, fused)
	const early = 2 // steps, after which norms are stored
	for step := range c.Loss {
		var micro [][]data.Group
		for i := range c.Accumulation {
			micro = append(micro, batches[(step*c.Accumulation+i)%c.Batches])
		}
		report, err := trainer.Step(micro)
		require.NoError(t, err)
		tolerance := curveTolerance
		if step >= tenSteps {
			tolerance = lateTolerance
		}
		require.InDelta(t, c.Loss[step], report.Loss, tolerance, "loss of step %d", step)
		require.InDelta(t, c.GradNorm[step], report.GradNorm, tolerance, "gradient norm of step %d", step)
		require.InDelta(t, c.LR[step], report.LearningRate, exactTolerance*c.Optimizer.LR, "rate of step %d", step)
		if step+1 == early {
			requireNorms(t, m, c.EarlyNorm, curveTolerance)
		}
	}
	requireNorms(t, m, c.FinalNorm, lateTolerance)
	for _, p := range m.Params().All() {
		requireFirst(t, c.FinalFirst[p.Name], p.Tensor.Floats(), lateTolerance, p.Name)
	}
	_, loss, err := trainer.Evaluate(batches[:1])
	require.NoError(t, err)
	require.InDelta(t, c.FinalLoss, loss, lateTolerance)
}

// trainer sets up the run that a curve describes. Where micro-batches are
// accumulated, their losses are averaged, as the curves have it.
func (c curve) trainer(t *testing.T, m *model.Folder, name string, fused bool) *train.Trainer {
	t.Helper()
	adam := optim.NewAdamW(m.Params().All(), optim.Options{Beta1: c.Optimizer.Betas[0], Beta2: c.Optimizer.Betas[1],
		Epsilon: c.Optimizer.Eps, WeightDecay: c.Optimizer.WeightDecay, Fused: fused})
	t.Cleanup(adam.Free)
	kind, _, _ := strings.Cut(c.Schedule.Type, " ")
	schedule, err := optim.NewSchedule(kind, c.Optimizer.LR, c.Schedule.Warmup, c.Schedule.Total, nil)
	require.NoError(t, err)
	task := taskOf(name)
	objective := train.NewObjective(trace(t, plugin.Loss, task, lossParams(task, name, c.Params)), tensor.CPU, tensor.Float32)
	return &train.Trainer{Model: m, Objective: objective, Optimizer: adam, Schedule: schedule,
		Options: train.Options{MaxGradNorm: c.MaxGradNorm, MicroMean: c.Accumulation > 1, SharePrefix: true}}
}

// readBatches reads the tensors batch0.KEY, batch1.KEY and so on.
func readBatches(t *testing.T, file *safetensors.File, n int) [][]data.Group {
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
	var batches [][]data.Group
	for i := range n {
		batches = append(batches, groups(inputs[fmt.Sprintf("batch%d", i)]))
	}
	return batches
}

func requireNorms(t *testing.T, m *model.Folder, want map[string]float64, tolerance float64) {
	t.Helper()
	for _, p := range m.Params().All() {
		require.InDelta(t, want[p.Name], norm(p.Tensor.Floats()), tolerance, p.Name)
	}
	require.Len(t, want, len(m.Params().All()))
}
