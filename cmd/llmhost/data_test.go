package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/console"
)

// printed is what f writes to standard output.
func printed(t *testing.T, f func() error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(path)
	require.NoError(t, err)
	before := stdout
	stdout = console.Safe(file)
	defer func() { stdout = before }()
	require.NoError(t, f())
	require.NoError(t, file.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestDataFormats(t *testing.T) {
	text := printed(t, func() error { return runData(context.Background(), []string{"formats"}) })
	require.Contains(t, text, "\n    reads prompt answer [weight]; gives example_column.weight\n    found by prompt + answer\n")
	err := runData(context.Background(), []string{"formats", "x"})
	require.EqualError(t, err, `data formats takes no argument, found "x"`)
}

func TestDataWithoutSuchACommand(t *testing.T) {
	err := runData(context.Background(), []string{"formts"})
	require.EqualError(t, err, `there is no "formts"; did you mean formats?; llmhost data --help lists what there is`)
}
