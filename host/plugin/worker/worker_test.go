package worker_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
)

// asHost has a child of the test be a host with a worker that never ends.
const asHost = "LLMHOST_TEST_HOST"

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	if os.Getenv(asHost) != "" {
		pool, _, err := worker.Open(context.Background(), worker.Formatter{Plugin: "x.wasm", Code: formatter(forever()...)}, worker.Limits{Batch: time.Hour})
		fmt.Println(err)
		_, _ = pool.Format(context.Background(), 7, nil, 1, nil)
	}
	os.Exit(m.Run())
}

// open opens a pool over a module that is called x.wasm.
func open(t *testing.T, code []byte, limits worker.Limits) *worker.Pool {
	t.Helper()
	pool, reply, err := worker.Open(context.Background(), worker.Formatter{Plugin: "x.wasm", Digest: "0123456789abcdef", Code: code}, limits)
	require.NoError(t, err)
	require.Equal(t, configured, string(reply))
	t.Cleanup(pool.Close)
	return pool
}

// ask formats a frame that the modules here do not look at.
func ask(pool *worker.Pool) (string, error) {
	reply, err := pool.Format(context.Background(), 7, []byte("frame"), 10, nil)
	return string(reply), err
}

// children lists this process's children.
func children(t *testing.T, of int) (pids []int) {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", of))
	require.NoError(t, err)
	if len(lists) == 0 {
		t.Skip("this system does not list children")
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may end meanwhile
		for _, field := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(field)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestWorkersAnswer(t *testing.T) {
	pool := open(t, formatter(answer()...), worker.Limits{Workers: 2})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				reply, err := ask(pool)
				require.NoError(t, err)
				require.Equal(t, replied, reply)
			}
		})
	}
	all.Wait()
	large, err := pool.Format(context.Background(), 7, make([]byte, 900<<10), 10, make([]byte, 0, 4))
	require.NoError(t, err)
	require.Equal(t, replied, string(large))
}

func TestOneWorkerIsEnoughForOneCaller(t *testing.T) {
	before := len(children(t, os.Getpid()))
	pool := open(t, formatter(answer()...), worker.Limits{Workers: 8})
	for range 20 {
		_, err := ask(pool)
		require.NoError(t, err)
	}
	require.Len(t, children(t, os.Getpid()), before+1)
}

// faults are formatters that misbehave, with the whole error.
var faults = []struct {
	name    string
	body    []byte
	limits  worker.Limits
	crashed bool
	want    string // a regular expression
}{
	{"a trap", []byte{unreachable}, worker.Limits{}, true, `^plugin x\.wasm: llmhost_format trapped: unreachable \(sha256 [0-9a-f]{12}\)$`},
	{"a loop", forever(), worker.Limits{Batch: 200 * time.Millisecond}, false,
		`^plugin x\.wasm: its worker spent more than 210ms on formatting 10 rows and was killed \(sha256 0123456789ab\); look for a loop that does not end$`},
	{"a memory bomb", bomb(), worker.Limits{MemoryMiB: 32, Batch: time.Minute}, true, `^plugin x\.wasm: llmhost_format trapped: unreachable`},
	{"a recursion", recursion(), worker.Limits{Batch: time.Minute}, true, `^plugin x\.wasm: (llmhost_format trapped: stack overflow|its worker took \d+ MiB of memory and was killed; at most 448 MiB are allowed|its worker died while formatting 10 rows: exit status \d+) \(sha256 [0-9a-f]{12}\)`},
	{"a reply outside its memory", replyWith(1<<30, 10), worker.Limits{}, false,
		`^plugin x\.wasm: llmhost_format replied with 10 bytes at address 1073741824, outside its memory of 2097152 bytes$`},
	{"a reply that is too large", replyWith(0, 65<<20), worker.Limits{}, false,
		`^plugin x\.wasm: llmhost_format replied with 68157440 bytes; at most 67108864 are allowed$`},
}

func TestFaults(t *testing.T) {
	for _, x := range faults {
		t.Run(x.name, func(t *testing.T) {
			pool := open(t, formatter(x.body...), x.limits)
			for range 2 { // the pool lives on
				began := time.Now()
				_, err := ask(pool)
				require.Error(t, err)
				require.Regexp(t, x.want, err.Error())
				require.Equal(t, x.crashed, worker.Crashed(err))
				require.Less(t, time.Since(began), 20*time.Second)
			}
		})
	}
}

func TestATimeOutIsNotTriedAgain(t *testing.T) {
	pool := open(t, formatter(forever()...), worker.Limits{Workers: 1, Batch: 300 * time.Millisecond})
	_, err := ask(pool)
	var fault *wasm.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, wasm.TimedOut, fault.Fault)
	require.Empty(t, children(t, os.Getpid()), "nothing was started instead")
}

func TestACrashIsTriedOnceMore(t *testing.T) {
	pool := open(t, formatter(crashOnCall(3)...), worker.Limits{Workers: 1})
	for call := range 8 {
		reply, err := ask(pool)
		require.NoError(t, err, "call %d", call)
		require.Equal(t, replied, reply)
	}
	pool = open(t, formatter(crashOnCall(1)...), worker.Limits{Workers: 1})
	_, err := ask(pool)
	require.True(t, worker.Crashed(err))
}

func TestAWorkerIsKilledFromOutside(t *testing.T) {
	pool := open(t, formatter(answer()...), worker.Limits{Workers: 1})
	for range 3 {
		pids := children(t, os.Getpid())
		require.NotEmpty(t, pids)
		for _, pid := range pids {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		reply, err := ask(pool)
		require.NoError(t, err)
		require.Equal(t, replied, reply)
	}

	pool = open(t, formatter(forever()...), worker.Limits{Workers: 1, Batch: time.Minute})
	done := make(chan error)
	go func() {
		_, err := ask(pool)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			require.EqualError(t, err, "plugin x.wasm: its worker died while formatting 10 rows: signal: killed (sha256 0123456789ab)")
			return
		case <-time.After(100 * time.Millisecond):
			for _, pid := range children(t, os.Getpid()) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

func TestTheRunIsStopped(t *testing.T) {
	pool := open(t, formatter(forever()...), worker.Limits{Batch: time.Minute})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := pool.Format(ctx, 7, nil, 1, nil)
	require.Equal(t, context.DeadlineExceeded, err)
	_, err = pool.Format(ctx, 7, nil, 1, nil)
	require.Equal(t, context.DeadlineExceeded, err)
}

func TestNothingIsLeft(t *testing.T) {
	descriptors := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(open)
	}
	before, goroutines := descriptors(), runtime.NumGoroutine()
	for _, body := range [][]byte{answer(), {unreachable}, forever(), crashOnCall(2)} {
		pool := open(t, formatter(body...), worker.Limits{Workers: 3, Batch: 100 * time.Millisecond})
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() { _, _ = ask(pool) })
		}
		all.Wait()
		pool.Close()
		pool.Close()
	}
	pool := open(t, formatter(forever()...), worker.Limits{Workers: 3, Batch: time.Minute})
	failed := make(chan error)
	go func() {
		_, err := ask(pool)
		failed <- err
	}()
	time.Sleep(50 * time.Millisecond)
	pool.Close()
	require.EqualError(t, <-failed, "the formatter is closed")
	_, err := ask(pool)
	require.EqualError(t, err, "the formatter is closed")
	_, _, err = worker.Open(context.Background(), worker.Formatter{Plugin: "x.wasm", Code: []byte("no module")}, worker.Limits{})
	require.ErrorContains(t, err, `plugin x.wasm: is not a WASM module (it begins with "no modul")`)
	closed := time.Now()
	require.Empty(t, children(t, os.Getpid()))
	require.Equal(t, before, descriptors())
	for runtime.NumGoroutine() > goroutines { // Eventually has some of its own
		require.Less(t, time.Since(closed), 5*time.Second, "goroutines")
		time.Sleep(time.Millisecond)
	}
}

// A host that is killed takes its workers with it, even one that never comes
// to see the end of its input.
func TestWorkersEndWithTheHost(t *testing.T) {
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), asHost+"=1")
	out, err := host.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, host.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "<nil>\n", line)
	workers := children(t, host.Process.Pid)
	require.Len(t, workers, 1)
	require.NoError(t, host.Process.Kill())
	_ = host.Wait()
	require.Eventually(t, func() bool { return syscall.Kill(workers[0], 0) != nil || isZombie(workers[0]) }, 5*time.Second, 10*time.Millisecond)
}

// isZombie reports whether a process has ended and nobody has asked for how.
func isZombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(text, []byte(") Z "))
}

func TestWorkersHaveNoEnvironment(t *testing.T) {
	t.Setenv("LLMHOST_SECRET", "do not tell")
	open(t, formatter(answer()...), worker.Limits{Workers: 1})
	pids := children(t, os.Getpid())
	require.NotEmpty(t, pids)
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		require.NoError(t, err)
		require.Empty(t, string(text))
	}
}

// A small module that compiles as long as Go's runtime does is up to something.
func TestASmallModuleCompilesForAShortTime(t *testing.T) {
	limits := worker.Limits{}.WithDefaults()
	for size, want := range map[int]time.Duration{0: 1500 * time.Millisecond, 100 << 10: 1500 * time.Millisecond, 1 << 20: 12 * time.Second, 3 << 20: 30 * time.Second, 16 << 20: 30 * time.Second} {
		require.Equal(t, want, worker.CompileTime(limits, size), "%d bytes", size)
	}
}
