package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"llmhost/host"
	"llmhost/host/config"
	datarecord "llmhost/host/data/record"
	"llmhost/host/data/sink"
	"llmhost/host/data/source"

	"github.com/stretchr/testify/require"
)

// moods are tones with one more class.
func moods(i int, thing string) map[string]any {
	return map[string]any{"text": []string{"we like the ", "they hate the ", "you see the "}[i%3] + thing, "label": []string{"up", "down", "flat"}[i%3]}
}

// classifierOf trains one, and returns its folder.
func classifierOf(t *testing.T, make record, change func(*config.Settings)) string {
	t.Helper()
	s := lesson(t, "classification", make, nil)
	s.NumTrainEpochs = 2
	if change != nil {
		change(&s)
	}
	mustTrain(t, s)
	return s.OutputDir
}

func classesOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	var config struct {
		Names map[string]string `json:"id2label"`
	}
	require.NoError(t, json.Unmarshal([]byte(contents(t, folder, "config.json")), &config))
	return config.Names
}

// A classifier that is trained further keeps its head and the order of its classes, of which
// the data may lack some.
func TestClassifierGoesOn(t *testing.T) {
	three := classifierOf(t, moods, nil)
	want := map[string]string{"0": "down", "1": "flat", "2": "up"}
	require.Equal(t, want, classesOf(t, three))
	s := lesson(t, "classification", tone, nil)
	s.Model, s.NumTrainEpochs = three, 1
	require.NotContains(t, mustTrain(t, s), "it starts with random weights")
	require.Equal(t, want, classesOf(t, s.OutputDir))
}

// The classes of a ClassLabel keep their numbers, those without a record too.
func TestClassesInTheDeclaredOrder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "moods")
	names := []string{"up", "flat", "none", "down"}
	s := lesson(t, "classification", func(i int, thing string) map[string]any {
		fields := moods(i, thing)
		fields["label"] = slices.Index(names, fields["label"].(string))
		return fields
	}, nil)
	_, _, err := sink.Write(folder, func(yield func(datarecord.Record, error) bool) {
		for from, err := range (source.Files{Paths: s.DataPaths, Setting: "data_paths"}).Records() {
			require.NoError(t, err)
			r, err := datarecord.Read(from)
			if !yield(r, err) {
				return
			}
		}
	})
	require.NoError(t, err)
	info := `{"features": {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": ["up", "flat", "none", "down"], "_type": "ClassLabel"}}}`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "dataset_info.json"), []byte(info), 0o644))
	s.DataPaths, s.NumTrainEpochs = []string{folder}, 1
	mustTrain(t, s)
	require.Equal(t, map[string]string{"0": "up", "1": "flat", "2": "none", "3": "down"}, classesOf(t, s.OutputDir))
}

// Other classes than the model's are an error, unless the head may start from scratch.
func TestClassesOfAnotherModel(t *testing.T) {
	two := classifierOf(t, tone, nil)
	s := lesson(t, "classification", moods, nil)
	s.Model, s.NumTrainEpochs = two, 1
	_, err := trained(s)
	require.EqualError(t, err, s.DataPaths[0]+`:25: the class "flat" of label is not among those of `+two+
		`, which are down, up; set ignore_mismatched_sizes = true to train a new head for the classes of the data`)
	s.IgnoreMismatched = true
	require.Contains(t, mustTrain(t, s), two+" has no score.weight that fits; it starts with random weights")
	require.Len(t, classesOf(t, s.OutputDir), 3)

	reward := lesson(t, "reward", scored, nil)
	reward.Model, reward.NumTrainEpochs = two, 1
	_, err = trained(reward)
	require.EqualError(t, err, two+`: tensor "score.weight" has shape [2, 32]; the head of this task wants [1, 32]; set ignore_mismatched_sizes = true to initialize it`)
	reward.IgnoreMismatched = true
	mustTrain(t, reward)
}

// The names of classes go with an adapter: to the next run, and into the merged model.
func TestClassesOfAnAdapter(t *testing.T) {
	folder := classifierOf(t, moods, func(s *config.Settings) { s.LoraR = 4 })
	on := classifierOf(t, tone, func(s *config.Settings) { s.Adapter = folder })
	out := filepath.Join(t.TempDir(), "merged")
	_, err := host.Merge(host.MergeOptions{Adapter: on, OutputDir: out, Tolerance: 1e-4})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"0": "down", "1": "flat", "2": "up"}, classesOf(t, out))
}

// classed are records of texts with these labels, as JSON.
func classed(t *testing.T, name string, labels ...string) string {
	t.Helper()
	var lines strings.Builder
	for i, label := range labels {
		fmt.Fprintf(&lines, "{\"text\": \"we like the %s\", \"label\": %s}\n", things[i%len(things)], label)
	}
	return written(t, filepath.Join(t.TempDir(), name), lines.String())
}

// A number is one class whatever its spelling, in one file and across files; the
// run says so, and how many records each class has.
func TestSpellingsOfClasses(t *testing.T) {
	s := lesson(t, "classification", tone, nil)
	s.NumTrainEpochs = 1
	a, b := classed(t, "a.jsonl", "0", "1", `"0"`, "1"), classed(t, "b.jsonl", "0.0", "1.0", "1e0", "true", `"true"`, "false")
	s.DataPaths, s.EvalDataPaths = []string{a, b}, []string{classed(t, "held.jsonl", "1.00", `"0.0"`)}
	lines := mustTrain(t, s)
	require.Equal(t, map[string]string{"0": "0", "1": "1", "2": "false", "3": "true"}, classesOf(t, s.OutputDir))
	require.Contains(t, lines, "       4 classes of label: 0 (3), 1 (4), false (1), true (2)\n")
	require.Contains(t, lines, "       2 classes of label: 0 (1), 1 (1)\n")
	require.Contains(t, lines, "note: numbers of label that are spelt in several ways are one class each: 0 (0 at "+a+":1, 0.0 at "+b+":1), 1 (1 at "+a+":2, 1.0 at "+
		b+":2, 1e0 at "+b+":3, 1.00 at "+s.EvalDataPaths[0]+":1)\n")
	require.NotContains(t, lines, "is not among the trained classes")
	measured(t, s.OutputDir, "eval_loss")

	on := s // a model that was trained on other spellings keeps its own
	on.Model, on.OutputDir = s.OutputDir, filepath.Join(t.TempDir(), "on")
	config := filepath.Join(s.OutputDir, "config.json")
	written(t, config, strings.NewReplacer(`"1": "1"`, `"1": "1.0"`, `"1": 1`, `"1.0": 1`).Replace(contents(t, config)))
	require.NotContains(t, mustTrain(t, on), "random weights")
	require.Equal(t, map[string]string{"0": "0", "1": "1.0", "2": "false", "3": "true"}, classesOf(t, on.OutputDir))
}

// Of many classes the most common are listed.
func TestManyClassesAreAbbreviated(t *testing.T) {
	s := lesson(t, "classification", tone, nil)
	s.NumTrainEpochs, s.EvalDataPaths = 1, nil
	var labels []string
	for i := range 40 {
		labels = append(labels, strconv.Quote(fmt.Sprintf("c%02d", max(i-3, 0)%30)))
	}
	s.DataPaths = []string{classed(t, "many.jsonl", labels...)}
	require.Contains(t, mustTrain(t, s), "       30 classes of label: c00 (5), c01 (2), c02 (2), c03 (2), c04 (2), c05 (2), c06 (2), c07 (1) and 22 more\n")
}

// An evaluation in which nothing is counted has no loss.
func TestEvaluationOfNothing(t *testing.T) {
	s := lesson(t, "classification", tone, nil)
	s.NumTrainEpochs, s.EvalDataPaths = 1, []string{classed(t, "other.jsonl", `"odd"`, `"even"`)}
	lines := mustTrain(t, s)
	require.NotContains(t, lines, "eval_loss")
	require.Contains(t, lines, "eval_accuracy 0.0%")
	require.Contains(t, lines, s.EvalDataPaths[0]+`:1: the class "odd" of label is not among the trained classes; it and others like it count as wrong`)
	for _, name := range []string{"metrics.jsonl", "curve.svg"} {
		require.NotContains(t, contents(t, s.OutputDir, name), "eval_loss", name)
	}
}
