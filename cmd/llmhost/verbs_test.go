package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// twelve are records, one of them twice, one without an answer.
func twelve(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	for _, word := range strings.Fields("apple river cloud stone piano garden window candle tiger apple bridge") {
		lines.WriteString(`{"prompt": "What is a ` + word + `?", "completion": " A ` + word + ` is a ` + word + `."}` + "\n")
	}
	lines.WriteString(`{"prompt": "What is a lemon?", "completion": " "}` + "\n")
	path := filepath.Join(t.TempDir(), "a.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(lines.String()), 0o666))
	return path
}

// data runs a subcommand of data that must not fail, and returns what it prints.
func dataPrints(t *testing.T, args ...string) string {
	t.Helper()
	return printed(t, func() error { return runData(context.Background(), args) })
}

// The exit code of data check follows the worst finding that counts.
func TestDataCheckFlags(t *testing.T) {
	path := twelve(t)
	check := func(flags ...string) error {
		var err error
		printed(t, func() error {
			err = runData(context.Background(), append([]string{"check", path}, flags...))
			return nil
		})
		return err
	}
	require.Equal(t, errFound, check())
	require.NoError(t, check("--fail-on", "error"))
	require.NoError(t, check("--fail-on", "never"))
	require.NoError(t, check("--allow", "empty,duplicates,borders"))
	require.NoError(t, check("--skip", "empty,duplicates,borders"))
	require.Error(t, check("--skip", "emty"))
	require.Contains(t, dataPrints(t, "check", "--list"), "leaked-label")

	var report struct {
		Format   int    `json:"llmhost_data_check"`
		Worst    string `json:"worst"`
		Findings []struct {
			Check    string
			Count    int
			Findings []struct {
				Row   int
				Field string
			}
		}
	}
	text := dataPrints(t, "check", path, "--json", "--findings", "1", "--near", "0", "--fail-on", "never")
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	require.Equal(t, 1, report.Format)
	require.Equal(t, "warning", report.Worst)
	require.Equal(t, "empty", report.Findings[0].Check)
	require.Equal(t, 12, report.Findings[0].Findings[0].Row)
	require.Equal(t, "completion", report.Findings[0].Findings[0].Field)
}

// What is converted, sampled and split is shown again, and no file is overwritten unasked.
func TestDataVerbs(t *testing.T) {
	path := twelve(t)
	out := filepath.Join(t.TempDir(), "b.parquet")
	dataPrints(t, "convert", path, "--out", out, "--to", "messages")
	require.Contains(t, dataPrints(t, "check", out, "--fail-on", "never"), "Parquet, 12 records of messages")
	err := runData(context.Background(), []string{"convert", path, "--out", out})
	require.ErrorContains(t, err, "--force")
	dataPrints(t, "convert", path, "--out", out, "--force")
	require.Contains(t, dataPrints(t, "convert", "--forms"), "messages")

	few := filepath.Join(t.TempDir(), "few.jsonl")
	dataPrints(t, "sample", path, "--n", "5", "--out", few)
	content, err := os.ReadFile(few)
	require.NoError(t, err)
	require.Equal(t, 5, strings.Count(string(content), "\n"))

	page := filepath.Join(t.TempDir(), "page.html")
	dataPrints(t, "show", path, "--records", "2", "--html", page, "--tokenizer_name_or_path", filepath.Join("..", "..", "host", "tokenizer", "testdata", "tiny_bpe"))
	content, err = os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(content), "river")
}

// The actions of llmhost cache, and what it refuses.
func TestCacheFlags(t *testing.T) {
	t.Setenv("LLMHOST_CACHE", t.TempDir())
	for _, action := range []string{"", "list", "size", "prune", "clear"} {
		args := strings.Fields(action)
		require.Contains(t, printed(t, func() error { return runCache(context.Background(), args) }), "0.0 MB in 0 files of ", action)
	}
	require.NoError(t, runCache(context.Background(), []string{"prune", "--token_cache_gb", "1.5"}))
	for args, sentence := range map[string]string{
		"claer":                     "cache claer: there is no such action; did you mean clear?; want list, size, prune or clear",
		"prune --token_cache_gb -1": "token_cache_gb is -1; want at least 0",
		"list x":                    `"x" is not a flag; flags are written --name value`,
	} {
		require.EqualError(t, runCache(context.Background(), strings.Fields(args)), sentence)
	}
	require.Equal(t, errUsage, runCache(context.Background(), []string{"--gb", "1"}))
}
