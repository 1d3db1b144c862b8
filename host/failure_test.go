package host_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"llmhost/host/atomicfile"
	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// A loss or gradient that is not finite stops the run before a weight moves,
// names the step and the records, and keeps the checkpoints made so far.
func TestNaN(t *testing.T) {
	for _, c := range []struct {
		what    string
		rate    float64
		records string // of the micro-batch, or of the step
	}{
		{"loss", 1e12, "DATA, DATA, DATA, DATA"},
		{"gradient norm", 1e30, "DATA, DATA, DATA, DATA and 4 more"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := ranking(t)
			s.LearningRate, s.WarmupRatio, s.SaveSteps, s.SchedulerType = c.rate, 0, 1, "constant"
			lines, err := trained(s)
			var failed *train.NonFiniteError
			require.ErrorAs(t, err, &failed, lines)
			batch := strings.ReplaceAll(c.records, "DATA", regexp.QuoteMeta(s.DataPaths[0])+`:\d+`)
			first := filepath.Join(s.OutputDir, "checkpoint-1")
			require.Regexp(t, `^step 2: the `+c.what+` of the batch of `+batch+` is (NaN|[-+]Inf); lower learning_rate or look at these records\n`+
				`the last good checkpoint is `+regexp.QuoteMeta(first)+`; --resume_from_checkpoint auto continues from it$`, err.Error())
			_, err = checkpoint.Check(first)
			require.NoError(t, err)
			require.False(t, readRecord(t, s.OutputDir).Finished)
			require.NoFileExists(t, filepath.Join(s.OutputDir, "model.safetensors"))
		})
	}
}

// fullDisk names, in the environment of a test, that it runs in a namespace of
// its own, where it may mount.
const fullDisk = "LLMHOST_TEST_NAMESPACE"

// smallDisk mounts a disk of some KiB until the test ends. A user who may not
// mount runs the whole test again in a namespace where he may; done is then true.
func smallDisk(t *testing.T, size string) (folder string, done bool) {
	t.Helper()
	folder = t.TempDir()
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+size)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, 0)) })
		return folder, false
	}
	if os.Getenv(fullDisk) != "" || !errors.Is(err, syscall.EPERM) {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), fullDisk+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}}
	out, err := again.CombinedOutput()
	if len(out) == 0 && err != nil {
		t.Skipf("a namespace to mount a small disk in cannot be made here: %v", err)
	}
	require.NoError(t, err, string(out))
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("a small disk cannot be mounted here:\n%s", out)
	}
	return "", true
}

// A full disk costs the checkpoint that does not fit: those before it are kept,
// and the run resumes from them once there is room.
func TestFullDisk(t *testing.T) {
	disk, done := smallDisk(t, "2m") // a checkpoint is about 0.6 MB
	if done {
		return
	}
	want, s := whole(t)
	s.OutputDir = filepath.Join(disk, "run")
	lines, err := trained(s)
	require.ErrorIs(t, err, syscall.ENOSPC, lines)
	newest, state, damaged, listErr := checkpoint.Newest(s.OutputDir)
	require.NoError(t, listErr)
	require.NotEmpty(t, newest)
	require.Empty(t, damaged)
	require.Empty(t, list(t, s.OutputDir, atomicfile.Prefix+"*"))
	next := filepath.Join(s.OutputDir, "checkpoint-"+itoa(state.GlobalStep+2))
	require.EqualError(t, err, next+": the disk is full (no space left on device); free some space\nthe last good checkpoint is "+newest+"; --resume_from_checkpoint auto continues from it")

	require.NoError(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT, "size=8m"))
	s.Resume = "auto"
	mustTrain(t, s)
	requireSameEnd(t, want, s.OutputDir)
}

func TestFoldersThatCannotBeWritten(t *testing.T) {
	s := ranking(t)
	file := written(t, filepath.Join(t.TempDir(), "file"), "")
	s.OutputDir = filepath.Join(file, "run")
	_, err := trained(s)
	require.EqualError(t, err, "output_dir "+s.OutputDir+" is a file, or is below one; name a folder")
}

func TestDeviceThatIsNotThere(t *testing.T) {
	s := ranking(t)
	s.Device = "cuda:7"
	_, err := trained(s)
	require.ErrorContains(t, err, `device "cuda:7": `)
	require.NoDirExists(t, s.OutputDir)
}

// Conflicts of settings across files are reported by the run.
func TestNothingToTrain(t *testing.T) {
	s := ranking(t)
	s.DataPaths = nil
	_, err := trained(s)
	require.EqualError(t, err, "data_paths names no file")

	s = config.Default()
	_, err = trained(s)
	require.Error(t, err)
}
