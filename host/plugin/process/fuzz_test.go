package process_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/process"
)

// FuzzManifest opens scripts with manifests of any kind. None may reach outside
// its folder, and what is wrong with it can be printed.
func FuzzManifest(f *testing.F) {
	f.Add(shell)
	f.Add("interpreter = \"sh\"\nentry = \"../main.sh\"\nfiles = [\"..\"]\n")
	f.Fuzz(func(t *testing.T, text string) {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "plugin.toml"), []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "main.sh"), []byte("exit 0\n"), 0o600))
		p, err := process.Open(folder)
		if err != nil {
			for _, r := range strings.ReplaceAll(err.Error(), "\n", "") {
				require.True(t, unicode.IsPrint(r), "%q is shown, in %q", r, err)
			}
			return
		}
		require.Len(t, p.Digest(), 64)
		require.LessOrEqual(t, p.Size(), int64(len(text)+len("exit 0\n")))
	})
}
