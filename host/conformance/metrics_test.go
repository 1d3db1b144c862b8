package conformance_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/metrics"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// covered are the cases of the folder metrics that a training run measures.
var covered = map[string]func(t *testing.T, f fixtures, name string){
	"ece": checkECE, "reward_metrics": checkRewardMetrics, "classification": checkClassification, "ppl": checkPerplexity,
}

// measureOf finds what checks a case: its name begins with the name there.
func measureOf(name string) func(t *testing.T, f fixtures, name string) {
	for beginning, check := range covered {
		if name == beginning || strings.HasPrefix(name, beginning+"_") {
			return check
		}
	}
	return nil
}

func skipMetrics(_ fixtures, name string) string {
	if measureOf(name) == nil {
		return "not covered yet: llmhost has no command that measures it"
	}
	return ""
}

func checkMetrics(t *testing.T, f fixtures, name string) { measureOf(name)(t, f, name) }

func checkECE(t *testing.T, f fixtures, name string) {
	all := read[struct {
		Cases []struct {
			Name    string
			Truth   []float64 `json:"y_true"`
			Prob    []float64 `json:"y_prob"`
			Results []struct {
				Strategy      string
				Bins          int
				ECE, ACE, MCE float64
			}
		}
	}](t, f, "metrics", name)
	require.NotEmpty(t, all.Cases)
	for _, c := range all.Cases {
		require.NotEmpty(t, c.Results, c.Name)
		for _, r := range c.Results {
			t.Run(fmt.Sprintf("%s/%s_%d", c.Name, r.Strategy, r.Bins), func(t *testing.T) {
				got := metrics.NewCalibration(r.Strategy, r.Bins)
				for i, p := range c.Prob {
					got.Add(p, c.Truth[i] != 0)
				}
				e := got.Errors()[0]
				require.InDeltaSlice(t, []float64{r.ECE, r.ACE, r.MCE}, []float64{e.ECE, e.ACE, e.MCE}, exactTolerance)
			})
		}
	}
}

func checkRewardMetrics(t *testing.T, f fixtures, name string) {
	c := read[struct {
		Rewards, Scores [][]float64
		Bins            []int               `json:"calibration_bins"`
		Results         map[string]*float64 // null where there is no pair
	}](t, f, "metrics", name)
	calibration := metrics.NewCalibration(metrics.Uniform, c.Bins...)
	var rewards, scores, weights []float64
	var real []bool
	for i := range c.Rewards {
		k := 0
		for k < len(c.Scores[i]) && c.Scores[i][k] != padScore {
			k++
		}
		calibration.AddPreferences(c.Rewards[i][:k], c.Scores[i][:k])
		rewards, scores, weights = append(rewards, c.Rewards[i]...), append(scores, c.Scores[i]...), append(weights, 1)
		for j := range c.Scores[i] {
			real = append(real, j < k)
		}
	}
	rows, candidates := int64(len(c.Rewards)), int64(len(c.Rewards[0]))
	got := metricsOf(t, trace(t, plugin.Loss, "reward", nil), map[string]int64{"B": rows, "K": candidates, "T": 1}, map[string]tensor.Tensor{
		"rewards":               tensor.Of(tensor.CPU, rewards, rows, candidates),
		"column.score":          tensor.Of(tensor.CPU, scores, rows, candidates),
		"candidate_mask":        tensor.Of(tensor.CPU, real, rows, candidates),
		"example_column.weight": tensor.Of(tensor.CPU, weights),
		"example_column.margin": tensor.Of(tensor.CPU, make([]float64, len(weights))),
	})
	for _, e := range calibration.Errors() {
		got[fmt.Sprintf("calibration_ECE_bin%d", e.Bins)] = e.ECE
	}
	got["Preference total Acc"], got["First-two Acc"] = got["accuracy"], got["first_two_accuracy"]
	for name, want := range c.Results {
		if want != nil {
			requireClose(t, *want, got[name], lossTolerance, name)
		}
	}
}

func checkClassification(t *testing.T, f fixtures, name string) {
	c := read[struct {
		Logits  array
		Labels  []int64
		Results map[string]float64
	}](t, f, "metrics", name)
	got := metricsOf(t, trace(t, plugin.Loss, "classification", nil), map[string]int64{"B": c.Logits.shape[0], "C_" + onlyHead: c.Logits.shape[1]}, map[string]tensor.Tensor{
		"logits." + onlyHead: tensor.Of(tensor.CPU, c.Logits.values, c.Logits.shape...),
		"label." + onlyHead:  tensor.Of(tensor.CPU, c.Labels),
	})
	requireClose(t, c.Results["acc"], got["accuracy"], exactTolerance, "accuracy")
}

// metricsOf runs a loss program in float64 and returns its metrics.
func metricsOf(t *testing.T, p *program.Program, sizes map[string]int64, inputs map[string]tensor.Tensor) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	tensor.Scoped(func() {
		out := exec.Compile(p, exec.Target{Device: tensor.CPU, Real: tensor.Float64}).Loss(exec.Given{Inputs: inputs, Sizes: sizes}, nil)
		for i, m := range p.Metrics {
			sum, count := out.Metrics[i].Read()
			got[m.Name] = sum / count
		}
	})
	return got
}

// perplexities is records whose answers a model reads, each by itself and all
// together.
type perplexities struct {
	Rows []struct {
		Prompt, Answer string
		IDs            []int64 `json:"input_ids"`
		Labels         int     `json:"label_tokens"` // by the rule of llm_codebase, the last of a sequence
		Loss           float64
		PPL            float64
		CommonPrefix   float64 `json:"loss_common_prefix"` // the loss where answers begin as they do here
	}
	Mean       float64 `json:"mean_ppl"`
	ExpMean    float64 `json:"exp_mean_loss"`
	OverTokens float64 `json:"corpus_ppl"`
}

// checkPerplexity measures as an evaluation of the task sft does.
func checkPerplexity(t *testing.T, f fixtures, name string) {
	all := read[struct {
		Tokenizer string
		Runs      map[string]perplexities // by MODEL/max_length_N
	}](t, f, "metrics", name)
	tok, err := tokenizer.Load(filepath.Join(f.root, all.Tokenizer))
	require.NoError(t, err)
	defer tok.Close()
	require.NotEmpty(t, all.Runs)
	for of, run := range all.Runs {
		t.Run(of, func(t *testing.T) {
			model, length, _ := strings.Cut(of, "/max_length_")
			maxLength, err := strconv.Atoi(length)
			require.NoError(t, err)
			run.check(t, load(t, filepath.Join(f.root, "models", model), cpu), tok, maxLength)
		})
	}
}

func (p perplexities) check(t *testing.T, m *model.Model, tok *tokenizer.Tokenizer, maxLength int) {
	rows, err := json.Marshal(p.Rows)
	require.NoError(t, err)
	names := map[string]any{"keep_empty_answers": true, "sft_data_prompt_name": "Prompt", "sft_data_answer_name": "Answer"}
	read, err := data.Tokenize(format(t, rows, component(t, plugin.Formatter, "promptanswer"), names), tok,
		data.Tokenizing{MaxLength: maxLength, OnlyPredictAnswer: true, Before: []int32{tok.Special().BOS}})
	require.NoError(t, err)
	trainer := train.Trainer{Model: m, Objective: objective.New(trace(t, plugin.Loss, "sft", nil), tensor.CPU, tensor.Float32)}
	evaluate := func(examples ...data.Example) (loss, perplexity float64) {
		e, err := trainer.Evaluate([][]data.Example{examples}, nil)
		require.NoError(t, err)
		e.Values(func(_ string, value float64) { perplexity = value })
		return e.Loss(), perplexity
	}
	require.NotEmpty(t, p.Rows)
	sum, sumOfLosses := 0.0, 0.0
	var asReference []data.Example
	for i, want := range p.Rows {
		e := read[i]
		require.Equal(t, want.IDs, e.Sequences[0].IDs)
		loss, _ := evaluate(e)
		requireClose(t, want.CommonPrefix, loss, lossTolerance, want.Answer)
		e.Sequences = []data.Sequence{lastLabels(want.IDs, want.Labels)}
		loss, perplexity := evaluate(e)
		requireClose(t, want.Loss, loss, lossTolerance, want.Answer)
		requireClose(t, want.PPL, perplexity, gradientTolerance, want.Answer)
		asReference, sum, sumOfLosses = append(asReference, e), sum+perplexity, sumOfLosses+loss
	}
	n := float64(len(p.Rows))
	requireClose(t, p.Mean, sum/n, gradientTolerance, "mean perplexity")
	requireClose(t, p.ExpMean, math.Exp(sumOfLosses/n), gradientTolerance, "perplexity of the mean loss")
	_, overTokens := evaluate(asReference...)
	requireClose(t, p.OverTokens, overTokens, gradientTolerance, "perplexity over tokens")
}

// lastLabels is a sequence whose last ids are labels.
func lastLabels(ids []int64, labels int) data.Sequence {
	row := data.Sequence{IDs: ids, Labels: slices.Repeat([]int64{data.Ignore}, len(ids))}
	copy(row.Labels[len(ids)-labels:], ids[len(ids)-labels:])
	return row
}
