package process_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/guard"
	"llmhost/host/plugin/process"
)

// scratch holds the private copies of every test, and the guest.
var scratch string

// asHost names, in the environment of a child, the plugin that the child is to
// start and hold instead of testing.
const asHost = "LLMHOST_TEST_HOLD"

func TestMain(m *testing.M) {
	if guard.Asked(os.Args) {
		os.Exit(guard.Main())
	}
	if path := os.Getenv(asHost); path != "" {
		os.Exit(hold(path))
	}
	var err error
	if scratch, err = os.MkdirTemp("", "process-*"); err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", scratch)
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// script writes a program for the shell, which may use the time that it takes
// to name its own folder.
func script(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "my-plugin")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"), 0o755))
	return path
}

func open(t *testing.T, path string) *process.Program {
	t.Helper()
	p, err := process.Open(path)
	require.NoError(t, err)
	return p
}

// requireGone makes sure that nothing is left of a plugin's copy.
func requireGone(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(scratch, "llmhost-plugin-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// cert is a certificate as a handshake has it.
var cert = newCert()

func newCert() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

func TestProgramsThatAreNoPlugins(t *testing.T) {
	for _, x := range []struct {
		name  string
		lines []string
		fault process.Fault
		want  string
	}{
		{"ends", []string{"exit 0"}, process.NotPlugin,
			"is not a plugin: it ended with exit code 0 before a handshake"},
		{"prints and ends", []string{"echo hello", "exit 3"}, process.NotPlugin,
			`is not a plugin: it ended with exit code 3 before a handshake; its last output: "hello"`},
		{"is killed", []string{"kill -9 $$"}, process.NotPlugin,
			"is not a plugin: it ended with signal: killed before a handshake"},
		{"prints without end", []string{"exec yes hello"}, process.NotPlugin,
			`is not a plugin: it printed "hello" and more, but no handshake`},
		{"waits", []string{"echo waiting >&2", "exec sleep 60"}, process.TimedOut,
			`made no handshake within 500ms and was stopped; its last output: "waiting"`},
		{"prints first", []string{"echo hello", "echo '1|2|unix|/x|grpc|" + cert + "'", "exec sleep 60"}, process.Printed,
			`printed "hello" to standard output before its handshake; print to standard error, or after the SDK has begun to serve`},
		{"another version", []string{"echo '1|1|unix|/x|grpc|" + cert + "'", "exec sleep 60"}, process.WrongABI,
			"speaks ABI 1, host speaks 2; rebuild it with this sdk"},
		{"another protocol", []string{"echo '2|2|unix|/x|grpc|" + cert + "'", "exec sleep 60"}, process.WrongABI,
			"its handshake is of version 2 of go-plugin's protocol, this llmhost knows 1; rebuild it with this sdk"},
		{"another kind", []string{"echo '1|2|unix|/x|netrpc|" + cert + "'", "exec sleep 60"}, process.NotPlugin,
			`serves "netrpc"; want "grpc"`},
		{"no certificate", []string{"echo '1|2|unix|/x|grpc'", "exec sleep 60"}, process.NotPlugin,
			"has no certificate in its handshake; llmhost only connects over mutual TLS"},
		{"a broken certificate", []string{"echo '1|2|unix|/x|grpc|" + strings.Repeat("A", 100) + "'", "exec sleep 60"}, process.NotPlugin,
			"has no certificate that can be read in its handshake; want one as DER, in base64 without padding"},
		{"no interpreter", []string{"#"}, process.CannotStart, "cannot be run: no such file or directory"},
	} {
		t.Run(x.name, func(t *testing.T) {
			path := script(t, x.lines...)
			if x.name == "no interpreter" {
				require.NoError(t, os.WriteFile(path, []byte("#!/no/such/interpreter\n"), 0o755))
			}
			_, err := open(t, path).Start(context.Background(), process.Limits{Start: 500 * time.Millisecond})
			var fault *process.Error
			require.ErrorAs(t, err, &fault)
			require.EqualError(t, err, "plugin "+path+": "+x.want)
			require.Equal(t, x.fault, fault.Fault)
			requireGone(t)
		})
	}
}

func TestFilesThatCannotRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my-plugin")
	_, err := process.Open(path)
	require.EqualError(t, err, "plugin "+path+": no such file")
	require.NoError(t, os.WriteFile(path, []byte("hello"), 0o644))
	_, err = process.Open(path)
	require.EqualError(t, err, "plugin "+path+": is not executable; chmod +x makes it so")
	require.NoError(t, os.Chmod(path, 0o755))
	_, err = open(t, path).Start(context.Background(), process.Limits{})
	require.EqualError(t, err, "plugin "+path+": cannot be run: exec format error")
}

func TestTemporaryFolderWithALongName(t *testing.T) {
	folder := filepath.Join(t.TempDir(), strings.Repeat("x", 60))
	require.NoError(t, os.Mkdir(folder, 0o700))
	path := script(t, "exit 0")
	t.Setenv("TMPDIR", folder)
	_, err := open(t, path).Start(context.Background(), process.Limits{})
	require.EqualError(t, err, "plugin "+path+": cannot be started: the folder for temporary files, "+folder+", has too long a path for a socket in it; set TMPDIR to a shorter one")
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestChangedFile(t *testing.T) {
	path := script(t, "exit 0")
	p := open(t, path)
	was := p.Digest()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o755))
	_, err := p.Start(context.Background(), process.Limits{})
	require.EqualError(t, err, "plugin "+path+": changed since it was opened: its sha256 is "+open(t, path).Digest()+", was "+was+"; start again")
	requireGone(t)
}

func TestEnvironment(t *testing.T) {
	t.Setenv("LLMHOST_TEST_SECRET", "secret")
	t.Setenv("LANG", "C.UTF-8")
	out := filepath.Join(t.TempDir(), "env")
	path := script(t, "env > "+out, "pwd >> "+out, "cat >> "+out)
	_, err := open(t, path).Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "before a handshake", "cat came to the end of an empty input")
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	require.Contains(t, string(text), "PATH="+os.Getenv("PATH")+"\n")
	require.Contains(t, string(text), "LANG=C.UTF-8\n")
	require.Contains(t, string(text), "LLMHOST_PLUGIN=llmhost\n")
	require.Contains(t, string(text), "-----BEGIN CERTIFICATE-----")
	require.NotContains(t, string(text), "HOME=")
	require.Contains(t, string(text), "PWD="+scratch, "it runs in its private folder")
}

// A process that is being started elsewhere may have the fresh copy open.
func TestStartsWhileOthersStart(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	for range 4 {
		go func() {
			for ctx.Err() == nil {
				_ = exec.Command("true").Run()
			}
		}()
	}
	defer cancel()
	p := open(t, script(t, "exit 0"))
	for range 50 {
		_, err := p.Start(ctx, process.Limits{})
		require.ErrorContains(t, err, "ended with exit code 0")
	}
}

func TestStartIsGivenUp(t *testing.T) {
	path := script(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := open(t, path).Start(ctx, process.Limits{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 5*time.Second)
	requireGone(t)
}

// number reads a process's number from a file that the process writes.
func number(t *testing.T, path string) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(path)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return strings.HasSuffix(string(text), "\n")
	}, 10*time.Second, 10*time.Millisecond)
	return pid
}

// requireEnds waits for the end of a process that may be nobody's child.
func requireEnds(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	}, 10*time.Second, 10*time.Millisecond, "process %d still runs", pid)
}

func TestWhatAPluginStartedEndsWithIt(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pid")
	path := script(t, "sleep 600 &", "echo $! > "+out, "exit 0")
	_, err := open(t, path).Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "before a handshake")
	requireEnds(t, number(t, out))

	// One that left the group, and one whose parent is gone, hold the pipes.
	for _, line := range []string{
		"setsid sleep 600 &",
		"setsid sh -c 'sleep 600 & echo $! > " + out + "; exit 0' &",
		"setsid sh -c 'setsid sh -c \"setsid sleep 600 & echo \\$! > " + out + "\" &' & sleep 0.3",
	} {
		require.NoError(t, os.RemoveAll(out))
		path = script(t, line, "test -f "+out+" || echo $! > "+out, "while ! test -s "+out+"; do sleep 0.01; done", "exit 0")
		_, err = open(t, path).Start(context.Background(), process.Limits{})
		require.ErrorContains(t, err, "before a handshake")
		requireEnds(t, number(t, out))
	}
}

// A process that starts the next one and ends is never there when a list is
// read; it is caught all the same, and long before its last generation.
func TestAChainOfProcessesEnds(t *testing.T) {
	out := filepath.Join(t.TempDir(), "generation")
	chain := filepath.Join(t.TempDir(), "chain.sh")
	text := "echo $1 > " + out + "\ntest $1 -lt 20000 && setsid sh $0 $(($1 + 1)) &\n"
	require.NoError(t, os.WriteFile(chain, []byte(text), 0o600))
	path := script(t, "setsid sh "+chain+" 1 &", "sleep 0.3", "exit 0")
	_, err := open(t, path).Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "before a handshake")
	was, err := os.ReadFile(out)
	require.NoError(t, err)
	time.Sleep(100 * time.Millisecond)
	is, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, string(was), string(is), "it goes on")
	require.NotContains(t, []string{"1\n", "20000\n"}, string(is), "it went on before, and did not come to its end")
}

// hold starts a plugin and waits for its own end.
func hold(path string) int {
	p, err := process.Open(path)
	if err == nil {
		var running *process.Process
		if running, err = p.Start(context.Background(), process.Limits{}); err == nil {
			_, err = running.Configure(context.Background(), daemons, []byte(`{"path":"`+os.Getenv(asHost+"_OUT")+`"}`))
		}
		if err == nil {
			_, err = running.Trace(context.Background(), 1, []byte(`{}`))
		}
	}
	if err != nil {
		os.Stdout.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString("held\n")
	select {}
}

// However a host ends, nothing of its plugins stays: neither they, nor what they
// started in a session of its own, nor, after the next start, their copies.
func TestAPluginEndsWithItsHost(t *testing.T) {
	folder, err := os.MkdirTemp("", "held-*")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	out := filepath.Join(t.TempDir(), "pid")
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), asHost+"="+guest(t), asHost+"_OUT="+out, "TMPDIR="+folder)
	said, err := host.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, host.Start())
	begin := make([]byte, 200)
	n, err := said.Read(begin)
	require.NoError(t, err)
	require.Equal(t, "held\n", string(begin[:n]))
	guards := childrenOf(t, host.Process.Pid)
	require.Len(t, guards, 1)
	plugins := childrenOf(t, guards[0])
	require.NotEmpty(t, plugins)
	daemon := number(t, out)
	require.NoError(t, syscall.Kill(daemon, 0), "the daemon runs")

	require.NoError(t, host.Process.Kill())
	_ = host.Wait()
	for _, pid := range append(append(plugins, guards[0]), daemon) {
		requireEnds(t, pid)
	}
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, left, 1, "nobody removed the copy")
	t.Setenv("TMPDIR", folder)
	_, err = open(t, script(t, "exit 0")).Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "before a handshake")
	left, err = os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left, "the next start did")
}

// A guard that is told to end by a signal ends what it guards first.
func TestAGuardThatIsTerminated(t *testing.T) {
	out := filepath.Join(t.TempDir(), "pid")
	running := start(t, process.Limits{})
	_, err := running.Trace(context.Background(), configure(t, running, daemons, `{"path":"`+out+`"}`), []byte(`{}`))
	require.NoError(t, err)
	guards := childrenOf(t, os.Getpid())
	require.Len(t, guards, 1)
	require.NoError(t, syscall.Kill(guards[0], syscall.SIGTERM))
	requireEnds(t, number(t, out))
	_, err = running.Describe(context.Background())
	require.ErrorContains(t, err, "died during Describe: signal: killed")
}

// childrenOf lists the processes that another one started.
func childrenOf(t *testing.T, parent int) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range all {
		text, _ := os.ReadFile(file) // it may have ended meanwhile
		begin, rest, _ := strings.Cut(string(text), " (")
		fields := strings.Fields(rest[strings.LastIndex(rest, ")")+1:])
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, err := strconv.Atoi(begin)
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}
