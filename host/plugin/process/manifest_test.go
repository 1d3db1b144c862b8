package process_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/process"
)

// tree writes files by their names, and returns the folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return folder
}

const shell = "interpreter = \"sh\"\nentry = \"main.sh\"\n"

func TestDigests(t *testing.T) {
	files := map[string]string{"my/plugin.toml": shell, "my/main.sh": "exit 0\n", "my/sub/x.txt": "x", "my/.git/HEAD": "hidden", "my/__pycache__/main.pyc": "cached"}
	folder := filepath.Join(tree(t, files), "my")
	whole := sha256.New()
	for _, name := range []string{"main.sh", "plugin.toml", "sub/x.txt"} {
		text := files["my/"+name]
		fmt.Fprintf(whole, "%q %d\n%s", name, len(text), text)
	}
	p := open(t, folder)
	require.Equal(t, hex.EncodeToString(whole.Sum(nil)), p.Digest())
	require.EqualValues(t, len(shell)+len("exit 0\n")+1, p.Size())
	require.Equal(t, p.Digest(), open(t, folder+"/plugin.toml").Digest())

	for name, change := range map[string]func() error{
		"content":  func() error { return os.WriteFile(folder+"/sub/x.txt", []byte("y"), 0o644) },
		"a name":   func() error { return os.Rename(folder+"/sub/x.txt", folder+"/sub/z.txt") },
		"one more": func() error { return os.WriteFile(folder+"/more.sh", nil, 0o644) },
	} {
		was := open(t, folder).Digest()
		require.NoError(t, change())
		require.NotEqual(t, was, open(t, folder).Digest(), name)
	}

	path := script(t, "exit 0")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha256.Sum256(text)
	require.Equal(t, hex.EncodeToString(sum[:]), open(t, path).Digest(), "of an executable as sha256sum has it")
}

func TestScriptsRunInACopy(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	folder := tree(t, map[string]string{
		"my/plugin.toml": "interpreter = \"sh\"\nargs = [\"-e\"]\nentry = \"main.sh\"\nfiles = [\"main.sh\", \"sub\", \"../shared\"]\n",
		"my/main.sh":     "{ cat sub/x shared/y; find . -type f | sort; stat -c %a main.sh . ; } > " + out + "\nfalse\nexit 0\n",
		"my/other.sh":    "", "my/sub/x": "x\n", "shared/y": "y\n",
	})
	_, err := open(t, folder+"/my").Start(context.Background(), process.Limits{})
	require.EqualError(t, err, "plugin "+folder+"/my: is not a plugin: it ended with exit code 1 before a handshake")
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "x\ny\n./main.sh\n./plugin.toml\n./shared/y\n./sub/x\n500\n700\n", string(text))
}

func TestJSONManifest(t *testing.T) {
	folder := tree(t, map[string]string{"plugin.json": `{"interpreter": "sh", "entry": "main.sh"}`, "main.sh": "exit 7\n"})
	for _, path := range []string{folder, folder + "/plugin.json"} {
		_, err := open(t, path).Start(context.Background(), process.Limits{})
		require.EqualError(t, err, "plugin "+path+": is not a plugin: it ended with exit code 7 before a handshake")
	}
}

func TestBadManifests(t *testing.T) {
	for _, x := range []struct {
		name, want string
		files      map[string]string
	}{
		{"no manifest", "is a folder without a plugin.toml, which says how to run it; want one, an executable, or the .wasm file that llmhost plugins build makes of a project", nil},
		{"no interpreter", `plugin.toml: interpreter is missing; want the program that runs the entry, such as "python3"`, map[string]string{"plugin.toml": ""}},
		{"no entry", "plugin.toml: entry is missing; want the file that the interpreter runs", map[string]string{"plugin.toml": `interpreter = "sh"`}},
		{"unknown key", `plugin.toml: unknown key "entri"; it has interpreter, args, entry and files`, map[string]string{"plugin.toml": "interpreter = \"sh\"\nentri = \"main.sh\"\n"}},
		{"unknown key in JSON", `plugin.json: unknown key "entri"`, map[string]string{"plugin.json": `{"entri": "main.sh"}`}},
		{"entry that is not there", "its entry main.sh is not among its files", map[string]string{"plugin.toml": shell}},
		{"two files of one name", "", map[string]string{"plugin.toml": shell + `files = [".", "../other/main.sh"]`, "main.sh": "", "../other/main.sh": ""}},
	} {
		t.Run(x.name, func(t *testing.T) {
			files := map[string]string{"my/.keep": ""}
			for name, text := range x.files {
				files[filepath.Join("my", name)] = text
			}
			root := tree(t, files)
			folder := filepath.Join(root, "my")
			if x.want == "" {
				x.want = folder + "/main.sh and " + root + "/other/main.sh would both be called main.sh in its copy; rename one"
			}
			_, err := process.Open(folder)
			require.EqualError(t, err, "plugin "+folder+": "+x.want)
		})
	}
}

func TestLinksAreRefused(t *testing.T) {
	folder := tree(t, map[string]string{"plugin.toml": shell, "main.sh": ""})
	require.NoError(t, os.Symlink("/etc/passwd", folder+"/link"))
	_, err := process.Open(folder)
	require.EqualError(t, err, "plugin "+folder+": "+folder+"/link is not a regular file; leave it out of files in the manifest")
}

func TestTooManyFiles(t *testing.T) {
	folder := tree(t, map[string]string{"plugin.toml": shell, "main.sh": ""})
	for i := range 1000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/%d", folder, i), nil, 0o644))
	}
	_, err := process.Open(folder)
	require.EqualError(t, err, "plugin "+folder+": has more than 1000 files; list those it needs as files in the manifest")
}

func TestInterpreters(t *testing.T) {
	folder := tree(t, map[string]string{"plugin.toml": "interpreter = \"no-such-interpreter\"\nentry = \"main.sh\"\n", "main.sh": ""})
	t.Setenv("PATH", "/usr/bin:/bin")
	_, err := open(t, folder).Start(context.Background(), process.Limits{})
	require.EqualError(t, err, "plugin "+folder+": its interpreter no-such-interpreter was not found (PATH is /usr/bin:/bin); install it, or name another in its manifest")

	folder = tree(t, map[string]string{"my/plugin.toml": "interpreter = \"../bin/run\"\nentry = \"main.txt\"\nfiles = [\".\", \"../bin\"]\n", "my/main.txt": "", "bin/run": "#!/bin/sh\nexit 8\n"})
	require.NoError(t, os.Chmod(folder+"/bin/run", 0o755))
	_, err = open(t, folder+"/my").Start(context.Background(), process.Limits{})
	require.EqualError(t, err, "plugin "+folder+"/my: is not a plugin: it ended with exit code 8 before a handshake", "from the manifest's folder")
}
