package tempfolder_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"llmhost/host/tempfolder"

	"github.com/stretchr/testify/require"
)

// asOwner makes the test binary hold a folder instead of testing.
const asOwner = "LLMHOST_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(asOwner) != "" {
		os.Exit(own())
	}
	os.Exit(m.Run())
}

// own makes a folder with something in it, says where it is, and waits.
func own() int {
	f, err := tempfolder.Make("mine-")
	if err != nil || os.WriteFile(filepath.Join(f.Path, "file"), nil, 0o600) != nil {
		return 1
	}
	os.Stdout.WriteString(f.Path + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// owner starts a process that holds a folder.
func owner(t *testing.T) (owner *exec.Cmd, folder string) {
	t.Helper()
	owner = exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), asOwner+"=1")
	_, err := owner.StdinPipe()
	require.NoError(t, err)
	out, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	t.Cleanup(func() { _ = owner.Process.Kill(); _ = owner.Wait() })
	line := make([]byte, 4096)
	n, err := out.Read(line)
	require.NoError(t, err)
	return owner, string(line[:n-1])
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dead, left := owner(t)
	_, held := owner(t)
	require.NoError(t, dead.Process.Kill())
	_ = dead.Wait()
	require.DirExists(t, left)

	f, err := tempfolder.Make("mine-")
	require.NoError(t, err)
	require.NoDirExists(t, left, "its owner was killed")
	require.DirExists(t, held, "its owner lives")
	require.NoError(t, f.Close())
	require.NoDirExists(t, f.Path)
}

func TestWhatIsNotOursStays(t *testing.T) {
	root := t.TempDir()
	t.Setenv("TMPDIR", root)
	long := time.Now().Add(-2 * time.Hour)
	for _, x := range []struct {
		name  string
		make  func(path string) error
		stays bool
	}{
		{"mine-notes", func(path string) error { return os.MkdirAll(path+"/x", 0o700) }, true},
		{"mine-1", func(path string) error { return os.WriteFile(path, nil, 0o600) }, true},
		{"mine-2", func(path string) error { return os.Symlink(t.TempDir(), path) }, true},
		{"yours-3", func(path string) error { return os.MkdirAll(path+"/x", 0o700) }, true},
		{"mine-4", func(path string) error { return os.Mkdir(path, 0o700) }, true}, // its maker is about to lock it
		{"mine-5", func(path string) error { _ = os.Mkdir(path, 0o700); return os.Chtimes(path, long, long) }, false},
		{"mine-6", func(path string) error { _ = os.MkdirAll(path+"/x/y", 0o700); return os.Chmod(path+"/x", 0o500) }, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			path := filepath.Join(root, x.name)
			require.NoError(t, x.make(path))
			f, err := tempfolder.Make("mine-")
			require.NoError(t, err)
			require.NoError(t, f.Close())
			_, err = os.Lstat(path)
			require.Equal(t, x.stays, err == nil)
		})
	}
}
