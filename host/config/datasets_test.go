package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

func TestWeightsOfDataSets(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"data_paths = [\"a\", \"b\"]\ndata_weights = [1, 2, 3]", "x:2:1: data_weights is a list of 3, and data_paths is one of 2; want one weight for each entry"},
		{"data_paths = [\"a\", \"b\"]\ndata_weights = [0, 0.0]", "x:2:1: data_weights has weights that are all 0, so that nothing would be drawn; want one above 0"},
		{"data_paths = [\"a\", \"b\"]\ndata_weights = [1, 0]\nstopping_strategy = \"all_exhausted\"", `x:2:1: data_weights has weight 0 at place 2, and stopping_strategy "all_exhausted" waits until all sets are exhausted, which that never is; leave the set out, or write first_exhausted`},
		{"data_paths = [\"a\"]\ndata_weights = [\"half\"]", `x:2:1: data_weights has the string "half" at place 1; want a list of numbers`},
		{"data_dir = \"a\"\ndata_weights = [1]", "x:2:1: data_weights is a list of 1, and data_dir is one folder; write its files into data_paths, or several under [[datasets]]"},
		{"datasets = [{path = \"a\", weight = 1}, {path = \"b\"}]", "x:1:1: datasets has 2 entries, and entry 2 has no weight while others have; want one for each, or for none"},
		{"datasets = [{path = \"a\"}, {path = \"b\", weight = \"x\"}]", `x:1:40: datasets 2: weight is the string "x"; want a number`},
		{"datasets = \"a\"", `x:1:1: datasets is the string "a"; want a list of tables, each under [[datasets]] with path`},
		{"data_paths = [\"a\"]\n[[datasets]]\npath = \"b\"", "x:2:3: datasets is set, and so is data_paths (x:1:1); keep one"},
		{"formatter = \"alpaca\"\n[[datasets]]\npath = \"b\"", "x:2:3: datasets is set, and so is formatter (x:1:1); keep one"},
	} {
		_, _, err := config.Parse("x", c.text)
		require.ErrorContains(t, err, c.want)
	}
}

// LLaMA-Factory's words, and lists of flags, mean the same.
func TestWeightsInOtherWords(t *testing.T) {
	s, notices, err := config.Load("", []string{"--data_paths", "a", "b", "--interleave_probs", "0.25,0.75", "--mix_strategy", "interleave_once"})
	require.NoError(t, err)
	require.Equal(t, []float64{0.25, 0.75}, s.DataWeights)
	require.Equal(t, "all_exhausted_without_replacement", s.Stopping)
	require.Len(t, notices, 3)
	s, _, err = config.Load("", []string{"--data_paths", "a", "b", "--data_weights", "1", "3"})
	require.NoError(t, err)
	require.Equal(t, []float64{1, 3}, s.DataWeights)
	require.Len(t, s.Entries(), 2)
	require.Equal(t, 3.0, *s.Entries()[1].Weight)
	s, _, err = config.Load("", []string{"--datasets", `[{path = "a", user_tag = "me"}, {path = ["b", "c"]}]`})
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c"}, s.Entries()[1].Paths)
	require.Equal(t, "me", s.Entries()[0].Params["user_tag"].Value)
	_, notices, err = config.Load("", []string{"--data_paths", "a", "--stopping_strategy", "all_exhausted"})
	require.NoError(t, err)
	require.Contains(t, notices[0], "stopping_strategy has no effect without weights")
}

// Files that a flag names stand instead of the data sets of the file, as flags win; the
// other way round there is no telling.
func TestFilesOfAFlagReplaceDataSets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.toml")
	require.NoError(t, os.WriteFile(path, []byte("[[datasets]]\npath = \"b\"\nformatter = \"alpaca\"\n"), 0o666))
	s, notices, err := config.Load(path, []string{"--data_paths", "a"})
	require.NoError(t, err)
	require.Equal(t, []config.Dataset{{Paths: []string{"a"}}}, s.Entries())
	require.Equal(t, []string{"flag --data_paths: data_paths replaces the data sets of " + path + ":1:3"}, notices)
	_, _, err = config.Load(path, []string{"--formatter", "messages"})
	require.ErrorContains(t, err, "keep one")
}
