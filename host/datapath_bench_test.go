package host

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/rundir"
	"llmhost/host/tokenizer"
)

// BenchmarkDataPath goes the whole way from a file of texts to packed batches of 16, with
// tokens kept on the disk and streamed. LLMHOST_BENCH_DATA names the file, and
// LLMHOST_BENCH_TOKENIZER the folder of the tokenizer; testdata/datapath.py goes the same
// way with datasets and tokenizers.
func BenchmarkDataPath(b *testing.B) {
	file := cmp.Or(os.Getenv("LLMHOST_BENCH_DATA"), someProse(b))
	tok, err := tokenizer.Load(cmp.Or(os.Getenv("LLMHOST_BENCH_TOKENIZER"), "tokenizer/testdata/tiny_bpe"))
	if err != nil {
		b.Fatal(err)
	}
	defer tok.Close()
	b.Run("kept", func(b *testing.B) {
		measurePath(b, file, tok, func(files source.Files, o data.Options) (data.Batches, int, error) {
			o.Cache.Folder = b.TempDir()
			set, err := data.Load(context.Background(), files, o)
			if err != nil {
				return nil, 0, err
			}
			return data.NewShuffled(set.Examples, nil, 1), set.Examples.Len(), nil
		})
	})
	b.Run("streamed", func(b *testing.B) {
		measurePath(b, file, tok, func(files source.Files, o data.Options) (data.Batches, int, error) {
			head, err := data.LoadHead(context.Background(), files, o, surveyedHead)
			if err != nil {
				return nil, 0, err
			}
			s := data.NewStream(data.StreamOptions{Options: o, Files: files, Head: head, Buffer: 10_000})
			b.Cleanup(s.Close)
			return s, 1 << 62, nil
		})
	})
}

// measurePath packs one epoch of what open opens, which has so many records at most.
func measurePath(b *testing.B, file string, tok *tokenizer.Tokenizer, open func(source.Files, data.Options) (data.Batches, int, error)) {
	s := config.Default()
	s.Task = "sft"
	s.DataPaths = []string{file}
	s.MaxLength = 512
	t, s, err := openTask(context.Background(), s, rundir.Start{}, Env{Builtins: builtin.All()}, console.New(io.Discard, nil))
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	around, err := layoutOf(s.TokenSettings, t, tok, false)
	if err != nil {
		b.Fatal(err)
	}
	sets := dataset{around: around}
	if sets.chats, err = openChats(s, tok, true); err != nil {
		b.Fatal(err)
	}
	records, tokens := 0, 0
	cpu := cpuSeconds()
	for b.Loop() {
		batches, most, err := open(dataFiles(s, "", "", s.DataPaths), sets.options(s, t, false))
		if err != nil {
			b.Fatal(err)
		}
		for done := 0; done < most; {
			examples, err := batches.Next(16)
			if err != nil {
				b.Fatal(err)
			}
			if batches.Epochs() > 1 { // the stream goes on
				break
			}
			done += len(examples)
			records += len(examples)
			tokens += len(data.Pack(examples, true).IDs)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(records)/(cpuSeconds()-cpu), "records/cpu-s") // the same on a busy machine
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(maxResident(), "peak-MB")
}

// someProse is a file of texts of about a thousand characters.
func someProse(b *testing.B) string {
	words := strings.Fields("we see how it goes when one says that there is more to be said of this than of all the rest")
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "{\"text\": \"%d:", i)
		for j := range 200 {
			text.WriteString(" " + words[(i*7+j*j+j)%len(words)])
		}
		text.WriteString("\"}\n")
	}
	path := filepath.Join(b.TempDir(), "prose.jsonl")
	if err := os.WriteFile(path, []byte(text.String()), 0o666); err != nil {
		b.Fatal(err)
	}
	return path
}

// cpuSeconds is how long the process has computed, on all cores.
func cpuSeconds() float64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

// maxResident is how much memory the process had at most, in MB.
func maxResident() float64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Maxrss) * 1024 / 1e6
}
