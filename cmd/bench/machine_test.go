package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseBusy(t *testing.T) {
	busy, err := parseBusy("cpu  100 20 30 9999 888 5 6 7 40 50\ncpu0 1 1 1 1 1 1 1 1\n")
	require.NoError(t, err)
	require.Equal(t, (100+20+30+5+6+7)*tick, busy, "not idle, not waiting, and guests are part of user")
	_, err = parseBusy("")
	require.EqualError(t, err, `/proc/stat begins ""; want cpu and 8 numbers`)
	_, err = parseBusy("cpu a b c d e f g h")
	require.Error(t, err)
}

// What this process does while it is watched is its own, whatever others do.
func TestWatchTellsOwnWork(t *testing.T) {
	w, err := startWatch(os.Getpid())
	require.NoError(t, err)
	const work = 5 * tick
	for now := w.own; now < w.own+work; {
		now, err = processTime(os.Getpid())
		require.NoError(t, err)
	}
	own, foreign, err := w.since()
	require.NoError(t, err)
	require.GreaterOrEqual(t, own, work)
	require.GreaterOrEqual(t, foreign, 0.0)
	_, err = startWatch(1 << 30)
	require.Error(t, err, "a process that is gone")
}

func TestProcessMemory(t *testing.T) {
	held := make([]byte, 64<<20)
	for i := range held {
		held[i] = 1
	}
	m, err := processMemory(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, m.Now, int64(len(held)))
	require.GreaterOrEqual(t, m.Peak, m.Now)
	require.EqualValues(t, 1, held[len(held)-1])
}

func TestWaitForQuietHasAnEnd(t *testing.T) {
	began := time.Now()
	require.NoError(t, waitForQuiet(10*time.Millisecond))
	require.Less(t, time.Since(began), 2*time.Second)
}
