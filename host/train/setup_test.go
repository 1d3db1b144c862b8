package train_test

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"llmhost/builtin"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// Limits on how far two ways to the same numbers may differ, relative to the
// norm of each gradient.
const (
	float32Limit = 1e-5
	float64Limit = 1e-10
	// noticed is exceeded by a real mistake, in either type.
	noticed = 1e-3
)

// limitOf is the limit of a type.
func limitOf(d tensor.DType) float64 {
	if d == tensor.Float64 {
		return float64Limit
	}
	return float32Limit
}

// precisions are the types in which equalities are checked.
var precisions = []tensor.DType{tensor.Float32, tensor.Float64}

// vocab is the vocabulary of the models here.
const vocab = 24

// configs are two-layer models, one a family: with tied embeddings and scaled
// positions, with biases, with a window shorter than the sequences.
var configs = map[string]string{
	"llama": `{"model_type": "llama", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "initializer_range": 0.4, "tie_word_embeddings": true,
		"max_position_embeddings": 64, "rope_parameters": {"rope_type": "llama3", "rope_theta": 100, "factor": 4,
		"low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 16}}`,
	"qwen2": `{"model_type": "qwen2", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
		"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.4, "max_position_embeddings": 64}`,
	"mistral": `{"model_type": "mistral", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.4, "sliding_window": 5, "max_position_embeddings": 64}`,
}

// families are the keys of configs.
var families = slices.Sorted(maps.Keys(configs))

// newModel makes a random model until the test ends.
func newModel(t *testing.T, family string, dtype tensor.DType) *model.Model {
	t.Helper()
	m, err := model.Create([]byte(configs[family]), 1, model.Options{Device: tensor.CPU, Param: dtype, Compute: dtype})
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}

// loss traces a builtin loss.
func loss(t *testing.T, name string, params map[string]any) *program.Program {
	t.Helper()
	return component(t, plugin.Loss, name, params)
}

// poolingProgram traces a builtin pooling.
func poolingProgram(t *testing.T, name string) *program.Program {
	t.Helper()
	return component(t, plugin.Pooling, name, nil)
}

// component traces a builtin loss or pooling.
func component(t *testing.T, kind plugin.Kind, name string, params map[string]any) *program.Program {
	t.Helper()
	catalog, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	c, err := catalog.Component(context.Background(), kind, name)
	require.NoError(t, err)
	given := map[string]plugin.Given{}
	for name, v := range params {
		given[name] = plugin.Given{Value: v}
	}
	values, err := c.Settle(given)
	require.NoError(t, err)
	traced, err := c.Trace(context.Background(), values)
	require.NoError(t, err)
	return traced.Program
}

// draw makes n random ids.
func draw(rng *rand.Rand, n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = rng.Int64N(vocab)
	}
	return ids
}

// sequence joins a prompt and an answer; the answer is learned.
func sequence(prompt, answer []int64) data.Sequence {
	ids := slices.Concat(prompt, answer)
	labels := slices.Clone(ids)
	for i := range prompt {
		labels[i] = data.Ignore
	}
	return data.Sequence{IDs: ids, Labels: labels}
}

// ranked makes an example of a prompt of some tokens, whose candidates have
// answers of the given lengths and random scores.
func ranked(rng *rand.Rand, line, prompt int, answers ...int) data.Example {
	e := data.Example{Columns: map[string][]float64{}, ExampleColumns: map[string]float64{"weight": 0.5 + rng.Float64()},
		Source: data.Position{File: "data.jsonl", Line: line}}
	shared := draw(rng, prompt)
	for _, n := range answers {
		e.Sequences = append(e.Sequences, sequence(shared, draw(rng, n)))
		e.Columns["score"] = append(e.Columns["score"], rng.Float64())
	}
	return e
}

// uneven is eight examples of uneven length: of one candidate each, or of up to four.
func uneven(seed uint64, candidates bool) []data.Example {
	rng := rand.New(rand.NewPCG(seed, 0))
	var examples []data.Example
	for i := range 8 {
		answers := []int{2 + 3*(i%4)}
		if candidates {
			answers = []int{1 + i%3, 6, 4, 2 + i%5}[:2+i%3]
		}
		examples = append(examples, ranked(rng, i+1, 2+i%5, answers...))
	}
	return examples
}

// pass is a loss with the gradients of all parameters.
type pass struct {
	loss      float64
	gradients map[string][]float64
}

// gradientsOf reads the gradients that the parameters hold.
func gradientsOf(m *model.Model) map[string][]float64 {
	gradients := map[string][]float64{}
	tensor.Scoped(func() {
		for _, p := range m.Params().All() {
			if g := p.Tensor.Grad(); g.Defined() {
				gradients[p.Name] = g.Floats()
			}
		}
	})
	return gradients
}

// run makes one pass over a batch.
func run(m *model.Model, p *program.Program, b data.Batch) pass {
	all := m.Params().All()
	var leaves []tensor.Tensor
	for _, p := range all {
		leaves = append(leaves, p.Tensor)
	}
	tensor.NewList(leaves).ZeroGrad()
	var out pass
	tensor.Scoped(func() {
		terms := objective.New(p, tensor.CPU, all[0].Tensor.DType()).Run(m, &b, nil, nil).Terms
		total := tensor.Zeros(tensor.CPU, terms[0].Sum.DType())
		for i, term := range terms {
			_, count := term.Read()
			total = total.Add(term.Sum.MulScalar(p.Terms[i].Coefficient / count))
		}
		total.Backward()
		out.loss = total.Item()
	})
	out.gradients = gradientsOf(m)
	return out
}

// distance is how far two passes differ: in the loss, or in the gradient that
// differs most, relative to its norm.
func distance(want, got pass) float64 {
	far := math.Abs(want.loss-got.loss) / math.Abs(want.loss)
	for name, w := range want.gradients {
		gap := 0.0
		for i, v := range got.gradients[name] {
			gap += (v - w[i]) * (v - w[i])
		}
		far = max(far, math.Sqrt(gap)/norm(w))
	}
	if len(want.gradients) != len(got.gradients) {
		return math.Inf(1)
	}
	return far
}

func norm(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v * v
	}
	return math.Sqrt(total)
}

// newTrainer makes a trainer with a constant rate; 0 only measures.
func newTrainer(t *testing.T, m *model.Model, p *program.Program, rate float64, o train.Options) *train.Trainer {
	t.Helper()
	adam := optim.NewAdamW(m.Params().All(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8})
	t.Cleanup(adam.Free)
	schedule, err := optim.NewSchedule("constant", rate, 0, 1, nil)
	require.NoError(t, err)
	loss := objective.New(p, tensor.CPU, m.Params().All()[0].Tensor.DType())
	t.Cleanup(loss.Free)
	trainer := &train.Trainer{Model: m, Objective: loss, Optimizer: adam, Schedule: schedule, Options: o}
	t.Cleanup(trainer.Free)
	return trainer
}
