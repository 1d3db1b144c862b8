package tensor_test

import (
	"debug/elf"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/tensor"
)

// Linked libraries are loaded by every start of the binary, that of a worker or of
// --help too.
func TestLibtorchIsLoadedAndNotLinked(t *testing.T) {
	path, err := os.Executable()
	require.NoError(t, err)
	file, err := elf.Open(path)
	require.NoError(t, err)
	defer file.Close()
	linked, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Contains(t, linked, "libc.so.6")
	for _, name := range linked {
		require.NotRegexp(t, `torch|c10|stdc\+\+`, name)
	}
	require.NoError(t, tensor.Load())
	require.NoError(t, tensor.Load(), "a second time")
}
