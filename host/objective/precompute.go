package objective

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
)

// RefCache keeps the log-probabilities of labels under one reference model, in a folder.
type RefCache struct {
	Folder string // of this model, vocabulary and types; "" keeps nothing
	Model  *model.Model
	Bare   bool // the model's adapters are left out
	Device tensor.Device
	Size   int  // examples in a batch
	Share  bool // sequences share prefixes
}

const refName = "ref_logps"

// Precompute returns the examples with the log-probabilities of their labels under
// the reference model: computed now, or read from the file where an earlier run
// computed them. note says so, or why the next run has to compute them again.
func (c RefCache) Precompute(ctx context.Context, examples data.Examples) (with data.Examples, note string, err error) {
	digest, starts, err := digestOf(examples)
	if err != nil {
		return nil, "", err
	}
	file := filepath.Join(c.Folder, digest+".safetensors")
	if logps, err := c.read(file, starts[examples.Len()]); err == nil {
		return withRefLogps{examples, starts, logps}, "log-probabilities of the reference model are those of " + file, nil
	}
	logps, err := c.RefLogps(ctx, examples)
	if err != nil {
		return nil, "", err
	}
	if err := c.keep(file, logps); err != nil {
		note = fmt.Sprintf("log-probabilities of the reference model are not kept for the next run: %v", err)
	}
	return withRefLogps{examples, starts, logps}, note, nil
}

// withRefLogps is examples with their log-probabilities under a reference model.
type withRefLogps struct {
	data.Examples
	starts []int // of each example in logps
	logps  []float32
}

// At returns example i with its log-probabilities.
func (w withRefLogps) At(i int) (data.Example, error) {
	e, err := w.Examples.At(i)
	if err == nil {
		e.Sequences = slices.Clone(e.Sequences)
		SetRefLogps([]data.Example{e}, w.logps[w.starts[i]:])
	}
	return e, err
}

func (c RefCache) read(file string, labels int) ([]float32, error) {
	if c.Folder == "" {
		return nil, errNoCache
	}
	return readRefLogps(file, labels)
}

// errNoCache is why nothing is kept where the user has no cache folder.
var errNoCache = errors.New("there is no cache folder; set HOME or XDG_CACHE_HOME")

func (c RefCache) keep(file string, logps []float32) error {
	if c.Folder == "" {
		return errNoCache
	}
	if err := os.MkdirAll(c.Folder, 0o755); err != nil {
		return err
	}
	source := safetensors.Float32Source(refName, logps, int64(len(logps)))
	return safetensors.Write(file, []safetensors.Source{source}, nil)
}

// readRefLogps reads a file of one number a label.
func readRefLogps(path string, labels int) ([]float32, error) {
	file, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	found, err := file.Want(refName, "the data", int64(labels))
	if err != nil {
		return nil, err
	}
	values, err := found.Float64s()
	logps := make([]float32, len(values))
	for i, v := range values {
		logps[i] = float32(v)
	}
	return logps, err
}

// digestOf is the sha256 over ids and labels of examples, and where the labels of
// each begin among all of them; the last one is how many there are.
func digestOf(examples data.Examples) (digest string, starts []int, err error) {
	sum := sha256.New()
	number := func(n int64) { binary.Write(sum, binary.LittleEndian, n) }
	starts = append(make([]int, 0, examples.Len()+1), 0)
	for e, err := range data.All(examples) {
		if err != nil {
			return "", nil, err
		}
		labels := starts[len(starts)-1]
		number(int64(len(e.Sequences)))
		for _, s := range e.Sequences {
			number(int64(len(s.IDs)))
			binary.Write(sum, binary.LittleEndian, s.IDs)
			binary.Write(sum, binary.LittleEndian, s.Labels)
			labels += s.LabelCount()
		}
		starts = append(starts, labels)
	}
	return hex.EncodeToString(sum.Sum(nil)), starts, nil
}
