package host_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/host/metrics"

	"github.com/stretchr/testify/require"
)

var things = []string{"cat", "dog", "sea", "sun", "map", "cup", "hat", "pen", "box", "car", "bus", "tea", "egg", "owl", "fox", "ant"}

// record makes record i of a task; held tells that it is for the evaluation.
type record func(i int, thing string) map[string]any

func question(thing string) string { return "is the " + thing + " " }

func promptAnswer(more func(i int) (name string, value any)) record {
	return func(i int, thing string) map[string]any {
		r := map[string]any{"prompt": question(thing), "answer": []string{"good", "bad"}[i%2]}
		if more != nil {
			name, value := more(i)
			r[name] = value
		}
		return r
	}
}

func ranked(i int, thing string) map[string]any {
	texts, scores := []string{question(thing) + "<sep>good", question(thing) + "<sep>bad", question(thing) + "<sep>odd"}, []float64{1, 0, -0.5}
	if i%2 == 1 {
		texts[0], texts[1], scores[0], scores[1] = texts[1], texts[0], scores[1], scores[0]
	}
	return map[string]any{"texts": texts, "scores": scores}
}

func scored(i int, thing string) map[string]any {
	r := ranked(i, thing)
	for k, text := range r["texts"].([]string) {
		r["texts"].([]string)[k] = strings.Replace(text, "<sep>", "", 1)
	}
	return r
}

func pair(_ int, thing string) map[string]any {
	return map[string]any{"prompt": question(thing), "chosen": "good", "rejected": "bad"}
}

func tone(i int, thing string) map[string]any {
	return map[string]any{"text": []string{"we like the ", "they hate the "}[i%2] + thing, "label": []string{"up", "down"}[i%2]}
}

func tones(i int, thing string) map[string]any {
	r := tone(i, thing)
	labels := map[string]any{"tone": r["label"]}
	if i%3 > 0 { // a record may lack an objective
		labels["who"] = []int{1, 2}[i%2]
	}
	return map[string]any{"text": r["text"], "labels": labels}
}

// lessons are the tasks, each with records that teach it and the metric that
// must improve on held-out records.
var lessons = []struct {
	name, task string
	record     record
	params     map[string]any
	metric     string
	better     func(before, after float64) bool
}{
	{"sft", "sft", promptAnswer(nil), nil, "eval_perplexity", falls},
	{"sft with a reference", "sft", promptAnswer(nil), map[string]any{"kl_coef": 0.01, "adaptive_kl_ctrl": true}, "eval_perplexity", falls},
	{"classification", "classification", tone, nil, "eval_accuracy", above(0.9)},
	{"multi_objective_classification", "multi_objective_classification", tones, map[string]any{"cls_objectives": "tone=1,who=0.5"}, "eval_accuracy/who", above(0.9)},
	{"reward", "reward", scored, nil, "eval_margin", above(1)},
	{"reward with tokens", "reward", scored, map[string]any{"lm_loss_coeff": 0.1}, "eval_margin", above(1)},
	{"rrhf", "rrhf", ranked, nil, "eval_rank_accuracy", above(0.9)},
	{"rejection_sampling", "rejection_sampling", ranked, nil, "eval_perplexity", falls},
	{"weighted_learning", "weighted_learning", promptAnswer(func(i int) (string, any) { return "score", []float64{1, -0.5}[i%2] }), nil, "eval_perplexity/positive", falls},
	{"dpo", "dpo", pair, nil, "eval_rewards/accuracies", above(0.9)},
	{"dpo of lists", "dpo", ranked, map[string]any{"dpo_loss_type": "sigmoid,apo_zero", "dpo_loss_weights": "1,0.5"}, "eval_rewards/accuracies", above(0.9)},
	{"kto", "kto", promptAnswer(func(i int) (string, any) { return "label", i%2 == 0 }), nil, "eval_rewards/chosen", above(0.1)},
	{"orpo", "orpo", pair, nil, "eval_rewards/margins", above(0.1)},
	{"simpo", "simpo", pair, nil, "eval_rewards/margins", above(1)},
	{"cpo", "cpo", pair, nil, "eval_rewards/accuracies", above(0.9)},
	{"offline_ppo", "offline_ppo", promptAnswer(func(i int) (string, any) { return "reward", []float64{1, -1}[i%2] }), nil, "eval_loss", falls},
}

func falls(before, after float64) bool { return after < 0.8*before }

func above(least float64) func(before, after float64) bool {
	return func(before, after float64) bool { return after >= least && after > before }
}

// allTasks names the builtin tasks.
func allTasks(t *testing.T) (names []string) {
	t.Helper()
	for _, p := range builtin.All() {
		for _, task := range p.Tasks {
			names = append(names, task.Name)
		}
	}
	require.NotEmpty(t, names, "no plugin has a task")
	return names
}

// lesson is a run over generated records, or over those that the caller names.
func lesson(t *testing.T, task string, make record, params map[string]any) config.Settings {
	t.Helper()
	folder, err := small()
	require.NoError(t, err)
	s := config.Default()
	s.Task, s.Model, s.OutputDir = task, folder, filepath.Join(t.TempDir(), "run")
	var files [2]strings.Builder
	for i := 0; make != nil && i < 4*len(things); i++ {
		text, err := json.Marshal(make(i/len(things), things[i%len(things)]))
		require.NoError(t, err)
		fmt.Fprintln(&files[min(i%len(things)/12, 1)], string(text)) // the last four things are held out
	}
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "train.jsonl"), files[0].String())}
	s.EvalDataPaths = []string{written(t, filepath.Join(t.TempDir(), "eval.jsonl"), files[1].String())}
	s.MaxLength, s.Device, s.Threads, s.NumTrainEpochs, s.TrainBatchSize, s.AccumulationSteps = 64, "cpu", 2, 8, 4, 2
	s.LearningRate, s.SchedulerType, s.SaveStrategy, s.LoggingStrategy = 1e-2, "constant", "no", "no"
	s.Params = map[string]config.Param{}
	for name, value := range params {
		s.Params[name] = config.Param{Value: value, Where: "test"}
	}
	return s
}

// measured returns a metric of the first and the last evaluation.
func measured(t *testing.T, outputDir, name string) (before, after float64) {
	t.Helper()
	all, err := metrics.ReadJSONL(filepath.Join(outputDir, "metrics.jsonl"))
	require.NoError(t, err)
	first := true
	for _, e := range all {
		for _, v := range e.Values {
			if v.Name == name {
				if first {
					before, first = v.Value, false
				}
				after = v.Value
			}
		}
	}
	require.False(t, first, "no evaluation has %s", name)
	return before, after
}

// Every task learns what its records teach.
func TestEveryTaskLearns(t *testing.T) {
	for _, l := range lessons {
		t.Run(l.name, func(t *testing.T) {
			s := lesson(t, l.task, l.record, l.params)
			lines := mustTrain(t, s)
			before, after := measured(t, s.OutputDir, l.metric)
			require.True(t, l.better(before, after), "%s: %v before, %v after\n%s", l.metric, before, after, lines)
		})
	}
}

// A student approaches its teacher.
func TestDistillation(t *testing.T) {
	teacher := lesson(t, "sft", promptAnswer(nil), nil)
	mustTrain(t, teacher)
	s := lesson(t, "distill", promptAnswer(nil), nil)
	s.RefModel = teacher.OutputDir
	mustTrain(t, s)
	before, after := measured(t, s.OutputDir, "eval_kl")
	require.Less(t, after, 0.5*before)
}

// A run that cannot learn anything says so: the teacher is the student.
func TestNoGradient(t *testing.T) {
	s := lesson(t, "distill", promptAnswer(nil), nil)
	s.MaxSteps = 1
	lines := mustTrain(t, s)
	require.Contains(t, lines, "reference: the model as it is in "+s.Model)
	require.Contains(t, lines, "step 1 has no gradient: nothing is learned from its records, for which the reference model is the model itself")
	s = lesson(t, "dpo", pair, nil)
	s.MaxSteps = 1
	require.NotContains(t, mustTrain(t, s), "no gradient")
}

// BERT keeps its own pooling, and notes where a setting asks for another.
func TestPoolingOfAnEncoder(t *testing.T) {
	s := lesson(t, "reward", scored, nil)
	s.Model, s.Pooling, s.MaxSteps = bert(t), "average", 1
	lines := mustTrain(t, s)
	require.Contains(t, lines, s.Model+", a bert, has its own pooling; pooling_type average has no effect")
	require.NotContains(t, lines, "rm_head")
}
