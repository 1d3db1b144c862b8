package host_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"llmhost/host"
	"llmhost/host/config"

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
