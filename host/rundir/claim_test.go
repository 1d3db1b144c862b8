package rundir_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmhost/host/rundir"

	"github.com/stretchr/testify/require"
)

// holding, in the environment, is a folder that this process holds until it is killed.
const holding = "LLMHOST_TEST_HOLD"

func TestMain(m *testing.M) {
	dir := os.Getenv(holding)
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := rundir.Hold(dir, "train", func(string, ...any) {}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	select {}
}

// hold takes a folder in a process of its own.
func hold(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), holding+"="+dir)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	said := make([]byte, 100)
	n, err := out.Read(said)
	require.NoError(t, err)
	require.Equal(t, "held\n", string(said[:n]))
	return c
}

func TestAFolderIsHeldByOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "run")
	child := hold(t, dir)
	var said notes
	for range 2 {
		_, err := rundir.Hold(dir, "merge", said.take)
		host, _ := os.Hostname()
		pid := child.Process.Pid
		require.Regexp(t, fmt.Sprintf("^output_dir %s is in use: llmhost train has held it since 20..-..-.. ..:..:.. as process %d on %s; "+
			"wait for it to end, stop it with kill %d, or name another output_dir$", dir, pid, host, pid), fmt.Sprint(err))
	}
	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	require.FileExists(t, filepath.Join(dir, rundir.LockName), "a killed process leaves the file")
	_, err := rundir.Find(dir, "", false, said.take)
	require.NoError(t, err, "the file alone does not make a folder used")
	claim, err := rundir.Hold(dir, "merge", said.take)
	require.NoError(t, err, "the lock died with its holder")
	claim.Release()
	require.NoFileExists(t, filepath.Join(dir, rundir.LockName))
	require.DirExists(t, dir, "another process made it")
	require.Empty(t, said)
}

func TestReleaseLeavesNothing(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "a", "b")
	claim, err := rundir.Hold(dir, "train", t.Logf)
	require.NoError(t, err)
	claim.Release()
	require.NoDirExists(t, filepath.Join(root, "a"))

	claim, err = rundir.Hold(dir, "train", t.Logf)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "model"), nil, 0o644))
	claim.Release()
	require.FileExists(t, filepath.Join(dir, "model"))
	_, err = rundir.HoldEmpty(dir, "merge", t.Logf)
	require.EqualError(t, err, "output_dir "+dir+" is not empty; name another folder or empty this one")
	_, err = rundir.Hold(filepath.Join(dir, "model"), "train", t.Logf)
	require.EqualError(t, err, "output_dir "+filepath.Join(dir, "model")+" is a file, or is below one; name a folder")
}

// A lock that another machine left is taken, with a note: not every file system
// shows locks to other machines.
func TestALockOfAnotherMachine(t *testing.T) {
	dir := t.TempDir()
	text := `{"pid": 17, "host": "elsewhere.example", "command": "train", "since": "2026-01-02T03:04:05Z"}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, rundir.LockName), []byte(text), 0o644))
	var said notes
	claim, err := rundir.Hold(dir, "train", said.take)
	require.NoError(t, err)
	claim.Release()
	require.Len(t, said, 1)
	require.True(t, strings.HasPrefix(said[0], "output_dir "+dir+" was held by process 17 on elsewhere.example since 2026-01-02 03:04:05"), said[0])
}

// Of many that want a folder at the same time one gets it, again and again,
// though each removes the file that the others lock.
func TestManyWantOneFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var inside, most, got atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				claim, err := rundir.Hold(dir, "train", t.Logf)
				if err != nil {
					if !strings.Contains(err.Error(), " is in use") {
						t.Error(err)
					}
					continue
				}
				most.Store(max(most.Load(), inside.Add(1)))
				time.Sleep(time.Millisecond)
				inside.Add(-1)
				got.Add(1)
				claim.Release()
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, most.Load(), "at a time")
	require.NotZero(t, got.Load())
}
