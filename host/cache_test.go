package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host"
)

// A second run over the same data reads its tokens from the disk, trains the same
// weights, and what is kept can be listed, pruned and cleared.
func TestTokensAreKeptForTheNextRun(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("LLMHOST_CACHE", folder)
	s := long(t)
	first := mustTrain(t, s)
	require.NotContains(t, first, "tokenised by an earlier run")
	again := s
	again.OutputDir = filepath.Join(t.TempDir(), "again")
	require.Contains(t, mustTrain(t, again), "; tokenised by an earlier run\n")
	require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))

	cache, err := host.DataCache()
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "data"), cache.Folder)
	var listed strings.Builder
	require.NoError(t, host.ListCache(&listed, cache))
	require.Contains(t, listed.String(), "tokens of 24 examples of "+s.DataPaths[0])

	surveys := filepath.Join(folder, "surveys") // of an earlier build
	require.NoError(t, os.Mkdir(surveys, 0o755))
	written(t, filepath.Join(surveys, strings.Repeat("a", 64)+".json"), "{}")
	var pruned strings.Builder
	require.NoError(t, host.PruneCache(&pruned, cache, 0))
	require.Contains(t, pruned.String(), "0.0 MB in 0 files of "+cache.Folder)
	require.NoDirExists(t, surveys)
	left, err := os.ReadDir(cache.Folder)
	require.NoError(t, err)
	require.Empty(t, left)

	bare := s
	bare.TokenCacheGB, bare.OutputDir = 0, filepath.Join(t.TempDir(), "bare")
	mustTrain(t, bare)
	require.Equal(t, weights(t, s.OutputDir), weights(t, bare.OutputDir))
	left, err = os.ReadDir(cache.Folder)
	require.NoError(t, err)
	require.Empty(t, left)
}
