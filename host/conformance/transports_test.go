package conformance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"llmhost/host/plugin/worker"

	"github.com/stretchr/testify/require"
)

// built is the folder of the plugins that tests have built.
var built string

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	os.Exit(within(m))
}

// within runs the tests while the folder is there.
func within(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "llmhost-conformance-*"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(built)
	return m.Run()
}

// transport is a way to a component: linked in, or built from its folder in plugins.
type transport struct {
	name string
	spec func(t *testing.T) string // names the component
}

// transportsOf are the ways to a component of a plugin: all three where plugins has
// a folder that builds it.
func transportsOf(plugin, component string) []transport {
	ways := []transport{{"builtin", func(*testing.T) string { return component }}}
	if _, err := os.Stat(filepath.Join("..", "..", "plugins", plugin)); err != nil {
		return ways
	}
	return append(ways,
		transport{"wasm", func(t *testing.T) string { return build(t, plugin, ".wasm", asModule) + "#" + component }},
		transport{"process", func(t *testing.T) string { return build(t, plugin, "", asProgram) + "#" + component }})
}

// Each is what go build is told besides, and its environment.
var (
	asModule  = []string{"GOOS=wasip1", "GOARCH=wasm", "-buildmode=c-shared"}
	asProgram = []string{"CGO_ENABLED=0"}
)

// building is held while a plugin is built, each once.
var building sync.Mutex

func build(t *testing.T, plugin, ending string, how []string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	file := filepath.Join(built, plugin+ending)
	if _, err := os.Stat(file); err == nil {
		return file
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a plugin with")
	}
	args := []string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", file}
	cmd := exec.Command("go")
	cmd.Env = os.Environ()
	for _, word := range how {
		if word[0] == '-' {
			args = append(args, word)
		} else {
			cmd.Env = append(cmd.Env, word)
		}
	}
	cmd.Args = append(cmd.Args, append(args, "../../plugins/"+plugin)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}
