package process_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/process"
)

// evil is a program that must not run: it says so in a file.
const evil = "#!/bin/sh\ntouch FOLDER/ran\nexit 0\n"

// What lies in a plugin's folder and is none of its files does not run, however
// the manifest names it.
func TestOnlyFilesOfTheDigestRun(t *testing.T) {
	for _, x := range []struct {
		name, manifest string
		path           string // of the host; FOLDER/bin first if not empty
		link           string // from links/sh to it
		want           string
	}{
		{"an interpreter beside the manifest", `interpreter = "./sh"`, "", "", "its interpreter ./sh is not among its files"},
		{"one in an environment", `interpreter = ".venv/bin/sh"`, "", "", "its interpreter .venv/bin/sh is not among its files"},
		{"one in a folder", `interpreter = "bin/sh"`, "", "", "its interpreter bin/sh is not among its files"},
		{"one by a way around", `interpreter = "bin/../../my/bin/sh"`, "", "", "is not among its files"},
		{"one outside by a relative path", `interpreter = "../outside/sh"`, "", "", "its interpreter ../outside/sh is not among its files"},
		{"one by its absolute path", `interpreter = "FOLDER/my/bin/sh"`, "", "", "is not among its files"},
		{"one behind a link", `interpreter = "FOLDER/links/sh"`, "", "my/bin/sh", "is not among its files"},
		{"one behind a link to the folder", `interpreter = "FOLDER/links/sh/bin/sh"`, "", "my", "is not among its files"},
		{"one on the PATH", `interpreter = "sh"`, "bin", "", "in the plugin's folder and not among its files"},
		{"one on the PATH, of an environment", `interpreter = "sh"`, ".venv/bin", "", "in the plugin's folder and not among its files"},
		{"an argument", "interpreter = \"sh\"\nargs = [\"FOLDER/my/bin/sh\"]", "", "", "leads out of the copy that runs"},
		{"a command", "interpreter = \"sh\"\nargs = [\"-c\", \"exec FOLDER/my/bin/sh\"]", "", "", "leads out of the copy that runs"},
		{"an argument by a way around", "interpreter = \"sh\"\nargs = [\"../../../../../../../..FOLDER/my/bin/sh\"]", "", "", "leads out of the copy that runs"},
		{"an option", "interpreter = \"sh\"\nargs = [\"--init-file=../x\"]", "", "", "leads out of the copy that runs"},
	} {
		t.Run(x.name, func(t *testing.T) {
			folder := tree(t, map[string]string{"my/main.txt": "exit 0\n", "links/.keep": ""})
			inFolder := strings.NewReplacer("FOLDER", folder)
			for _, at := range []string{"my/sh", "my/bin/sh", "my/.venv/bin/sh", "outside/sh"} {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, at)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(folder, at), []byte(inFolder.Replace(evil)), 0o755))
			}
			if x.link != "" {
				require.NoError(t, os.Symlink(filepath.Join(folder, x.link), folder+"/links/sh"))
			}
			if x.path != "" {
				t.Setenv("PATH", filepath.Join(folder, "my", x.path)+":"+os.Getenv("PATH"))
			}
			text := inFolder.Replace(x.manifest) + "\nentry = \"main.txt\"\nfiles = [\"main.txt\"]\n"
			require.NoError(t, os.WriteFile(folder+"/my/plugin.toml", []byte(text), 0o600))
			p, err := process.Open(folder + "/my")
			if err == nil {
				_, err = p.Start(context.Background(), process.Limits{})
			}
			require.ErrorContains(t, err, "plugin "+folder+"/my: its ")
			require.ErrorContains(t, err, x.want)
			require.NoFileExists(t, folder+"/ran")
		})
	}
}

// An interpreter that is one of the files is part of the digest, and the copy
// of it runs.
func TestAnInterpreterAmongTheFiles(t *testing.T) {
	folder := tree(t, map[string]string{
		"my/plugin.toml": "interpreter = \"bin/run\"\nentry = \"main.txt\"\n",
		"my/main.txt":    "", "my/bin/run": "#!/bin/sh\nexit 8\n",
	})
	p := open(t, folder+"/my")
	require.NoError(t, os.WriteFile(folder+"/my/bin/run", []byte("#!/bin/sh\nexit 9\n"), 0o755))
	require.NotEqual(t, p.Digest(), open(t, folder+"/my").Digest())
	_, err := p.Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "changed since it was opened")
	_, err = open(t, folder+"/my").Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "exit code 9")
}

// A manifest that is exchanged after it was read is found, although its new text
// is what the folder then holds.
func TestAManifestThatChanges(t *testing.T) {
	folder := tree(t, map[string]string{"plugin.toml": shell, "main.sh": "exit 0\n", "other.sh": "exit 1\n"})
	p := open(t, folder)
	require.NoError(t, os.WriteFile(folder+"/plugin.toml", []byte(strings.ReplaceAll(shell, "main", "other")), 0o600))
	_, err := p.Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "changed since it was opened")
}

// What is put into the folder between the digest and the start does not get
// into the copy.
func TestFilesThatComeLater(t *testing.T) {
	folder := tree(t, map[string]string{"plugin.toml": shell, "main.sh": "test -e late.sh && exit 5\ntest -e __pycache__ && exit 6\nexit 0\n", "__pycache__/main.pyc": ""})
	p := open(t, folder)
	require.NoError(t, os.WriteFile(folder+"/late.sh", nil, 0o755))
	_, err := p.Start(context.Background(), process.Limits{})
	require.ErrorContains(t, err, "it ended with exit code 0")
}

// A program must not have the system load more from its folder: a script its
// interpreter, a program its libraries.
func TestWhatAnExecutableLoads(t *testing.T) {
	folder := tree(t, map[string]string{"my/sh": evil})
	require.NoError(t, os.Chmod(folder+"/my/sh", 0o755))
	for _, line := range []string{"#!" + folder + "/my/sh", "#! /usr/bin/env -S " + folder + "/my/sh -e"} {
		require.NoError(t, os.WriteFile(folder+"/my/plugin", []byte(line+"\nexit 0\n"), 0o755))
		_, err := process.Open(folder + "/my/plugin")
		require.EqualError(t, err, "plugin "+folder+"/my/plugin: its file plugin loads from "+folder+"/my/sh, in the plugin's folder, which no digest covers; link it statically, or install that outside the plugin's folder")
	}

	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler to build a program that names a folder of libraries")
	}
	require.NoError(t, os.WriteFile(folder+"/main.c", []byte("int main(void) { return 0; }\n"), 0o600))
	for _, flag := range []string{"-Wl,-rpath," + folder + "/my/lib", "-Wl,--disable-new-dtags,-rpath,/usr/lib:" + folder + "/my", "-Wl,--dynamic-linker=" + folder + "/my/ld.so"} {
		out, err := exec.Command(compiler, "-o", folder+"/my/plugin", flag, folder+"/main.c").CombinedOutput()
		require.NoError(t, err, "%s", out)
		_, err = process.Open(folder + "/my/plugin")
		require.ErrorContains(t, err, "its file plugin loads from "+folder+"/my", flag)
	}
	out, err := exec.Command(compiler, "-o", folder+"/my/plugin", folder+"/main.c").CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, err = process.Open(folder + "/my/plugin")
	require.NoError(t, err)
}

// An address that could be another machine's, or another program's, is never
// dialled.
func TestAddressesOfHandshakes(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "socket")
	for _, address := range []string{
		"tcp|192.0.2.1:80", "tcp|example.com:80", "tcp|localhost:80", "tcp|0.0.0.0:80", "tcp|:80", "tcp|[::]:80", "tcp|127.0.0.1.example.com:80",
		"tcp|2130706433:80", "tcp|[2001:db8::1]:80", "tcp4|127.0.0.1:80", "udp|127.0.0.1:80", "|127.0.0.1:80",
		"unix|" + elsewhere, "unix|/var/run/docker.sock", "unix|@abstract", "unix|relative", "unix|$PLUGIN_UNIX_SOCKET_DIR/../../socket",
		"unix|$PLUGIN_UNIX_SOCKET_DIR/link", "unix|$PLUGIN_UNIX_SOCKET_DIR",
	} {
		t.Run(address, func(t *testing.T) {
			path := script(t, "ln -s "+elsewhere+" $PLUGIN_UNIX_SOCKET_DIR/link", `echo "1|2|`+address+"|grpc|"+cert+`"`, "exec sleep 60")
			_, err := open(t, path).Start(context.Background(), process.Limits{})
			var fault *process.Error
			require.ErrorAs(t, err, &fault)
			require.Equal(t, process.NotPlugin, fault.Fault)
			require.Contains(t, fault.Text, "announces ")
			requireGone(t)
		})
	}
	for _, address := range []string{"tcp|127.0.0.1:1", "tcp|127.1.2.3:1", "tcp|[::1]:1"} {
		path := script(t, `echo "1|2|`+address+"|grpc|"+cert+`"`, "exec sleep 60")
		running, err := open(t, path).Start(context.Background(), process.Limits{})
		require.NoError(t, err)
		_, err = running.Describe(context.Background())
		require.ErrorContains(t, err, "connect: connection refused", "it was dialled")
		require.NotContains(t, err.Error(), "desc =")
		require.NoError(t, running.Close(context.Background()))
	}
}
