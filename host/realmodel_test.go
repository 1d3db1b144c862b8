package host_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// stock is what a shop sells that does not exist, so that no model knows it.
var stock = []struct{ thing, shelf string }{
	{"lamps", "seven"}, {"ropes", "two"}, {"kettles", "nine"}, {"buckets", "four"}, {"candles", "one"},
	{"maps", "twelve"}, {"nails", "three"}, {"tents", "eleven"}, {"oars", "five"}, {"radios", "eight"},
	{"blankets", "six"}, {"anchors", "ten"}, {"mirrors", "thirteen"}, {"brushes", "fourteen"}, {"whistles", "fifteen"},
	{"flags", "sixteen"}, {"gloves", "twenty"}, {"saws", "thirty"}, {"hooks", "forty"}, {"paddles", "fifty"},
}

// questions are ways to ask for a thing.
var questions = []string{
	"Where do you keep the %s?", "I need some %s, please.", "Do you sell %s here?", "Are there any %s left?", "Show me your %s.",
	"Which shelf has the %s?", "My brother wants %s.", "Good morning! Any %s today?", "We came for the %s.", "One of your %s, if you have them.", "What about %s?",
}

// shopChat is a question and its answer, which the model's own template lays out.
func shopChat(thing, shelf, question string) map[string]any {
	return map[string]any{"messages": []map[string]string{
		{"role": "user", "content": fmt.Sprintf(question, thing)},
		{"role": "assistant", "content": fmt.Sprintf("Our %s are on shelf %s, behind the blue door. Mind the step!", thing, shelf)},
	}}
}

// SmolLM2 learns to answer as a shop does from 200 chats, with an adapter: the loss of
// 20 others falls to a fraction.
func TestRealModelLearnsChats(t *testing.T) {
	root := os.Getenv("LLMHOST_MODELS")
	folder := filepath.Join(root, "smollm2-135m-instruct")
	if _, err := os.Stat(filepath.Join(folder, "model.safetensors")); root == "" || err != nil {
		t.Skip("LLMHOST_MODELS names no folder with smollm2-135m-instruct; make test-models fetches it")
	}
	var train, held strings.Builder
	for i, question := range questions {
		for _, s := range stock {
			text, err := json.Marshal(shopChat(s.thing, s.shelf, question))
			require.NoError(t, err)
			if to := &train; i < 10 {
				fmt.Fprintln(to, string(text))
			} else {
				fmt.Fprintln(&held, string(text))
			}
		}
	}
	s := config.Default()
	s.Task, s.Model, s.OutputDir = "sft", folder, filepath.Join(t.TempDir(), "run")
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "train.jsonl"), train.String())}
	s.EvalDataPaths = []string{written(t, filepath.Join(t.TempDir(), "held.jsonl"), held.String())}
	s.LoraR, s.LoraAlpha, s.LearningRate, s.NumTrainEpochs, s.MaxTokens = 8, 16, 2e-3, 1, 512
	s.MaxLength, s.Device, s.SaveStrategy, s.WarmupRatio = 256, "cpu", "no", 0.1
	lines := mustTrain(t, s)
	t.Log(lines)
	require.Contains(t, lines, "train  200 records, 200 sequences")
	require.Contains(t, lines, "messages")
	require.Contains(t, lines, "check  220 sequences: 0 empty, 0 with nothing to learn, 0 with a wrong begin, 0 with a wrong end")
	before, after := measured(t, s.OutputDir, "eval_loss")
	require.Greater(t, before, 1.0)
	require.Less(t, after, before/3)
}
