package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"llmhost/host/plugin/process"
	"llmhost/host/plugin/wasm"
)

// Open opens the file at path, or returns it if it is open already.
func (c *Catalog) Open(ctx context.Context, path string) (*Plugin, error) {
	if p := c.files[path]; p != nil {
		return p, nil
	}
	p, err := c.find(path)
	if err != nil {
		return nil, err
	}
	if pin := c.pins[path]; pin != "" && pin != p.Digest {
		return nil, fmt.Errorf(
			"plugin %s: its sha256 is %s, the run asks for %s; restore the file, or change task_sha256",
			path,
			p.Digest,
			pin,
		)
	}
	if c.options.Admit != nil {
		if err := c.options.Admit(p.Info); err != nil {
			return nil, err
		}
	}
	if err := c.admit(p); err != nil {
		return nil, err
	}
	if err := p.describe(ctx); err != nil {
		p.Close(ctx)
		return nil, err
	}
	c.files[path] = p
	return p, nil
}

// find reads the plugin at path without running any of its code.
func (c *Catalog) find(path string) (*Plugin, error) {
	module, err := isModule(path)
	if err != nil {
		return nil, err
	}
	if !module {
		return c.findProgram(path)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", path, err)
	}
	sum := sha256.Sum256(code)
	p := &Plugin{Info: Info{
		Name:      path,
		Transport: WASM,
		Path:      path,
		Digest:    hex.EncodeToString(sum[:]),
		Size:      len(code),
	}}
	p.cache = cache{c.options.Cache, p.Digest}
	p.transport = &wasmTransport{
		name:    path,
		digest:  p.Digest,
		code:    code,
		limits:  c.options.Limits,
		workers: c.options.Workers,
		folder:  p.cache.folder("wasm"),
	}
	return p, nil
}

// findProgram reads a plugin that is a separate program. Nothing that it
// replies is cached: it may depend on more than the files of its digest.
func (c *Catalog) findProgram(path string) (*Plugin, error) {
	program, err := process.Open(path)
	if err != nil {
		return nil, err
	}
	info := Info{
		Name:      path,
		Transport: Process,
		Path:      path,
		Digest:    program.Digest(),
		Size:      int(program.Size()),
	}
	return &Plugin{Info: info, transport: &processTransport{program: program, limits: c.options.Process}}, nil
}

// admit checks the shape of a module, and warns about a program that is about
// to run for the first time.
func (c *Catalog) admit(p *Plugin) error {
	switch transport := p.transport.(type) {
	case *wasmTransport:
		return wasm.Check(p.Path, transport.code, c.options.Limits)
	case *processTransport:
		seen := cache{c.options.Cache, p.Digest}
		if _, known := seen.read("seen"); !known && c.options.Notice != nil {
			c.options.Notice(fmt.Sprintf(
				"plugin %s is a separate program and has your rights: it can change your files and use the network (sha256 %s)",
				p.Path,
				p.Digest,
			))
			seen.write("seen", []byte("{}"))
		}
	}
	return nil
}

// maxFile bounds what is read of a file; a larger one cannot be a plugin.
const maxFile = 64 << 20

// isModule tells a WASM module, by its name or first bytes, from what the
// system runs: an executable, or a script with its manifest.
func isModule(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("plugin %s: no such file", path)
	case err != nil:
		return false, fmt.Errorf("plugin %s: %w", path, err)
	case info.IsDir() || process.IsManifest(path):
		return false, nil
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("plugin %s: is not a regular file; want a WASM module or a program", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("plugin %s: %w", path, err)
	}
	defer file.Close()
	begin := make([]byte, 4)
	_, _ = io.ReadFull(file, begin)
	if string(begin) != "\x00asm" && !strings.HasSuffix(path, ".wasm") && info.Mode()&0o111 != 0 {
		return false, nil
	}
	if info.Size() > maxFile {
		return false, fmt.Errorf("plugin %s: is %d bytes, too large for a plugin", path, info.Size())
	}
	return true, nil
}

// describe asks the plugin what it offers, unless it is cached.
func (p *Plugin) describe(ctx context.Context) error {
	if data, found := p.cache.read("describe"); found && p.readManifest(data) == nil {
		return nil
	}
	p.Components, p.tasks = nil, nil
	running, err := p.transport.start(ctx)
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
