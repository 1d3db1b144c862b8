package train_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"llmhost/builtin"
	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// quickstart is the model of examples/quickstart: 0.4 million weights.
const quickstart = `{"model_type": "llama", "vocab_size": 260, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 2,
	"num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32, "initializer_range": 0.02, "tie_word_embeddings": true,
	"max_position_embeddings": 512, "rope_parameters": {"rope_type": "default", "rope_theta": 10000}}`

// quickstartBatches are the batch sizes of its two runs, with the average
// lengths of its data in bytes.
var quickstartBatches = map[string]struct {
	records, prompt int
	answers         []int
}{
	"sft":  {records: 8, prompt: 37, answers: []int{20}},
	"rrhf": {records: 8, prompt: 37, answers: []int{36, 6, 38, 24}},
}

// BenchmarkStep measures whole steps on all processors, and what share of them
// is the loss program with its gradient: the cost of losses being
// programs, in steps so small that it shows.
func BenchmarkStep(b *testing.B) {
	for _, task := range []string{"sft", "rrhf"} {
		b.Run(task, func(b *testing.B) {
			trainer, examples := quickstartTrainer(b, task), quickstartExamples(task)
			var spoken int
			step := func() {
				report, err := trainer.Step([][]data.Example{examples})
				require.NoError(b, err)
				spoken += report.Tokens
			}
			step() // the first one makes tables and buffers
			spoken = 0
			for b.Loop() {
				step()
			}
			perStep := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(spoken)/b.Elapsed().Seconds(), "tokens/s")
			b.ReportMetric(100*lossSeconds(trainer.Objective.Program(), examples)/perStep, "%loss-program")
		})
	}
}

func quickstartExamples(task string) []data.Example {
	rng := rand.New(rand.NewPCG(1, 1))
	like := quickstartBatches[task]
	var examples []data.Example
	for i := range like.records {
		examples = append(examples, ranked(rng, i+1, like.prompt, like.answers...))
	}
	return examples
}

func quickstartTrainer(b *testing.B, task string) *train.Trainer {
	b.Helper()
	tensor.SetThreads(0)
	m, err := model.Create([]byte(quickstart), 1, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
	require.NoError(b, err)
	b.Cleanup(m.Free)
	adam := optim.NewAdamW(m.Params().All(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Fused: true})
	b.Cleanup(adam.Free)
	schedule, err := optim.NewSchedule("constant", 1e-3, 0, 1, nil)
	require.NoError(b, err)
	return &train.Trainer{Model: m, Optimizer: adam, Schedule: schedule, Options: train.Options{MaxGradNorm: 1, SharePrefix: true},
		Objective: objective.New(builtinLoss(b, task), tensor.CPU, tensor.Float32)}
}

func builtinLoss(b *testing.B, task string) *program.Program {
	b.Helper()
	ctx := context.Background()
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(b, err)
	found, err := catalog.Task(ctx, task)
	require.NoError(b, err)
	params, err := found.Params(nil)
	require.NoError(b, err)
	traced, err := found.Loss.Trace(ctx, params)
	require.NoError(b, err)
	return traced.Program
}

// lossSeconds times a step's work on the log-probabilities: denominators
// from data alone, then terms, metrics and the gradient.
func lossSeconds(p *program.Program, examples []data.Example) float64 {
	const rounds = 100
	batch := data.Pack(examples, true)
	compiled := exec.Compile(p, exec.Target{Device: tensor.CPU, Real: tensor.Float32})
	var began time.Time
	tensor.Scoped(func() {
		arguments := lossArguments(p, &batch)
		for round := range 1 + rounds {
			if round == 1 {
				began = time.Now()
			}
			tensor.Scoped(func() { runLoss(compiled, arguments) })
		}
	})
	return time.Since(began).Seconds() / rounds
}

func runLoss(p *exec.Compiled, arguments exec.Given) {
	tensor.NoGrad(func() { p.Counts(arguments) })
	out := p.Loss(arguments, nil)
	for _, m := range out.Metrics {
		m.Read()
	}
	total := out.Terms[0].Sum
	for _, term := range out.Terms[1:] {
		total = total.Add(term.Sum)
	}
	total.Backward()
}

// lossArguments are the inputs of p for a batch, with log-probabilities of 0.
func lossArguments(p *program.Program, b *data.Batch) exec.Given {
	rows, candidates, labels := int64(b.B), int64(b.K), int64(b.T)
	inputs := map[string]tensor.Tensor{}
	for _, need := range p.InputNames() {
		switch name, isColumn := strings.CutPrefix(need, "column."); {
		case isColumn:
			inputs[need] = tensor.Of(tensor.CPU, b.Columns[name], rows, candidates)
		case need == "policy.logps":
			inputs[need] = tensor.Zeros(tensor.CPU, tensor.Float32, rows, candidates, labels).RequireGrad()
		case need == "label_mask":
			inputs[need] = tensor.Of(tensor.CPU, b.LabelMask, rows, candidates, labels)
		case need == "candidate_mask":
			inputs[need] = tensor.Of(tensor.CPU, b.Real, rows, candidates)
		}
	}
	return exec.Given{Inputs: inputs, Sizes: map[string]int64{"B": rows, "K": candidates, "T": labels}}
}
