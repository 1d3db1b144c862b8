package host_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"llmhost/host"
	"llmhost/host/model"
	"llmhost/host/tokenizer"

	"github.com/stretchr/testify/require"
)

// Tokens that a run adds are in the tokenizer and the model that it leaves, and
// the next run needs no word about them. A run that was stopped goes on alike.
func TestTokensAreAdded(t *testing.T) {
	s := lesson(t, "sft", promptAnswer(nil), nil)
	s.AdditionalTokens, s.PadToken, s.NumTrainEpochs = []string{"<tool>"}, "<|pad|>", 2
	s.SaveStrategy, s.SaveSteps = "steps", 5
	lines := mustTrain(t, s)
	require.Contains(t, lines, "grows by 2 to 262 tokens, with <|pad|>, <tool>; each new row is the mean of the old ones")
	requireVocabulary(t, s.OutputDir, 262, 260)

	stopped := s
	stopped.OutputDir, stopped.MaxSteps = filepath.Join(t.TempDir(), "run"), 5
	mustTrain(t, stopped)
	stopped.MaxSteps, stopped.Resume = -1, "auto"
	mustTrain(t, stopped)
	require.Equal(t, weights(t, s.OutputDir), weights(t, stopped.OutputDir))

	next := lesson(t, "dpo", pair, nil)
	next.Model, next.NumTrainEpochs = s.OutputDir, 1
	require.NotContains(t, mustTrain(t, next), "the vocabulary of")
	requireVocabulary(t, next.OutputDir, 262, 260)
}

// requireVocabulary looks at what a run left behind.
func requireVocabulary(t *testing.T, folder string, size int64, pad int32) {
	t.Helper()
	config, err := model.ReadConfig(folder)
	require.NoError(t, err)
	require.Equal(t, size, config.VocabSize)
	var ids struct {
		Pad int32 `json:"pad_token_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(contents(t, folder, "config.json")), &ids))
	require.Equal(t, pad, ids.Pad)
	tok, err := tokenizer.Load(folder)
	require.NoError(t, err)
	defer tok.Close()
	require.EqualValues(t, size-1, tok.MaxID())
	require.Equal(t, pad, tok.Special().PAD)
}

// A reference model grows as the policy does.
func TestReferenceGrows(t *testing.T) {
	s := lesson(t, "dpo", pair, nil)
	s.AdditionalTokens, s.NumTrainEpochs = []string{"<tool>"}, 1
	mustTrain(t, s)
}

// A tokenizer with more tokens than the model is an error, unless the model may grow.
func TestResizeVocab(t *testing.T) {
	s := lesson(t, "sft", promptAnswer(nil), nil)
	s.Tokenizer, s.NumTrainEpochs = widerTokenizer(t), 1
	_, err := trained(s)
	require.ErrorContains(t, err, "or resize_vocab = true to let the model grow")
	s.ResizeVocab = true
	require.Contains(t, mustTrain(t, s), "grows by 1 to 261 tokens; each")
	requireVocabulary(t, s.OutputDir, 261, 3)
}

// An adapter is not trained on rows that it would lose; one that holds them
// goes on, and is merged with them.
func TestAdapterOnAGrownVocabulary(t *testing.T) {
	s := lesson(t, "sft", promptAnswer(nil), nil)
	s.AdditionalTokens, s.LoraR, s.NumTrainEpochs = []string{"<tool>"}, 4, 1
	_, err := trained(s)
	require.EqualError(t, err, "the vocabulary grows by 1 tokens, whose rows an adapter does not hold; add embed_tokens to modules_to_save, or train without lora_r")
	s.ModulesToSave = []string{"embed_tokens"}
	mustTrain(t, s)

	on := lesson(t, "sft", promptAnswer(nil), nil)
	on.Adapter, on.Tokenizer, on.NumTrainEpochs = s.OutputDir, s.OutputDir, 1
	mustTrain(t, on)

	out := filepath.Join(t.TempDir(), "merged")
	_, err = host.Merge(host.MergeOptions{Adapter: on.OutputDir, OutputDir: out, Tolerance: 1e-4})
	require.NoError(t, err)
	requireVocabulary(t, out, 261, 3)
}
