package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/atomicfile"
	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Trace is a checked program with what its author declares about it.
type Trace struct {
	*program.Program
	Locations      []string          // one a node, in the author's files; may be empty
	Columns        []sdk.ColumnUse   // one for each column that a loss reads, in the order of its inputs
	PoolsLastToken bool              // a pooling that takes the state of each sequence's last token
	Allow          map[string]string // checks that fail on purpose, with the reasons
	Cached         bool              // it came from the cache; no code of the plugin ran
}

// Text is the program's listing with the author's lines.
func (t *Trace) Text() string { return t.Listing(t.Locations) }

// Trace traces a loss or pooling with its share of settled parameters, and
// checks the program. The plugin runs once for each set of parameters:
// afterwards the trace comes from the cache.
func (c *Component) Trace(ctx context.Context, values map[string]any) (*Trace, error) {
	if c.Kind == Formatter {
		return nil, fmt.Errorf("%v: a formatter has no program", c)
	}
	config := sdk.CanonicalConfig(c.own(values))
	name := fmt.Sprintf("%s/%s/%s", c.Kind, c.Name, config)
	if reply, found := c.Plugin.cache.read(name); found {
		if trace, err := c.check(reply); err == nil {
			trace.Cached = true
			return trace, nil
		}
	}
	reply, err := c.ask(ctx, config)
	if err != nil {
		return nil, err
	}
	trace, err := c.check(reply)
	if err != nil {
		return nil, err
	}
	c.Plugin.cache.write(name, reply)
	return trace, nil
}

// ask has a freshly started plugin trace the component.
func (c *Component) ask(ctx context.Context, config []byte) ([]byte, error) {
	running, err := c.Plugin.transport.start(ctx)
	if err != nil {
		return nil, err
	}
	defer running.Close(ctx)
	reply, err := running.Configure(ctx, c.index, config)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s %s", c.Kind, c.Name)
	data, err := c.Plugin.payload("configuring "+what, reply)
	if err != nil {
		return nil, err
	}
	var configured struct{ Instance uint32 }
	if err := json.Unmarshal(data, &configured); err != nil {
		return nil, fmt.Errorf("plugin %v: the reply to configure is not the JSON that the contract requires: %s", c.Plugin.Info, brief(err))
	}
	if reply, err = running.Trace(ctx, configured.Instance, fmt.Appendf(nil, `{"op_level":%d}`, op.Level)); err != nil {
		return nil, err
	}
	return c.Plugin.payload("tracing "+what, reply)
}

// maxPlace bounds a place in an author's file, in bytes.
const maxPlace = 200

// check reads a trace reply and checks its program.
func (c *Component) check(reply []byte) (*Trace, error) {
	var parts struct {
		Program        json.RawMessage
		Locations      []string
		Columns        []useEntry
		Allow          map[string]string
		PoolsLastToken bool `json:"pools_last_token"`
	}
	if err := json.Unmarshal(reply, &parts); err != nil {
		return nil, fmt.Errorf("%v: its trace is not the JSON that the contract requires: %s", c, brief(err))
	}
	for i, place := range parts.Locations {
		parts.Locations[i] = line(place[:min(len(place), maxPlace)])
	}
	p, err := program.Parse(parts.Program)
	var faults *program.Error
	switch {
	case errors.As(err, &faults):
		return nil, errors.New(after(c.String(), plain(faults.Text(parts.Locations))))
	case err != nil:
		return nil, fmt.Errorf("%v: %s", c, line(err.Error()))
	case string(p.Kind) != string(c.Kind):
		return nil, fmt.Errorf("%v: its trace is a program of kind %s", c, p.Kind)
	case len(parts.Locations) > len(p.Nodes):
		return nil, fmt.Errorf("%v: its trace has %d locations for %d nodes", c, len(parts.Locations), len(p.Nodes))
	}
	uses, err := readUses(p, parts.Columns)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	allow, err := readAllow(parts.Allow)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	return &Trace{
		Program:        p,
		Locations:      parts.Locations,
		Columns:        uses,
		PoolsLastToken: parts.PoolsLastToken,
		Allow:          allow,
	}, nil
}

// Formatter configures a formatter with settled parameters.
func (c *Component) Formatter(ctx context.Context, values map[string]any) (Formatting, error) {
	if c.Kind != Formatter {
		return Formatting{}, fmt.Errorf("%v: is not a formatter", c)
	}
	return c.Plugin.transport.formatter(ctx, c, c.own(values))
}

// cache keeps replies of one plugin from run to run. Nothing depends on it: if
// it cannot be read or written, the plugin is asked again. The zero cache keeps
// nothing.
type cache struct {
	root   string // "" keeps nothing
	digest string // of the plugin's file
}

// folder is a folder of the cache, or "" if nothing is kept.
func (c cache) folder(name string) string {
	if c.root == "" {
		return ""
	}
	return filepath.Join(c.root, name)
}

// file is the path of a cached reply, named after all that the reply depends
// on.
func (c cache) file(name string) string {
	key := sha256.Sum256(fmt.Appendf(nil, "%s\n%d.%d %s\n%d\n%d\n%s", c.digest, sdk.ABI, sdk.ABIMinor, sdk.Version, op.Level, program.Version, name))
	return filepath.Join(c.folder("programs"), hex.EncodeToString(key[:])+".json")
}

func (c cache) read(name string) ([]byte, bool) {
	if c.root == "" || c.digest == "" {
		return nil, false
	}
	data, err := os.ReadFile(c.file(name))
	return data, err == nil
}

func (c cache) write(name string, data []byte) {
	if c.root == "" || c.digest == "" || os.MkdirAll(c.folder("programs"), 0o700) != nil {
		return
	}
	_ = atomicfile.WriteFile(c.file(name), data) // a cache that cannot be written only costs time
}
