package host_test

import (
	"testing"

	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// encoded is a run of a BERT.
func encoded(t *testing.T, task string, make record) config.Settings {
	t.Helper()
	s := lesson(t, task, make, nil)
	s.Model, s.LearningRate, s.IgnoreMismatched = classifier(t), 5e-3, true
	return s
}

// A BERT learns which of two texts a class is about, though both have the words of
// both classes.
func TestEncoderLearnsPairs(t *testing.T) {
	second := func(i int, thing string) map[string]any {
		words := []string{"good", "bad"}
		return map[string]any{"text": words[i/2%2] + " " + thing, "text_pair": words[i%2], "label": i%2 == 0}
	}
	s := encoded(t, "classification", second)
	s.NumTrainEpochs = 12
	lines := mustTrain(t, s)
	_, after := measured(t, s.OutputDir, "eval_accuracy")
	require.GreaterOrEqual(t, after, 0.9, lines)
	require.Equal(t, map[string]string{"0": "false", "1": "true"}, classesOf(t, s.OutputDir))
}

// A BERT learns rewards.
func TestEncoderLearnsRewards(t *testing.T) {
	s := encoded(t, "reward", scored)
	s.NumTrainEpochs = 8
	mustTrain(t, s)
	before, after := measured(t, s.OutputDir, "eval_accuracy")
	require.Greater(t, after, before)
	require.GreaterOrEqual(t, after, 0.9)
}

// An encoder predicts no tokens.
func TestEncoderTrainsNoTokens(t *testing.T) {
	s := encoded(t, "sft", promptAnswer(nil))
	_, err := trained(s)
	require.EqualError(t, err, "task sft reads log-probabilities of tokens, which "+s.Model+", a bert, does not give; give a causal model")
}
