package plugin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"llmhost/host/plugin/wasm"
)

// Open opens the file at path, or returns it where it is open already.
func (c *Catalog) Open(ctx context.Context, path string) (*Plugin, error) {
	if p := c.files[path]; p != nil {
		return p, nil
	}
	code, err := readPlugin(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(code)
	info := Info{Name: path, Road: WASM, Path: path, Digest: hex.EncodeToString(sum[:]), Size: len(code)}
	if pin := c.pins[path]; pin != "" && pin != info.Digest {
		return nil, fmt.Errorf("plugin %s: its sha256 is %s, the run asks for %s; restore the file, or change task_sha256", path, info.Digest, pin)
	}
	if err := wasm.Check(path, code, c.options.Limits); err != nil {
		return nil, err
	}
	p := &Plugin{Info: info, cache: cache{c.options.Cache, info.Digest}}
	p.road = &wasmRoad{name: path, code: code, limits: c.options.Limits, folder: p.cache.folder("wasm")}
	if err := p.describe(ctx); err != nil {
		p.Close(ctx)
		return nil, err
	}
	c.files[path] = p
	return p, nil
}

// maxFile is as much as is read of a file that cannot be a plugin anyway.
const maxFile = 64 << 20

// readPlugin reads a WASM module. Another executable is what the subprocess
// road will take.
func readPlugin(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("plugin %s: no such file", path)
	case err != nil:
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	case info.IsDir():
		return nil, fmt.Errorf("plugin %s: is a folder; want a .wasm file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("plugin %s: is %d bytes, too large for a plugin", path, info.Size())
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	}
	if !bytes.HasPrefix(code, []byte("\x00asm")) && !strings.HasSuffix(path, ".wasm") && info.Mode()&0o111 != 0 {
		return nil, fmt.Errorf("plugin %s: is an executable, and plugins as subprocesses are not in this build; build it as WASM", path)
	}
	return code, nil
}

// describe asks the plugin what it offers, or remembers it.
func (p *Plugin) describe(ctx context.Context) error {
	if data, found := p.cache.read("describe"); found && p.readManifest(data) == nil {
		return nil
	}
	p.Components, p.tasks = nil, nil
	running, err := p.road.start(ctx)
	if err != nil {
		return err
	}
	defer running.Close(ctx)
	reply, err := running.Describe(ctx)
	if err != nil {
		return err
	}
	data, err := p.payload("describe", reply)
	if err != nil {
		return err
	}
	if err := p.readManifest(data); err != nil {
		return err
	}
	p.cache.write("describe", data)
	return nil
}
