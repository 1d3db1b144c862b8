package data_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/data"
)

// A large file is read in full once, and again when anything was written to it, though
// its size, its time of writing and both ends are what they were.
func TestDigestsOfLargeFilesAreRemembered(t *testing.T) {
	middle := strings.Repeat("\n", 9<<20)
	text := "{\"q\":\"a\"}\n" + middle + "{\"q\":\"b\"}\n"
	files := write(t, "a.jsonl", text)
	later := func() time.Time { return time.Now().Add(time.Hour) }
	o := data.Options{
		Formatter:  inProcess("qa", qa{}),
		Tokenizer:  characters{},
		Tokenizing: data.Tokenizing{MaxLength: 8},
		Cache:      data.Cache{Folder: t.TempDir(), Now: later},
	}
	load := func() string {
		set, err := data.Load(context.Background(), files, o)
		require.NoError(t, err)
		return set.Files[0].SHA256
	}
	holds := func() bool {
		held, err := o.Holds(files)
		require.NoError(t, err)
		return held
	}
	remembered := filepath.Join(o.Cache.Folder, "digests.json")

	require.False(t, holds())
	o.Cache.Now = nil
	real := load()
	require.NoFileExists(t, remembered, "another write in the same moment would leave the same stamp")
	require.False(t, holds(), "the tokens are there, but whose they are takes reading the file")
	o.Cache.Now = later
	require.Equal(t, real, load())
	require.True(t, holds())

	// Whoever reads what is remembered does not read the file.
	kept, err := os.ReadFile(remembered)
	require.NoError(t, err)
	other := strings.Repeat("0", 64)
	require.NoError(t, os.WriteFile(remembered, []byte(strings.ReplaceAll(string(kept), real, other)), 0o666))
	require.Equal(t, other, load())

	info, err := os.Stat("a.jsonl")
	require.NoError(t, err)
	file, err := os.OpenFile("a.jsonl", os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt([]byte(" "), 4<<20)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.NoError(t, os.Chtimes("a.jsonl", info.ModTime(), info.ModTime()))
	require.False(t, holds())
	require.NotContains(t, []string{real, other}, load())

	require.NoError(t, os.WriteFile(remembered, []byte("{"), 0o666))
	require.NotContains(t, []string{real, other}, load(), "what is damaged is made again")
	_, err = o.Cache.Prune(0)
	require.NoError(t, err)
	require.NoFileExists(t, remembered)
}
