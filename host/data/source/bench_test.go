package source_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"llmhost/host/data/record"
	"llmhost/host/data/sink"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// benchRows is how many rows the files of the benchmark have: LLMHOST_BENCH_ROWS, or few.
func benchRows() int {
	if n, err := strconv.Atoi(os.Getenv("LLMHOST_BENCH_ROWS")); err == nil {
		return n
	}
	return 20_000
}

// benchRecords are records of a prompt, an answer, a score and a chat, about 600 bytes each.
func benchRecords(n int) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		words := strings.Fields("the quick brown fox jumps over the lazy dog while \"seven\" wizards écrivent leurs secrets au café near naïve coöperating owls")
		text := func(i, n int) string {
			var b strings.Builder
			for j := range n {
				b.WriteString(words[(i*7+j*j+j)%len(words)])
				b.WriteByte(' ')
			}
			return b.String()
		}
		for i := range n {
			chat := record.Value{Kind: record.List, Items: []record.Value{
				{Kind: record.Object, Members: []record.Member{{Name: "role", Value: record.Of("user")}, {Name: "content", Value: record.Of(text(i, 12))}}},
				{Kind: record.Object, Members: []record.Member{{Name: "role", Value: record.Of("assistant")}, {Name: "content", Value: record.Of(text(i+1, 25))}}},
			}}
			r := record.Record{
				{Name: "prompt", Value: record.Of(fmt.Sprint(i, ": ", text(i, 20)))},
				{Name: "answer", Value: record.Of(text(i+3, 40))},
				{Name: "score", Value: record.Value{Kind: record.Number, Text: strconv.FormatFloat(float64(i%10)/4, 'f', -1, 64)}},
				{Name: "messages", Value: chat},
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// BenchmarkRead reads two texts and a number of each record, from every kind of file. With
// LLMHOST_BENCH_FOLDER it leaves the files there, for testdata/bench.py, which reads them
// with other libraries.
func BenchmarkRead(b *testing.B) {
	folder := os.Getenv("LLMHOST_BENCH_FOLDER")
	if folder == "" {
		folder = b.TempDir()
	}
	columns := []sdk.Column{{Name: "prompt", Type: sdk.String}, {Name: "answer", Type: sdk.String}, {Name: "score", Type: sdk.Float}}
	for _, name := range []string{"a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.csv", "a.tsv.zst", "a.parquet", "a.arrow", "saved"} {
		path := filepath.Join(folder, name)
		b.Run(name, func(b *testing.B) {
			if _, err := os.Stat(path); err != nil {
				if _, _, err := sink.Write(path, benchRecords(benchRows())); err != nil {
					b.Fatal(err)
				}
			}
			files := source.Files{Paths: []string{path}, Columns: []string{"prompt", "answer", "score"}}
			runtime.GC()
			debug.FreeOSMemory()
			peak := watchHeap()
			rows, bytes := 0, 0
			begin := cpuSeconds()
			for b.Loop() {
				for r, err := range files.Records() {
					if err != nil {
						b.Fatal(err)
					}
					row, err := r.Row("bench", columns)
					if err != nil {
						b.Fatal(err)
					}
					rows++
					bytes += len(row.Str(0)) + len(row.Str(1))
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(rows)/(cpuSeconds()-begin), "rows/cpu-s") // the same on a busy machine
			b.ReportMetric(float64(peak())/(1<<20), "peak-heap-MiB")
		})
	}
}

// cpuSeconds is how long the process has computed, on all cores.
func cpuSeconds() float64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// watchHeap looks at how much memory the heap holds until its result is called, which
// returns the most that was seen.
func watchHeap() (peak func() uint64) {
	done, most := make(chan bool), make(chan uint64)
	go func() {
		var m runtime.MemStats
		var highest uint64
		for {
			runtime.ReadMemStats(&m)
			highest = max(highest, m.HeapInuse)
			select {
			case <-done:
				most <- highest
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(done)
		return <-most
	}
}
