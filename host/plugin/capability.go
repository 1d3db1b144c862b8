package plugin

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin/wasm"
)

// Capabilities describes what the plugin may use, which depends on its transport, and
// what it asks for.
func (p *Plugin) Capabilities() string {
	const indent, width = "          ", 97
	fold := func(text string) string { return strings.Join(folded(text, width), "\n"+indent) }
	return fmt.Sprintf("may use   %s\nasks for  %s\n", fold(p.mayUse()), fold(p.asksFor()))
}

func (p *Plugin) mayUse() string {
	switch transport := p.transport.(type) {
	case *wasmTransport:
		limits := transport.limits.WithDefaults()
		formatting := ""
		if slices.ContainsFunc(p.Components, func(c *Component) bool { return c.Kind == Formatter }) {
			limits := transport.workers.WithDefaults()
			formatting = fmt.Sprintf(", %d MiB and %v a batch where it formats", limits.MemoryMiB, limits.Batch)
		}
		return fmt.Sprintf(
			"%d MiB of memory and %v a call%s; no files, no network, no clock, no environment, no other program",
			limits.MemoryMiB,
			limits.Call,
			formatting,
		)
	case *processTransport:
		return "all that you may: it is a separate program with your rights, not a sandbox; of the environment it gets PATH and LANG"
	}
	return "all that llmhost may: it is part of this program"
}

func (p *Plugin) asksFor() string {
	switch transport := p.transport.(type) {
	case *wasmTransport:
		imports := wasm.Imports(transport.code)
		if len(imports) == 0 {
			return "nothing but its calls"
		}
		return strings.Join(imports, ", ") + " (inert: they give nothing, or always the same)"
	case *processTransport:
		return "to be started as " + p.Path
	}
	return "nothing"
}
