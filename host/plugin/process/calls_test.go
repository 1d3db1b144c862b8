package process_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/process"
	"llmhost/sdk"
)

// buildGuest builds testdata/guest once.
var buildGuest = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "guest")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, "./testdata/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return string(out), err
	}
	return path, nil
})

// guest is the program of testdata/guest.
func guest(t *testing.T) string {
	t.Helper()
	for _, source := range []string{"testdata/guest/main.go", "../../../sdk/process/serve.go"} {
		_, err := os.ReadFile(source) // so that go test does not reuse its results when one changes
		require.NoError(t, err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go tool to build a plugin from source")
	}
	path, err := buildGuest()
	require.NoError(t, err, path)
	return path
}

func start(t *testing.T, limits process.Limits) *process.Process {
	t.Helper()
	running, err := open(t, guest(t)).Start(context.Background(), limits)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Close(context.Background())) })
	return running
}

// configure configures a component and returns its handle.
func configure(t *testing.T, running *process.Process, component uint32, config string) uint32 {
	t.Helper()
	reply, err := running.Configure(context.Background(), component, []byte(config))
	require.NoError(t, err)
	require.Equal(t, byte(sdk.StatusOK), reply[0], "%s", reply)
	return 1
}

// The components of the guest, as they stand in its descriptor.
const (
	fine = iota
	exits
	crashes
	killed
	spins
	forks
	hoards
	daemons
	echo
)

func TestCalls(t *testing.T) {
	ctx := context.Background()
	running := start(t, process.Limits{})
	reply, err := running.Describe(ctx)
	require.NoError(t, err)
	require.Contains(t, string(reply), `"name":"guest"`)
	instance := configure(t, running, fine, "{}")
	reply, err = running.Trace(ctx, instance, []byte(`{"op_level":1}`))
	require.NoError(t, err, "a plugin that prints works")
	require.Contains(t, string(reply), `"llmhost_program":1`)
	reply, err = running.Trace(ctx, 77, []byte(`{"op_level":1}`))
	require.NoError(t, err)
	require.Equal(t, "\x01"+`{"code":"bad_request","message":"nothing is configured under handle 77"}`, string(reply))
}

func TestCallsThatFail(t *testing.T) {
	path := guest(t)
	sum := open(t, path).Digest()[:12]
	for _, x := range []struct {
		name      string
		component uint32
		limits    process.Limits
		fault     process.Fault
		want      string
	}{
		{"exit", exits, process.Limits{}, process.Died, `died during Trace: exit code 9 (sha256 SUM); its last output: "I am leaving"`},
		{"panic", crashes, process.Limits{}, process.Died, `died during Trace: exit code 2 (sha256 SUM); its last output: "panic: voluntarily"`},
		{"signal", killed, process.Limits{}, process.Died, `died during Trace: signal: killed (sha256 SUM)`},
		{"no end", spins, process.Limits{Call: 300 * time.Millisecond}, process.TimedOut,
			`did not answer Trace within 300ms and was stopped (sha256 SUM); look for a loop that does not end`},
		{"memory", hoards, process.Limits{MemoryMiB: 512}, process.Died, `died during Trace: exit code 2 (sha256 SUM); its last output: "fatal error: `},
	} {
		t.Run(x.name, func(t *testing.T) {
			running := start(t, x.limits)
			instance := configure(t, running, x.component, "{}")
			began := time.Now()
			_, err := running.Trace(context.Background(), instance, []byte(`{}`))
			require.Less(t, time.Since(began), 5*time.Second)
			want := "plugin " + path + ": " + strings.ReplaceAll(x.want, "SUM", sum)
			require.Equal(t, want, err.Error()[:min(len(want), len(err.Error()))])
			var fault *process.Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, x.fault, fault.Fault)
			require.Equal(t, x.fault == process.Died, process.Crashed(err))
			require.NoError(t, running.Close(context.Background()))
			requireGone(t)
		})
	}
}

func TestRunThatIsStopped(t *testing.T) {
	running := start(t, process.Limits{})
	instance := configure(t, running, spins, "{}")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := running.Trace(ctx, instance, []byte(`{}`))
	require.Equal(t, context.DeadlineExceeded, err, "the plugin is not to blame")
}

func TestWhatACallStartedEndsWithTheProcess(t *testing.T) {
	running := start(t, process.Limits{})
	out := filepath.Join(t.TempDir(), "pid")
	_, err := running.Trace(context.Background(), configure(t, running, forks, `{"path":"`+out+`"}`), []byte(`{}`))
	require.NoError(t, err)
	require.NoError(t, running.Close(context.Background()))
	requireEnds(t, number(t, out))
}

// rows is a frame of rows of one text each.
func rows(t *testing.T, texts ...string) []byte {
	t.Helper()
	var all []sdk.Row
	for _, text := range texts {
		all = append(all, sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: text}}))
	}
	frame, err := sdk.EncodeRows(1, all)
	require.NoError(t, err)
	return frame
}

func TestFormat(t *testing.T) {
	ctx := context.Background()
	running := start(t, process.Limits{Format: 200 * time.Millisecond, FormatRow: 50 * time.Millisecond})
	instance := configure(t, running, echo, "{}")
	reply, err := running.Format(ctx, instance, rows(t, "a", "drop", "b"), 3)
	require.NoError(t, err)
	results, err := sdk.DecodeResults(reply[1:], 3)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "told to", "b"}, []string{results[0].Example.Candidates[0].Prompt, results[1].Dropped, results[2].Example.Candidates[0].Prompt})

	large := strings.Repeat("x", 1<<20)
	reply, err = running.Format(ctx, instance, rows(t, large, large, large, large, large, large), 6)
	require.NoError(t, err, "more than gRPC's own limit of 4 MiB")
	require.Greater(t, len(reply), 6<<20)

	_, err = running.Format(ctx, instance, rows(t, "a", "sleep"), 2)
	require.EqualError(t, err, "plugin "+guest(t)+": did not answer Format within 300ms and was stopped (sha256 "+open(t, guest(t)).Digest()[:12]+"); look for a loop that does not end")
}

func TestMessagesThatAreTooLarge(t *testing.T) {
	ctx := context.Background()
	for _, text := range []string{strings.Repeat("x", 65<<20), "grow"} {
		running := start(t, process.Limits{Format: 20 * time.Second})
		instance := configure(t, running, echo, "{}")
		_, err := running.Format(ctx, instance, rows(t, text), 1)
		require.Regexp(t, `: Format: (grpc: received|trying to send) message larger than max \(\d+ vs\. 67108864\); at most 64 MiB can be sent at a time$`, err.Error())
	}
}
