package data_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/preference"
	"llmhost/builtin/promptanswer"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// sharedFolder returns the folder that the environment variable names, or the
// one of that name beside the repository, and skips the test where neither is.
func sharedFolder(t *testing.T, variable, name string) string {
	t.Helper()
	folder := os.Getenv(variable)
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", name)
	}
	folder, err := filepath.Abs(folder)
	require.NoError(t, err)
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("%s: no such folder; set %s", folder, variable)
	}
	return folder
}

// TestRealData runs records, examples, tokens and batches of every data file
// that is there, and logs the survey of each.
func TestRealData(t *testing.T) {
	folder := sharedFolder(t, "LLMHOST_DATA", "data")
	tokens, err := tokenizer.Load(filepath.Join(sharedFolder(t, "LLMHOST_MODELS", "models"), "stories260k"))
	require.NoError(t, err)
	defer tokens.Close()
	for kind, formatter := range map[string]sdk.Formatter{"preference": preference.Default(), "sft": promptanswer.Default()} {
		files, err := filepath.Glob(filepath.Join(folder, kind, "*.jsonl"))
		require.NoError(t, err)
		if len(files) == 0 {
			t.Run(kind, func(t *testing.T) { t.Skipf("%s has no .jsonl file", filepath.Join(folder, kind)) })
		}
		for _, file := range files {
			t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) {
				set, err := data.Load(context.Background(), source.Files{Paths: []string{file}}, data.Options{
					Formatter: inProcess(kind, formatter),
					Tokenizer: tokens,
					Tokenizing: data.Tokenizing{
						MaxLength: 512, OnlyPredictAnswer: true, Before: []int32{tokens.Special().BOS}, After: []int32{tokens.Special().EOS},
					},
					SharePrefix: true,
				})
				require.NoError(t, err)
				examples := collect(t, set)
				require.NotEmpty(t, examples)
				packed := 0
				for chunk := range slices.Chunk(examples, 8) {
					batch := data.Pack(chunk, true)
					require.NoError(t, checkLayout(chunk, batch))
					packed += len(batch.IDs)
				}
				require.Equal(t, packed, set.Survey.PackedTokens)
				t.Logf("%+v", set.Survey)
			})
		}
	}
}
