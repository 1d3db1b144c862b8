package formatter

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
)

// The memory check's limits: the most records in another process (half as many in
// this one, whose memory is measured with half the noise), the size of a window,
// the fewest windows that show a trend, and the time.
const (
	memoryRows   = 100_000
	memoryWindow = 5_000
	memoryCall   = 100 // records a call: few, since a call's time limit has a part for each call
	fewest       = 6
	memoryTime   = 8 * time.Second
)

// noise is how much memory fluctuates by itself on each transport, in bytes.
var noise = map[plugin.Transport]uint64{
	plugin.Builtin: 2 << 20,
	plugin.WASM:    8 << 20,
	plugin.Process: 24 << 20,
}

// memory formats many records and checks whether memory keeps growing. A rise is
// only believed if it goes on over as many records again: a heap grows and shrinks by
// itself, and what is kept for good grows without end. The formatter is a fresh one:
// memory that one in use has freed would hide what is kept.
func (f *formatter) memory() error {
	f.make.filler = " " + strings.Repeat("lorem ipsum ", 25) // some 300 bytes, as texts have
	defer func() { f.make.filler = "" }()
	fresh, err := f.Component.Formatter(f.Context(), f.Params)
	if err != nil {
		return err
	}
	defer fresh.Close()
	format := with(f.Trial, fresh)
	begin := time.Now()
	kept, err := f.windows(format, nil)
	if err != nil {
		return err
	}
	transport := f.Component.Plugin.Transport
	if f.Note = fmt.Sprintf("%d records, %.0f a second", len(kept)*memoryWindow, float64(len(kept)*memoryWindow)/time.Since(begin).Seconds()); !grows(kept, transport) {
		return nil
	}
	if kept, err = f.windows(format, kept); err != nil || !grows(kept, transport) {
		return err
	}
	f.Find(check.Finding{
		Text: fmt.Sprintf(
			"memory grows with the records: %d MiB after %d of them, up to %d MiB within %d",
			kept[1]>>20,
			2*memoryWindow,
			slices.Max(kept)>>20,
			len(kept)*memoryWindow,
		),
		Cause: "Format keeps what it has seen (a map, a slice that is appended to), or the guest's garbage collector never runs (llmhost's Go SDK lets it run)",
	})
	return nil
}

// windows has format make windows of examples and appends the memory held after each. Being
// too slow to show a trend is a skip.
func (f *formatter) windows(format formatFunc, kept []uint64) ([]uint64, error) {
	most := memoryRows
	if f.Component.Plugin.Transport == plugin.Builtin {
		most /= 2
	}
	begin, done, limit := time.Now(), 0, f.Slower(memoryTime)
	for done < most && time.Since(begin) < limit {
		for range memoryWindow / memoryCall {
			if _, err := f.callWith(format, f.many(memoryCall)); err != nil {
				return nil, err
			}
			done += memoryCall
		}
		used, known := held(f.Component.Plugin.Transport)
		if !known {
			return nil, &check.Skip{Reason: "this system does not report a process's memory"}
		}
		kept = append(kept, used)
	}
	if len(kept) < fewest {
		return nil, &check.Skip{Reason: fmt.Sprintf("too slow to tell: %d records in %.1f s", done, time.Since(begin).Seconds())}
	}
	return kept, nil
}

// many generates new records like the accepted ones.
func (f *formatter) many(n int) []record {
	out := make([]record, n)
	for i := range out {
		like := f.good[i%len(f.good)]
		if out[i] = like; like.plan.present != nil {
			out[i] = f.make.record(like.plan)
		}
	}
	return out
}

// held is what the code of a transport keeps in memory: the live heap of this
// process, the resident memory of others.
func held(transport plugin.Transport) (bytes uint64, known bool) {
	if transport == plugin.Builtin {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, true
	}
	return residentChildren(os.Getpid())
}

// residentChildren is the resident memory of this process's descendants.
func residentChildren(parent int) (total uint64, known bool) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return 0, false
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended in the meantime
		}
		_, rest, found := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if !found || len(fields) < 22 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pages, _ := strconv.ParseUint(fields[21], 10, 64)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		below, _ := residentChildren(pid)
		total += pages*uint64(os.Getpagesize()) + below
	}
	return total, true
}

// grows reports whether memory rises throughout: each third of the measurements
// holds more than the one before, the last by more than chance. A WASM module's memory
// never shrinks, so that a fall is the death of its worker: then the longest life
// counts, or a rise in each of several.
func grows(kept []uint64, transport plugin.Transport) bool {
	if transport != plugin.WASM {
		return len(kept) > 1 && rises(kept[1:], noise[transport])
	}
	rising, longest := 0, []uint64(nil)
	for _, life := range lives(kept) {
		if life[len(life)-1] > life[0]+noise[transport] {
			rising++
		}
		if len(life) > len(longest) {
			longest = life
		}
	}
	return rising > 1 || rises(longest, noise[transport])
}

func rises(kept []uint64, noise uint64) bool {
	n := len(kept) / 3
	if n == 0 {
		return false
	}
	first, second, last := kept[:n], kept[n:len(kept)-n], kept[len(kept)-n:]
	return median(first) <= median(second) &&
		median(second) <= median(last) &&
		slices.Min(last) > slices.Max(first) &&
		median(last) > median(first)+noise
}

// death is a fall of memory, in bytes, by which a worker has ended beside others.
const death = 64 << 20

// lives are the measurements of each worker: one that died of its memory starts low
// again. The first measurement still includes the start.
func lives(kept []uint64) (all [][]uint64) {
	begin := 1
	for i := 2; i <= len(kept); i++ {
		if i == len(kept) || kept[i] < kept[i-1]/2 || kept[i]+death < kept[i-1] {
			all = append(all, kept[begin:i])
			begin = i
		}
	}
	return all
}

func median(kept []uint64) uint64 {
	sorted := slices.Clone(kept)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
