package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// TestFilesAreAsGenerated compares the committed files with the generator's output.
func TestFilesAreAsGenerated(t *testing.T) {
	made := files()
	require.NotEmpty(t, made)
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is out of date; in examples run go run ./generate", name)
	}
}

// asked is what a record asks, or the text that it judges.
func asked(r record) string {
	if len(r.Texts) > 0 {
		return r.Texts[0][:strings.Index(r.Texts[0], "Bot: ")+len("Bot: ")]
	}
	return r.Prompt + r.Text
}

// TestFiles demands that no run is measured on what any run was taught.
func TestFiles(t *testing.T) {
	taught, held := map[string]bool{}, map[string]string{}
	made := files()
	require.NotEmpty(t, made)
	for name, content := range made {
		records := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
		isEval := strings.HasSuffix(name, "/eval.jsonl")
		require.Len(t, records, map[bool]int{false: trainRecords, true: evalRecords}[isEval], name)
		seen := map[string]bool{}
		for _, line := range records {
			var r record
			require.NoError(t, json.Unmarshal(line, &r))
			question := asked(r)
			require.True(t, len(question) >= 12 && len(question) <= 50, "%s: %q", name, question)
			require.False(t, seen[question], "%s: %q comes twice", name, question)
			seen[question] = true
			if isEval {
				held[question] = name
			} else {
				taught[question] = true
			}
		}
	}
	for question, name := range held {
		require.False(t, taught[question], "%s asks %q, which is taught", name, question)
	}
}

// TestRecords demands what the pages say of the records.
func TestRecords(t *testing.T) {
	count := map[string]int{}
	for _, task := range tasks {
		for _, line := range bytes.Split(bytes.TrimSpace(files()[task.name+"/train.jsonl"]), []byte("\n")) {
			var r record
			require.NoError(t, json.Unmarshal(line, &r))
			switch task.name {
			case "reward":
				count[map[int]string{2: "two texts", 3: "three texts"}[len(r.Texts)]]++
			case "multi_objective_classification":
				count[map[int]string{1: "one label", 2: "two labels"}[len(r.Labels)]]++
			case "offline_ppo":
				count[map[bool]string{false: "reward", true: "no reward"}[r.Reward == nil]]++
			case "kto":
				count[map[any]string{false: "undesirable", true: "desirable"}[r.Label]]++
			}
		}
	}
	require.Equal(t, map[string]int{"two texts": 37, "three texts": 75, "one label": 28, "two labels": 84, "reward": 75, "no reward": 37, "desirable": 56, "undesirable": 56}, count)
}

// TestConfigs reads the settings of every run.
func TestConfigs(t *testing.T) {
	for _, task := range tasks {
		configs, err := filepath.Glob(filepath.Join("..", task.name, "*.toml"))
		require.NoError(t, err)
		require.NotEmpty(t, configs, task.name)
		for _, file := range configs {
			_, notices, err := config.Load(file, nil)
			require.NoError(t, err)
			require.Empty(t, notices)
		}
	}
}
