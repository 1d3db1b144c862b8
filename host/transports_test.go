package host_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// buildModule builds plugins/rrhf once.
var buildModule = sync.OnceValues(func() (string, error) {
	file := filepath.Join(scratch, "rrhf.wasm")
	build := exec.Command("go", "build", "-buildvcs=false", "-buildmode=c-shared", "-o", file, "./plugins/rrhf")
	build.Dir = ".."
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return string(out), err
	}
	return file, nil
})

// rrhfModule is plugins/rrhf as a WASM module, built from source.
func rrhfModule(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a plugin with")
	}
	file, err := buildModule()
	require.NoError(t, err, file)
	return file
}

// withSection is the module with a section at its end that means nothing: the
// same plugin with another digest.
func withSection(module string) string { return module + "\x00\x03\x01xy" }

func itoa(n int) string { return strconv.Itoa(n) }

// One loss over two transports gives one run, to the byte.
func TestTransportsTrainAlike(t *testing.T) {
	builtin := ranking(t)
	mustTrain(t, builtin)
	module := builtin
	module.Task, module.OutputDir = rrhfModule(t), filepath.Join(t.TempDir(), "run")
	lines := mustTrain(t, module)
	require.Contains(t, lines, "task   rrhf: align a model with scored candidates by ranking (wasm "+module.Task+", sha256 "+short(digest(t, module.Task))+"…)\n")
	require.Equal(t, weights(t, builtin.OutputDir), weights(t, module.OutputDir))
	require.Equal(t, entries(t, builtin.OutputDir), entries(t, module.OutputDir))

	one, other := readRecord(t, builtin.OutputDir).Task, readRecord(t, module.OutputDir).Task
	require.Equal(t, one.Program, other.Program)
	require.Equal(t, one.Params, other.Params)
	require.Equal(t, []string{"wasm", module.Task, digest(t, module.Task)}, []string{other.Transport, other.Path, other.SHA256})
	require.Contains(t, contents(t, module.OutputDir, "llmhost.lock"), `"sha256": "`+other.SHA256+`"`)
}
