package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a fenced block of a page: commands, or a file to write.
type block struct {
	section, info string
	lines         []string
}

// blocks reads the fenced blocks of a page with the headings above them.
func blocks(t *testing.T, page string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	section, open := "", false
	for _, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !open:
			open, all = true, append(all, block{section: section, info: fence})
		case isFence:
			open = false
		case open:
			all[len(all)-1].lines = append(all[len(all)-1].lines, line)
		case strings.HasPrefix(line, "#"):
			section = strings.TrimLeft(line, "# ")
		}
	}
	return all
}

// reader does what a page tells its reader to do.
type reader struct {
	t      *testing.T
	folder string
}

func (r *reader) do(b block) {
	if _, file, isFile := strings.Cut(b.info, " file="); isFile {
		require.NoError(r.t, os.WriteFile(filepath.Join(r.folder, file), []byte(strings.Join(b.lines, "\n")+"\n"), 0o644))
		return
	}
	if !strings.HasPrefix(b.info, "console") {
		return
	}
	for at := 0; at < len(b.lines); {
		command, isCommand := strings.CutPrefix(b.lines[at], "$ ")
		require.True(r.t, isCommand, "a block begins with a command: %q", b.lines[at])
		end := at + 1
		for end < len(b.lines) && !strings.HasPrefix(b.lines[end], "$ ") {
			end++
		}
		r.run(command, b.lines[at+1:end], b.info == "console fails")
		at = end
	}
}

// run runs one command and compares what it prints.
func (r *reader) run(command string, want []string, mayFail bool) {
	if folder, isMove := strings.CutPrefix(command, "cd "); isMove {
		r.folder = filepath.Join(r.folder, folder)
		require.DirExists(r.t, r.folder)
		return
	}
	shell := exec.Command("bash", "-c", command)
	shell.Dir = r.folder
	out, err := shell.CombinedOutput()
	for _, lack := range []string{"is not on the PATH", "rustup target add", "npm install", "No module named 'grpc"} {
		if err != nil && strings.Contains(string(out), lack) {
			r.t.Skip(string(out))
		}
	}
	require.True(r.t, err == nil || mayFail, "%s: %v\n%s", command, err, out)
	require.Regexp(r.t, pattern(want), string(out), command)
}

// pattern is what an output looks like: these lines and no others, where … stands
// for a part of a line, and alone on a line for any lines.
func pattern(lines []string) string {
	var b strings.Builder
	b.WriteString(`^`)
	for _, line := range lines {
		if line == "…" {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*?") + `\n`)
	}
	return b.String() + `$`
}

func TestPattern(t *testing.T) {
	for _, x := range []struct {
		page, output string
		fits         bool
	}{
		{"a 1…\n…\nb", "a 1.5\nx\ny\nb\n", true},
		{"a 1…\n…\nb", "a 1.5\nb\n", true},
		{"a 1…\nb", "a 1.5\nx\nb\n", false},
		{"a…", "a\nb\n", false},
		{"a", "a\nb\n", false},
		{"a (b)", "a (c)\n", false},
	} {
		require.Equal(t, x.fits, regexp.MustCompile(pattern(strings.Split(x.page, "\n"))).MatchString(x.output), "%q against %q", x.page, x.output)
	}
}

// others are the sections of languages that a machine may lack.
var others = []string{"Rust", "C", "AssemblyScript", "Python"}

// TestTutorial follows sdk/TUTORIAL.md line by line.
func TestTutorial(t *testing.T) {
	for _, tool := range []string{"bash", "go", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	folder := t.TempDir()
	prepare(t)
	sections := map[string][]block{}
	main := &reader{t, folder}
	for _, b := range blocks(t, "../../sdk/TUTORIAL.md") {
		sections[b.section] = append(sections[b.section], b)
		if !contains(others, b.section) {
			main.do(b)
		}
	}
	want := digestOf(t, folder, "gap/gap.wasm")
	for _, language := range others {
		t.Run(language, func(t *testing.T) {
			require.NotEmpty(t, sections[language])
			own := &reader{t, folder}
			for _, b := range sections[language] {
				own.do(b)
			}
			built := map[string]string{"Rust": "gap-rust/gap-rust.wasm", "C": "gap-c/gap-c.wasm", "AssemblyScript": "gap-as/gap-as.wasm", "Python": "./gap-py"}
			require.Equal(t, want, digestOf(t, folder, built[language]), "the program is the same")
		})
	}
}

// prepare puts an llmhost on the PATH that is this test binary, and a Python with
// gRPC where there is one.
func prepare(t *testing.T) {
	t.Helper()
	bin := t.TempDir()
	script := "#!/bin/sh\n" + asProgram + "=1 exec " + os.Args[0] + " \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "llmhost"), []byte(script), 0o755))
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	python := filepath.Join(cache, "llmhost", "plugin-python", "bin")
	t.Setenv("PATH", strings.Join([]string{bin, python, os.Getenv("PATH")}, string(os.PathListSeparator)))
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	t.Setenv("LLMHOST", root)
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
}

// digestOf is the digest of the program that explain shows.
func digestOf(t *testing.T, folder, spec string) string {
	t.Helper()
	found := regexp.MustCompile(`loss program, op level 1, \d+ nodes, sha256 ([0-9a-f]{12})`).FindStringSubmatch(made(t, folder, "plugins", "explain", spec))
	require.Len(t, found, 2)
	return found[1]
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
