package project

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// transport is how a Go project is built.
type transport string

const (
	wasmTransport    transport = "wasm"
	processTransport transport = "process"
)

// The SDK as a separate module, for projects outside this repository.
const (
	sdkModule = "llmhost"
	sdkGoMod  = "module " + sdkModule + "\n\ngo 1.24\n"
)

// unpackSDK writes the SDK into the cache, unless it is there, and returns its
// folder, whose name is a digest of the content. The one for the WASM transport
// needs no other module, so projects build without a network; the one for the
// process transport needs gRPC.
func unpackSDK(sources fs.FS, cache string, to transport) (string, error) {
	files, err := sdkFiles(sources, to)
	if err != nil {
		return "", err
	}
	if cache == "" {
		return "", errors.New("there is no cache folder to unpack the SDK in; set HOME or XDG_CACHE_HOME")
	}
	folder := filepath.Join(cache, "sdk", digest(files))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), ".new-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	for name, text := range files {
		file := filepath.Join(fresh, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(file, text, 0o444); err != nil { // the author should not change it
			return "", err
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, folder); err != nil && !exists(folder) { // another process may have been first
		return "", err
	}
	return folder, nil
}

// digest is 16 digits of the sha256 of the files with their names.
func digest(files map[string][]byte) string {
	all := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(all, "%s %d\n%s", name, len(files[name]), files[name])
	}
	return hex.EncodeToString(all.Sum(nil))[:16]
}

// sdkFiles are the files of the SDK for a transport, without its tests and the
// file that embeds them all.
func sdkFiles(sources fs.FS, to transport) (map[string][]byte, error) {
	files := map[string][]byte{"go.mod": []byte(sdkGoMod)}
	err := fs.WalkDir(sources, ".", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(file, "_test.go") || file == "source.go" {
			return err
		}
		if to == wasmTransport &&
			(strings.HasPrefix(file, "process/") || file == "serve/serve_process.go") {
			return nil
		}
		files["sdk/"+file], err = fs.ReadFile(sources, file)
		return err
	})
	if err != nil || to == processTransport {
		return files, err
	}
	files["sdk/serve/serve_other.go"] = shared("serve_other.go.tmpl")
	return files, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
