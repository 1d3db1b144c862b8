package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// saved is what a run says that was stopped after a step.
const saved = `^interrupted after step \d+; run/checkpoint-\d+ holds the state of the run\nto resume, run the same command with --resume_from_checkpoint auto\n$`

// Whatever ends a run from outside, it saves a checkpoint, says so and has the
// exit code of a run that was interrupted.
func TestEveryEndSavesACheckpoint(t *testing.T) {
	send := func(all ...syscall.Signal) func(*testing.T, *exec.Cmd) {
		return func(t *testing.T, c *exec.Cmd) {
			for _, s := range all {
				require.NoError(t, c.Process.Signal(s))
			}
		}
	}
	for _, c := range []struct {
		name string
		end  func(*testing.T, *exec.Cmd)
		line string
	}{
		{"SIGTERM", send(syscall.SIGTERM), "SIGTERM: stopping after this step; a second one to stop at once\n"},
		{"a terminal that closes", send(syscall.SIGHUP), "the terminal was closed (SIGHUP): stopping after this step; SIGTERM to stop at once\n"},
		{"and says so twice", send(syscall.SIGHUP, syscall.SIGHUP), "the terminal was closed (SIGHUP): stopping after this step"},
		{"timeout, which sends two", send(syscall.SIGTERM, syscall.SIGTERM), "SIGTERM: stopping after this step"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := endless(t)
			command, lines, failed := program(dir, "train", "--config", "run.toml")
			require.NoError(t, command.Start())
			awaitStep(t, dir)
			c.end(t, command)
			_ = command.Wait()
			require.Equal(t, 130, command.ProcessState.ExitCode(), failed.String())
			require.Regexp(t, saved, failed.String())
			require.Contains(t, lines.String(), "\n"+c.line)
			requireCheckpoint(t, dir)
		})
	}
}

func requireCheckpoint(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "run", "checkpoint-*", "checkpoint.json"))
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// llmhost train … | head -1
func TestAReaderThatGoesStopsTheRun(t *testing.T) {
	for _, both := range []bool{false, true} {
		t.Run(fmt.Sprintf("of both outputs %v", both), func(t *testing.T) {
			dir := endless(t)
			command, _, failed := program(dir, "train", "--config", "run.toml")
			read, write, err := os.Pipe()
			require.NoError(t, err)
			command.Stdout = write
			if both {
				command.Stderr = write
			}
			require.NoError(t, command.Start())
			require.NoError(t, write.Close())
			awaitStep(t, dir)
			require.NoError(t, read.Close())
			_ = command.Wait()
			require.Equal(t, 130, command.ProcessState.ExitCode(), failed.String())
			requireCheckpoint(t, dir)
			if !both {
				require.Contains(t, failed.String(), "nobody reads the output any more (write /dev/stdout: broken pipe): stopping after this step; Ctrl-C to stop at once\n")
				require.Regexp(t, `\ninterrupted after step \d+; run/checkpoint-\d+ holds the state`, failed.String())
			}
		})
	}
}

// terminal opens both ends of a pseudo-terminal.
func terminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return master, slave
}

// A terminal that closes sends SIGHUP to the processes that it controls; others
// only find that nothing can be written to it.
func TestATerminalThatClosesStopsTheRun(t *testing.T) {
	for _, controls := range []bool{true, false} {
		t.Run(fmt.Sprintf("its own %v", controls), func(t *testing.T) {
			dir := endless(t)
			command, _, _ := program(dir, "train", "--config", "run.toml")
			master, slave := terminal(t)
			command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
			command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: controls}
			require.NoError(t, command.Start())
			require.NoError(t, slave.Close())
			go io.Copy(io.Discard, master)
			awaitStep(t, dir)
			require.NoError(t, master.Close())
			_ = command.Wait()
			require.Equal(t, 130, command.ProcessState.ExitCode())
			requireCheckpoint(t, dir)
		})
	}
}

// Under nohup a run outlives its terminal.
func TestNohup(t *testing.T) {
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	dir := endless(t)
	command, lines, failed := program(dir, "train", "--config", "run.toml")
	require.NoError(t, command.Start())
	metrics := awaitStep(t, dir)
	require.NoError(t, command.Process.Signal(syscall.SIGHUP))
	was, err := os.Stat(metrics)
	require.NoError(t, err)
	require.Eventually(t, func() bool { info, err := os.Stat(metrics); return err == nil && info.Size() > was.Size() }, 30*time.Second, time.Millisecond)
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	_ = command.Wait()
	require.Equal(t, 130, command.ProcessState.ExitCode(), failed.String())
	require.NotContains(t, lines.String(), "SIGHUP")
}

// The first Ctrl-C is answered at once, however long the step takes, and the
// second ends the program at once.
func TestTheSecondCtrlCEndsAtOnce(t *testing.T) {
	dir := endless(t)
	record := `{"prompt": "a", "answer": "b"}` + "\n"
	write(t, strings.Repeat(record, 3000), dir, "many.jsonl")
	command, _, _ := program(dir, "train", "--config", "run.toml", "--data_paths", "many.jsonl",
		"--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "3000") // steps of seconds
	command.Stdout = nil
	pipe, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	out := bufio.NewScanner(pipe)
	await := func(line string) {
		for out.Scan() {
			if strings.HasPrefix(out.Text(), line) {
				return
			}
		}
		t.Errorf("the run ended before it said %q", line)
	}
	awaitStep(t, dir)
	time.Sleep(2 * together) // in the midst of the second step
	require.NoError(t, command.Process.Signal(syscall.SIGINT))
	await("stopping after this step; Ctrl-C again to stop at once")
	time.Sleep(2 * together)
	require.NoError(t, command.Process.Signal(syscall.SIGINT))
	_ = command.Wait()
	status := command.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, status.Signaled() && status.Signal() == syscall.SIGINT, command.ProcessState)
	found, err := filepath.Glob(filepath.Join(dir, "run", "checkpoint-*"))
	require.NoError(t, err)
	require.Empty(t, found)
}
