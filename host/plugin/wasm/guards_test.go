package wasm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/wasm"
)

// tight are limits that keep these tests quick.
var tight = wasm.Limits{Start: 300 * time.Millisecond, Call: 300 * time.Millisecond, GuestCalls: 100_000, MemoryMiB: 4, Reply: 1 << 16}

func TestSoundModule(t *testing.T) {
	reply, err := asked(guest{reply: "\x00{}"}.build(), tight)
	require.NoError(t, err)
	require.Equal(t, "\x00{}", string(reply))
}

func TestTheTailOfTheOutputIsShown(t *testing.T) {
	err := describe(logs(0, i32(0), i32(replyAt), i32(11), call(0), unreachable()).build(), tight)
	require.ErrorContains(t, err, `; its last output: "half a word"`)
}

func TestMemoryAndTablesCannotGrowBeyondTheirLimits(t *testing.T) {
	g := guest{reply: "ok"}
	g.bodies = map[string][]byte{"llmhost_describe": join(grow(63), unless(1), grow(1), unless(-1), i64(replyAt<<32|2))}
	err := describe(g.build(), tight)
	require.NoError(t, err, "64 pages are the limit of 4 MiB")

	g.tables = []byte{1, 0x70, 0, 1} // one entry, no maximum
	g.bodies["llmhost_describe"] = join([]byte{0xd0, 0x70}, i32(1), []byte{0xfc, 0x0f, 0x00}, unless(-1), i64(replyAt<<32|2))
	err = describe(g.build(), tight)
	require.NoError(t, err, "a table without a maximum does not grow")

	g.tables = []byte{1, 0x70, 1, 1, 2}
	g.bodies["llmhost_describe"] = join([]byte{0xd0, 0x70}, i32(1), []byte{0xfc, 0x0f, 0x00}, unless(1), i64(replyAt<<32|2))
	err = describe(g.build(), tight)
	require.NoError(t, err, "one with a maximum grows up to it")
}

func TestAStoppedRunIsNotThePluginsFault(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m, err := wasm.Open(ctx, "hostile.wasm", describing(forever(), i64(0)).build(), wasm.Limits{}, t.TempDir())
	require.NoError(t, err)
	defer m.Close(context.Background())
	in, err := m.Start(ctx)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = in.Describe(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestInstancesAreApart(t *testing.T) {
	ctx := context.Background()
	// describe counts its calls in memory at address 0 and replies with as many bytes.
	count := join(i32(0), i32(0), []byte{0x28, 2, 0}, i32(1), []byte{0x6a, 0x36, 2, 0}, i32(0), []byte{0x28, 2, 0, 0xad})
	m, err := wasm.Open(ctx, "counter.wasm", describing(count).build(), tight, "")
	require.NoError(t, err)
	defer m.Close(ctx)
	for range 3 {
		in, err := m.Start(ctx)
		require.NoError(t, err)
		reply, err := in.Describe(ctx)
		require.NoError(t, err)
		require.Len(t, reply, 1, "a fresh instance knows nothing of the one before")
		require.NoError(t, in.Close(ctx))
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(guest{reply: "x"}.build())
	for _, c := range hostile {
		if code := c.code(); len(code) < 4096 {
			f.Add(code)
		}
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		if wasm.Check("fuzz.wasm", code, tight) != nil {
			return
		}
		// What the gate lets through must compile or be refused, never panic.
		m, err := wasm.Open(context.Background(), "fuzz.wasm", code, tight, "")
		if err == nil {
			m.Close(context.Background())
		}
	})
}

// Callers tell faults apart by their kinds.
func TestFaults(t *testing.T) {
	for kind, code := range map[wasm.Fault][]byte{
		wasm.NotWASM:   []byte("text"),
		wasm.NotPlugin: guest{noMemory: true}.build(),
		wasm.WrongABI:  guest{exports: map[string]string{"llmhost_abi_v2": "llmhost_abi_v1"}}.build(),
		wasm.Forbidden: guest{start: true}.build(),
		wasm.TooLarge:  guest{tables: []byte{1, 0x70, 0, 0x80, 0x80, 0x40}}.build(),
		wasm.TimedOut:  describing(forever(), i64(0)).build(),
		wasm.Trapped:   describing(unreachable()).build(),
		wasm.BadReply:  describing(i64(-1)).build(),
	} {
		var e *wasm.Error
		require.ErrorAs(t, describe(code, tight), &e)
		require.Equal(t, kind, e.Fault, e.Error())
		require.Equal(t, "hostile.wasm", e.Plugin)
	}
}
