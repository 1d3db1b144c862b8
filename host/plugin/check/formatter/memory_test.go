package formatter_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check/formatter"
)

// What grows without end is told from what a collector, a start or a step of an
// allocator does.
func TestGrowthIsToldFromNoise(t *testing.T) {
	const mib = 1 << 20 // 2 of them are noise here
	for _, c := range []struct {
		name      string
		kept      []uint64
		transport plugin.Transport
		want      bool
	}{
		{"flat", []uint64{50, 50, 50, 50, 50, 50, 50, 50, 50, 50}, plugin.Builtin, false},
		{"a start", []uint64{10, 30, 40, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44}, plugin.Builtin, false},
		{"a saw", []uint64{20, 20, 40, 60, 80, 20, 40, 60, 80, 20, 40, 60, 80}, plugin.Builtin, false},
		{"a saw that falls by less than half", []uint64{60, 60, 70, 80, 90, 60, 70, 80, 90, 60, 70, 80, 90}, plugin.Builtin, false},
		{"a peak", []uint64{20, 20, 21, 20, 22, 20, 90, 20, 21, 20, 22, 20}, plugin.Builtin, false},
		{"noise", []uint64{20, 21, 19, 20, 21, 20, 21, 19, 20, 21, 19, 21}, plugin.Builtin, false},
		{"a late step", []uint64{20, 20, 20, 20, 20, 20, 20, 20, 20, 60, 60, 60}, plugin.Builtin, true}, // asked again before it is believed
		{"a slope", []uint64{20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64}, plugin.Builtin, true},
		{"steps that double", []uint64{20, 20, 40, 40, 40, 80, 80, 80, 80, 80, 160, 160}, plugin.Builtin, true},
		{"workers that die of it", []uint64{20, 40, 80, 160, 30, 80, 160, 30, 80, 160}, plugin.WASM, true},
		{"a worker that dies of it beside another", []uint64{280, 292, 303, 311, 331, 342, 347, 360, 378, 399, 420, 441, 460, 473, 253}, plugin.WASM, true},
		{"a host beside a worker that gives memory back", []uint64{200, 210, 214, 218, 190, 200, 206, 212, 188, 200, 210, 190, 200}, plugin.WASM, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var bytes []uint64
			for _, v := range c.kept {
				bytes = append(bytes, v*mib)
			}
			require.Equal(t, c.want, formatter.Grows(bytes, c.transport), "%v", c.kept)
		})
	}
}
