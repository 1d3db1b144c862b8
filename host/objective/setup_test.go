package objective_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"llmhost/builtin"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// vocab is the vocabulary of the models here.
const vocab = 24

// configs are two-layer models, one a family.
var configs = map[string]string{
	"llama": `{"model_type": "llama", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
		"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "initializer_range": 0.4, "tie_word_embeddings": true,
		"max_position_embeddings": 64, "rope_parameters": {"rope_type": "default", "rope_theta": 100}}`,
	"qwen2": `{"model_type": "qwen2", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
		"num_attention_heads": 2, "num_key_value_heads": 1, "initializer_range": 0.4, "max_position_embeddings": 64}`,
}

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

func headed(t *testing.T, dtype tensor.DType, heads model.Heads) *model.Model {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, newModel(t, "llama", dtype).Save(folder))
	tensor.ManualSeed(8)
	m, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: dtype, Compute: dtype, Heads: heads})
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}
