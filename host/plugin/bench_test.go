package plugin_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/alpaca"
	"llmhost/host/plugin"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// alpacaRows makes records of about 420 bytes of JSON: an instruction, in two
// of five an input, and an output.
func alpacaRows(n int) []sdk.Row {
	random := rand.New(rand.NewPCG(1, 2))
	words := func(size int) sdk.Cell {
		var text []byte
		for len(text) < size {
			for range 2 + random.IntN(8) {
				text = append(text, byte('a'+random.IntN(26)))
			}
			text = append(text, ' ')
		}
		return sdk.Cell{Type: sdk.String, Str: string(text)}
	}
	rows := make([]sdk.Row, n)
	for i := range rows {
		cells := []sdk.Cell{words(60), {Type: sdk.String}, words(270)}
		if random.IntN(5) < 2 {
			cells[1] = words(80)
		}
		rows[i] = sdk.NewRow(cells)
	}
	return rows
}

// BenchmarkFormatter measures the alpaca formatter as a Go module in one
// worker, from column frames in the host to reply frames; then with the making
// of the frames and the reading of the replies; then with all workers; then the
// same code as a program of its own, and linked in. The figure is the median of five times the rows.
func BenchmarkFormatter(b *testing.B) {
	const batch, count = 512, 100 * 512
	rows := alpacaRows(count)
	module := built(b, "plugins/alpaca")
	b.Run("frames, one worker", func(b *testing.B) {
		pool, frames := alpacaFrames(b, module, rows, batch)
		var reply []byte
		median(b, count, func() {
			for _, frame := range frames {
				var err error
				reply, err = pool.Format(b.Context(), 1, frame, batch, reply)
				require.NoError(b, err)
			}
		})
	})
	for _, x := range []struct {
		name, spec string
		workers    int
	}{{"rows, one worker", module, 1}, {"rows, all workers", module, 0}, {"rows, process", program(b, "plugins/alpaca"), 0}, {"rows, builtin", "alpaca", 0}} {
		b.Run(x.name, func(b *testing.B) {
			f := opened(b, plugin.Options{Cache: scratch, Workers: worker.Limits{Workers: x.workers}}, x.spec, nil)
			median(b, count, func() { requireAll(b, f, rows, batch) })
		})
	}
}

// alpacaFrames opens a pool of one worker and packs rows into frames.
func alpacaFrames(b *testing.B, module string, rows []sdk.Row, batch int) (*worker.Pool, [][]byte) {
	pool, _, err := worker.Open(b.Context(), worker.Formatter{Plugin: module, Code: read(b, module), Cache: scratch,
		Config: []byte("{}")}, worker.Limits{Workers: 1})
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	var frames [][]byte
	for chunk := range slices.Chunk(rows, batch) {
		frame, err := sdk.EncodeRows(len(alpaca.Default().Columns()), chunk)
		require.NoError(b, err)
		frames = append(frames, frame)
	}
	return pool, frames
}

// median reports how many of the rows a second run gets through.
func median(b *testing.B, rows int, run func()) {
	run() // the first one warms up
	var rates []float64
	for b.Loop() {
		rates = rates[:0]
		for range 5 {
			began := time.Now()
			run()
			rates = append(rates, float64(rows)/time.Since(began).Seconds())
		}
	}
	slices.Sort(rates)
	b.ReportMetric(rates[2], "records/s")
	b.ReportMetric(0, "ns/op")
}

// requireAll formats rows in batches, as many at a time as the formatter likes.
func requireAll(t testing.TB, f plugin.Formatting, rows []sdk.Row, batch int) {
	chunks := slices.Collect(slices.Chunk(rows, batch))
	failed := make(chan error, len(chunks))
	slots := make(chan bool, max(f.Parallel, 1))
	for _, chunk := range chunks {
		slots <- true
		go func() {
			results, err := f.Format(context.Background(), chunk)
			if err == nil && len(results) != len(chunk) {
				t.Errorf("%d results for %d rows", len(results), len(chunk))
			}
			failed <- err
			<-slots
		}()
	}
	for range chunks {
		require.NoError(t, <-failed)
	}
}
