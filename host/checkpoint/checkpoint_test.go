package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host/checkpoint"
	"llmhost/host/data"

	"github.com/stretchr/testify/require"
)

func save(t *testing.T, dir string, step int) string {
	t.Helper()
	path, err := checkpoint.Save(dir, checkpoint.State{GlobalStep: step, Cursor: data.Cursor{Epoch: 1, Next: step}}, func(folder string) error {
		return os.WriteFile(filepath.Join(folder, "weights"), []byte("abc"), 0o644)
	})
	require.NoError(t, err)
	return path
}

func TestNewestWholeCheckpoint(t *testing.T) {
	dir := t.TempDir()
	path, _, _, err := checkpoint.Newest(filepath.Join(dir, "absent"))
	require.NoError(t, err)
	require.Empty(t, path)

	save(t, dir, 9)
	newest := save(t, dir, 10)
	path, state, damaged, err := checkpoint.Newest(dir)
	require.NoError(t, err)
	require.Empty(t, damaged)
	require.Equal(t, newest, path)
	require.Equal(t, data.Cursor{Epoch: 1, Next: 10}, state.Cursor)

	require.NoError(t, os.WriteFile(filepath.Join(newest, "weights"), []byte("abd"), 0o644))
	path, state, damaged, err = checkpoint.Newest(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "checkpoint-9"), path)
	require.Equal(t, 9, state.GlobalStep)
	require.Len(t, damaged, 1)
	require.ErrorContains(t, damaged[0], "checkpoint-10 is not a whole checkpoint: weights has sha256 ")
}

func TestDamageIsNamed(t *testing.T) {
	dir := t.TempDir()
	path := save(t, dir, 1)
	require.NoError(t, os.WriteFile(filepath.Join(path, "weights"), []byte("ab"), 0o644))
	_, err := checkpoint.Check(path)
	require.EqualError(t, err, path+" is not a whole checkpoint: weights has 2 bytes; want 3")
	require.NoError(t, os.Remove(filepath.Join(path, "weights")))
	_, err = checkpoint.Check(path)
	require.EqualError(t, err, path+" is not a whole checkpoint: weights is missing")
	empty := t.TempDir()
	_, err = checkpoint.Check(empty)
	require.EqualError(t, err, empty+" is not a whole checkpoint: it has no checkpoint.json")
	_, err = checkpoint.Check(filepath.Join(dir, "checkpoint-7"))
	require.EqualError(t, err, filepath.Join(dir, "checkpoint-7")+": no such checkpoint; "+dir+" has checkpoint-1")
	_, err = checkpoint.Check(filepath.Join(empty, "checkpoint-7"))
	require.EqualError(t, err, filepath.Join(empty, "checkpoint-7")+": no such checkpoint")
}

func TestFailedSaveLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	_, err := checkpoint.Save(dir, checkpoint.State{GlobalStep: 2}, func(folder string) error {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "half"), []byte("x"), 0o644))
		return errors.New("disk gone")
	})
	require.EqualError(t, err, filepath.Join(dir, "checkpoint-2")+": disk gone")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		for _, step := range []int{2, 10, 9} {
			save(t, dir, step)
		}
		_, err := checkpoint.SetAside(dir, 2)
		require.NoError(t, err)
	}
	paths, err := checkpoint.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "checkpoint-2")}, paths)
	for _, name := range []string{"unused-checkpoint-9", "unused-checkpoint-10", "unused-checkpoint-9-2", "unused-checkpoint-10-2"} {
		_, err := checkpoint.Check(filepath.Join(dir, name))
		require.NoError(t, err, name)
	}
	aside, err := checkpoint.SetAside(filepath.Join(dir, "absent"), 2)
	require.NoError(t, err)
	require.Empty(t, aside)
}

func TestPruneKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int{2, 10, 9} {
		save(t, dir, step)
	}
	require.NoError(t, checkpoint.Prune(dir, 0, 0))
	require.NoError(t, checkpoint.Prune(dir, 2, 0))
	paths, err := checkpoint.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "checkpoint-9"), filepath.Join(dir, "checkpoint-10")}, paths)
}
