package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an author does, in each language: a new project, a plugin built from it, the
// checks, and two steps of training on the quickstart's data.
func TestNewLossTrains(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off") // an empty folder and no network
	data, err := filepath.Abs("../../examples/quickstart/train.jsonl")
	require.NoError(t, err)
	dir := t.TempDir()
	made(t, dir, "init", "--output_dir", "model", "--hidden_size", "32", "--num_hidden_layers", "1")
	for _, language := range []string{"go", "rust", "c", "assemblyscript", "python"} {
		t.Run(language, func(t *testing.T) {
			name := "gap-" + language
			made(t, dir, "plugins", "new", name, "--kind", "loss", "--lang", language)
			file := buildOrSkip(t, dir, name)
			made(t, dir, "plugins", "check", file)
			lines := made(t, dir, "train", "--task", file, "--model_name_or_path", "model", "--output_dir", "run-"+language,
				"--data_paths", data, "--max_steps", "2", "--max_length", "96", "--margin", "0.25", "--save_strategy", "no")
			require.Contains(t, lines, "task   "+name+": rank candidates by a hinge")
			require.FileExists(t, filepath.Join(dir, "run-"+language, "model.safetensors"))
		})
	}
}

// A project's own data and settings show that it trains.
func TestNewTasksTrainOnTheirOwnData(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	for _, project := range [][2]string{{"formatter", "c"}, {"formatter", "assemblyscript"}, {"task", "go"}, {"task", "rust"}, {"task", "python"}} {
		t.Run(strings.Join(project[:], " "), func(t *testing.T) {
			dir := t.TempDir()
			made(t, dir, "plugins", "new", "mine", "--kind", project[0], "--lang", project[1])
			folder := filepath.Join(dir, "mine")
			file := buildOrSkip(t, folder, ".")
			made(t, folder, "plugins", "check", file)
			made(t, folder, "init", "--output_dir", "model", "--hidden_size", "32", "--num_hidden_layers", "1")
			lines := made(t, folder, "train", "--config", "run.toml", "--max_steps", "2")
			require.Contains(t, lines, "task   mine: ")
		})
	}
}

// made runs llmhost in a folder and wants it to succeed.
func made(t *testing.T, folder string, args ...string) string {
	t.Helper()
	code, stdout, stderr := run(folder, args...)
	require.Zero(t, code, "%v: %s%s", args, stdout, stderr)
	return stdout
}

// buildOrSkip builds a project, and skips where a tool is missing.
func buildOrSkip(t *testing.T, folder, project string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	t.Setenv("PATH", filepath.Join(cache, "llmhost", "plugin-python", "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	code, stdout, stderr := run(folder, "plugins", "build", project)
	for _, lack := range []string{"is not on the PATH", "rustup target add", "npm install", "No module named 'grpc"} {
		if strings.Contains(stderr, lack) {
			t.Skip(stderr)
		}
	}
	require.Zero(t, code, stderr)
	file, _, _ := strings.Cut(stdout, ": ")
	return file
}

// Every command of the first screen works when it is pasted, in order; it is
// the README's own.
func TestTheFirstScreenCanBePasted(t *testing.T) {
	prepare(t)
	for _, x := range []struct{ kind, language string }{{"loss", "go"}, {"pooling", "c"}, {"task", "python"}} {
		t.Run(x.kind+" "+x.language, func(t *testing.T) {
			dir := t.TempDir()
			out := made(t, dir, "plugins", "new", "mine", "--kind", x.kind, "--lang", x.language, "--dir", "its folder")
			buildOrSkip(t, dir, "its folder")
			readme, err := os.ReadFile(filepath.Join(dir, "its folder", "README.md"))
			require.NoError(t, err)
			var lines []string
			for _, line := range strings.Split(out, "\n") {
				command, is := strings.CutPrefix(line, "  ")
				switch {
				case !is || strings.HasPrefix(command, "export PATH="):
				case strings.HasPrefix(command, "pip ") || strings.HasPrefix(command, "python3 -m venv"): // need a network
				default:
					lines = append(lines, command)
				}
				if is && !strings.HasPrefix(command, "export PATH=") && !strings.HasPrefix(command, "cd ") {
					require.Contains(t, string(readme), "\n"+command+"\n")
				}
			}
			require.Greater(t, len(lines), 5, out)
			shell := exec.Command("bash", "-e", "-c", strings.Join(lines, "\n"))
			shell.Dir = dir
			said, err := shell.CombinedOutput()
			require.NoError(t, err, "%s", said)
		})
	}
}
