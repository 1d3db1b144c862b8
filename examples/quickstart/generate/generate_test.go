package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/preference"
	"llmhost/builtin/promptanswer"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// TestFilesAreAsGenerated compares the committed files with the generator's output.
func TestFilesAreAsGenerated(t *testing.T) {
	made := files()
	require.NotEmpty(t, made)
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is out of date; in examples/quickstart run go run ./generate", name)
	}
}

func load(t *testing.T, file string, formatter sdk.Formatter) []data.Formatted {
	format := func(_ context.Context, rows []sdk.Row) ([]sdk.Result, error) {
		return sdk.FormatRows(formatter, rows), nil
	}
	files := source.Files{Paths: []string{filepath.Join("..", file)}}
	examples, err := data.Format(context.Background(), files, data.Formatter{Name: file, Columns: formatter.Columns(), Format: format}, data.FailOnBadRow)
	require.NoError(t, err)
	require.Empty(t, examples.Drops)
	return examples.All
}

// TestFiles demands what the first run relies on: short texts, four candidates
// of four scores, and no prompt in two places.
func TestFiles(t *testing.T) {
	seen := map[string]string{}
	for file, want := range map[string]int{"train.jsonl": 400, "eval.jsonl": 100, "sft.train.jsonl": 400, "sft.eval.jsonl": 100} {
		formatter, candidates := sdk.Formatter(preference.Default()), 4
		if strings.HasPrefix(file, "sft") {
			formatter, candidates = promptanswer.Default(), 1
		}
		examples := load(t, file, formatter)
		require.Len(t, examples, want)
		for _, e := range examples {
			require.Len(t, e.Candidates, candidates)
			prompt := e.Candidates[0].Prompt
			require.NotContains(t, seen, prompt, e.Source)
			seen[prompt] = file
			require.True(t, len(prompt) >= 20 && len(prompt) <= 60, "%q", prompt)
			scores := map[float64]bool{}
			for _, c := range e.Candidates {
				require.Equal(t, prompt, c.Prompt)
				require.True(t, len(c.Answer) >= 3 && len(c.Answer) <= 50, "%q", c.Answer)
				scores[c.Columns["score"]] = true
			}
			require.Len(t, scores, candidates)
		}
	}
}

// TestConfigs reads the settings of both runs.
func TestConfigs(t *testing.T) {
	for _, file := range []string{"sft.toml", "rrhf.toml"} {
		_, notices, err := config.Load(filepath.Join("..", file), nil)
		require.NoError(t, err)
		require.Empty(t, notices)
	}
}
