package host_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"llmhost/host/config"

	"github.com/stretchr/testify/require"
)

// compiled builds a main package as a WASM module.
func compiled(t *testing.T, pkg string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build a plugin with")
	}
	file := filepath.Join(scratch, filepath.Base(pkg)+".wasm")
	build := exec.Command("go", "build", "-buildvcs=false", "-buildmode=c-shared", "-o", file, "./"+pkg)
	build.Dir = ".."
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}

// obedient is a run whose task has formatter, pooling and loss in one module;
// the formatter does what each record's text says.
func obedient(t *testing.T, texts ...string) config.Settings {
	t.Helper()
	s := ranking(t)
	s.Task, s.EvalDataPaths, s.EvalStrategy = compiled(t, "host/plugin/testdata/formatters"), nil, "no"
	s.PluginStartMS = 20_000 // the machine may be busy with other tests
	var lines strings.Builder
	for _, text := range texts {
		line, err := json.Marshal(map[string]string{"text": text})
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "texts.jsonl"), lines.String())}
	return s
}

// workers counts this process's children.
func workers(t *testing.T) int {
	t.Helper()
	return len(children(t))
}

// children are the numbers of this process's children.
func children(t *testing.T) (numbers []string) {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	require.NoError(t, err)
	if len(lists) == 0 {
		t.Skip("this system does not list the children of a process, so no worker can be seen")
	}
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread may end meanwhile
		numbers = append(numbers, strings.Fields(string(text))...)
	}
	return numbers
}

func repeated(n int, text string) []string {
	return strings.Split(strings.Repeat(text+"\n", n-1)+text, "\n")
}

// A run may take its whole task from one file, and has no worker left once the
// data is read.
func TestTaskOfOneModuleTrains(t *testing.T) {
	s := obedient(t, append(repeated(31, "say it"), "drop")...)
	lines, err := trainedUntil(context.Background(), s, func(string) { require.Zero(t, workers(t)) })
	require.NoError(t, err, lines)
	require.Contains(t, lines, "train  32 records, 31 sequences, ")
	require.Contains(t, lines, "1 dropped: formatter obey of plugin "+s.Task+": told to (the first at "+s.DataPaths[0]+":32)\n")
	require.Equal(t, "formatter obey of plugin "+s.Task, readRecord(t, s.OutputDir).Task.Formatter)
}

// TestFormatterThatDies checks the errors that a run ends with.
func TestFormatterThatDies(t *testing.T) {
	for text, want := range map[string]string{
		"exit": `^DATA:17: formatter obey: plugin TASK: llmhost_format ended the module with exit code 3 \(sha256 SUM\); its last output: "I am leaving"; ` +
			`its worker was restarted and crashed again at this record \(in the batch DATA:1 to DATA:24\)$`,
		"spin":  `^DATA:1 to DATA:24: formatter obey: plugin TASK: its worker spent more than 124ms on formatting 24 rows and was killed \(sha256 SUM\); look for a loop that does not end$`,
		"panic": `^DATA:17: formatter obey of plugin [^ ]+: formatters/main\.go:\d+: panicked: told to$`,
	} {
		t.Run(text, func(t *testing.T) {
			texts := repeated(24, "say it")
			texts[16] = text
			s := obedient(t, texts...)
			s.PluginFormatMS = 100
			_, err := trained(s)
			require.Error(t, err)
			require.Regexp(t, strings.NewReplacer("DATA", s.DataPaths[0], "TASK", s.Task, "SUM", digest(t, s.Task)[:12]).Replace(want), err.Error())
			require.NoDirExists(t, s.OutputDir)
			require.Zero(t, workers(t))
		})
	}
}

func TestReadingDataIsInterrupted(t *testing.T) {
	s := obedient(t, "say it")
	ctx, cancel := context.WithCancel(context.Background())
	s.DataPaths = obedient(t, append(repeated(24, "say it"), "spin")...).DataPaths
	s.PluginFormatMS = 600_000
	loaded := make(chan string, 1)
	go func() {
		for workers(t) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond) // by now it starts or formats
		maps := ""
		for _, child := range children(t) {
			text, _ := os.ReadFile("/proc/" + child + "/maps")
			maps += string(text)
		}
		loaded <- maps
		cancel()
	}()
	_, err := trainedUntil(ctx, s, nil)
	require.EqualError(t, err, "interrupted before the first step; nothing was changed")
	maps := <-loaded
	require.Contains(t, maps, "libc", "what a worker has loaded")
	require.NotContains(t, maps, "libtorch", "a worker needs no tensors")
	require.NotContains(t, maps, "libllmhost_torch", "a worker needs no tensors")
	require.Zero(t, workers(t))
}
