package formatter

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
)

// The memory check's limits: the most records in another process (half as many
// in this one, whose memory is measured with half the noise), the size of a
// window, and the time.
const (
	memoryRows   = 100_000
	memoryWindow = 5_000
	memoryTime   = 3 * time.Second
)

// noise is how much memory fluctuates by itself on each transport, in bytes.
var noise = map[plugin.Transport]uint64{
	plugin.Builtin: 2 << 20,
	plugin.WASM:    8 << 20,
	plugin.Process: 24 << 20,
}

// memory formats many records and checks whether memory keeps growing.
func (f *formatter) memory() error {
	if len(f.good) == 0 {
		return nil
	}
	var kept []uint64
	f.make.filler = " " + strings.Repeat("lorem ipsum ", 25) // some 300 bytes, as texts have
	defer func() { f.make.filler = "" }()
	most := memoryRows
	if f.Component.Plugin.Transport == plugin.Builtin {
		most /= 2
	}
	begin, done := time.Now(), 0
	for done < most && time.Since(begin) < memoryTime {
		for range memoryWindow / 1000 {
			if _, err := f.call(f.many(1000)); err != nil {
				return err
			}
			done += 1000
		}
		used, known := held(f.Component.Plugin.Transport)
		if !known {
			f.Note = "this system does not report a process's memory"
			return nil
		}
		kept = append(kept, used)
	}
	if len(kept) < 6 {
		f.Note = fmt.Sprintf("too slow to tell: %d records in %.1f s", done, time.Since(begin).Seconds())
		return nil
	}
	if from, to := rise(kept); kept[to] > kept[from]+noise[f.Component.Plugin.Transport] {
		f.Find(check.Finding{
			Text: fmt.Sprintf(
				"memory grows with the records: %d MiB after %d of them, %d MiB after %d",
				kept[from]>>20,
				(from+1)*memoryWindow,
				kept[to]>>20,
				(to+1)*memoryWindow,
			),
			Cause: "Format keeps what it has seen (a map, a slice that is appended to), or the guest's garbage collector never runs (llmhost's Go SDK lets it run)",
		})
	}
	f.Note = fmt.Sprintf("%d records, %.0f a second", done, float64(done)/time.Since(begin).Seconds())
	return nil
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

// rise is the largest one between two measurements after the first, which still
// includes the start. A worker that died of its memory starts low again.
func rise(kept []uint64) (from, to int) {
	from, to = 1, 1
	for i := 1; i < len(kept); i++ {
		for j := i; j < len(kept); j++ {
			if kept[j] > kept[i] && kept[j]-kept[i] > kept[to]-kept[from] {
				from, to = i, j
			}
		}
	}
	return from, to
}
