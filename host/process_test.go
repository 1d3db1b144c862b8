package host_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/checkpoint"
	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// program builds a main package as a program.
func program(t *testing.T, pkg string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a plugin with")
	}
	file := filepath.Join(t.TempDir(), filepath.Base(pkg))
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "./"+pkg)
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// A loss in its own process gives the same run as the linked one.
func TestProgramTrainsAlike(t *testing.T) {
	builtin := ranking(t)
	mustTrain(t, builtin)
	own := builtin
	own.Task, own.OutputDir = program(t, "plugins/rrhf"), filepath.Join(t.TempDir(), "run")
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // where no plugin was ever used
	lines := mustTrain(t, own)
	sum := digest(t, own.Task)
	require.True(t, strings.HasPrefix(lines, "note: plugin "+own.Task+" is a separate program and has your rights: it can change your files and use the network (sha256 "+sum+")\n"), lines)
	require.Contains(t, lines, "task   rrhf: align a model with scored candidates by ranking (process "+own.Task+", sha256 "+short(sum)+"…)\n")
	require.Equal(t, weights(t, builtin.OutputDir), weights(t, own.OutputDir))
	require.Equal(t, entries(t, builtin.OutputDir), entries(t, own.OutputDir))
	record := readRecord(t, own.OutputDir).Task
	require.Equal(t, []string{"process", own.Task, sum}, []string{record.Transport, record.Path, record.SHA256})
	require.Contains(t, contents(t, own.OutputDir, "llmhost.lock"), `"sha256": "`+sum+`"`)
	require.Contains(t, contents(t, own.OutputDir, "llmhost.lock"), `"kind": "process"`)
}

// yes is a run whose formatter dies where the file mark is there.
func yes(t *testing.T, mark string) config.Settings {
	t.Helper()
	s := ranking(t)
	records := strings.Repeat(`{"text": "say it"}`+"\n", 16) + `{"text": "exit-if ` + mark + `"}` + "\n" + strings.Repeat(`{"text": "and again"}`+"\n", 7)
	s.Task, s.DataPaths, s.EvalDataPaths = program(t, "host/plugin/process/testdata/guest"), []string{written(t, filepath.Join(t.TempDir(), "yes.jsonl"), records)}, nil
	s.EvalStrategy = "no"
	return s
}

// A plugin that dies ends the run with its name and the record's; what was
// saved before is kept, and the run resumes from it once the plugin works.
func TestProgramThatDies(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	s := yes(t, mark)
	s.NumTrainEpochs = 1
	s.TokenCacheGB = 0 // the formatter is called in each run
	mustTrain(t, s)
	newest, before, damaged, err := checkpoint.Newest(s.OutputDir)
	require.NoError(t, err)
	require.Empty(t, damaged)

	s.Resume, s.NumTrainEpochs = "auto", 2
	written(t, mark, "")
	_, err = trained(s)
	require.Regexp(t, "^"+s.DataPaths[0]+`:17: formatter echo: plugin `+s.Task+`: died during Format: exit code 5 \(sha256 [0-9a-f]{12}\); it was restarted and died again at this record \(in the batch `+s.DataPaths[0]+`:1 to `+s.DataPaths[0]+`:24\)$`, err.Error())
	again, after, damaged, err := checkpoint.Newest(s.OutputDir)
	require.NoError(t, err)
	require.Empty(t, damaged)
	require.Equal(t, newest, again)
	require.Equal(t, before, after)

	require.NoError(t, os.Remove(mark))
	mustTrain(t, s)
	require.Equal(t, 2*before.GlobalStep, readRecord(t, s.OutputDir).GlobalStep)
}
