package host

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/checkpoint"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
)

// precompute computes what the reference model says of every label before the
// first step, or takes it from the disk where an earlier run left it, and lets
// the model go.
func (r *run) precompute() error {
	path, err := r.refCache()
	if err != nil {
		return err
	}
	for _, examples := range r.examples() {
		logps, err := r.refLogps(path, examples)
		if err != nil {
			return err
		}
		objective.SetRefLogps(examples, logps)
	}
	if r.networks.reference != nil {
		r.networks.reference.Free()
		r.networks.reference = nil
	}
	return nil
}

// examples are the training examples and those of each evaluation set.
func (r *run) examples() [][]data.Example {
	all := [][]data.Example{r.data.train.Examples}
	for _, set := range r.data.eval {
		all = append(all, set.Examples)
	}
	return all
}

// refCache is the folder that keeps log-probabilities of this reference model.
func (r *run) refCache() (string, error) {
	path := r.settings.RefModel
	if path == "" {
		path = r.settings.Model
	}
	weights, err := model.WeightsDigest(path)
	if err != nil {
		return "", err
	}
	config, _, err := checkpoint.Digest(filepath.Join(path, model.ConfigName))
	if err != nil {
		return "", err
	}
	folder := filepath.Join(plugin.DefaultCache(), "ref_logps", fmt.Sprintf("%s-%.16s-%d-%s-%s", weights, config, r.networks.policy.Config.VocabSize, r.dtypes().Param, r.dtypes().Compute))
	return folder, os.MkdirAll(folder, 0o755)
}

const refName = "ref_logps"

// refLogps returns the numbers of examples, computed or kept.
func (r *run) refLogps(folder string, examples []data.Example) ([]float32, error) {
	file := filepath.Join(folder, digestOf(examples)+".safetensors")
	if kept, err := readRefLogps(file, examples); err == nil {
		r.console.Printf("note: log-probabilities of the reference model are those of %s", file)
		return kept, nil
	}
	ref := r.networks.reference
	if ref == nil {
		ref = r.networks.policy // without its adapter
	}
	logps, err := objective.RefLogps(ref, r.device, examples, r.settings.EvalBatchSize, r.settings.SharePrefix)
	if err != nil {
		return nil, err
	}
	return logps, safetensors.Write(file, []safetensors.Source{safetensors.Float32Source(refName, logps, int64(len(logps)))}, nil)
}

// readRefLogps reads a file of as many numbers as examples have labels.
func readRefLogps(path string, examples []data.Example) ([]float32, error) {
	file, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	labels := int64(0)
	for _, g := range examples {
		for _, row := range g.Sequences {
			labels += int64(row.LabelCount())
		}
	}
	found, err := file.Want(refName, "the data", labels)
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

// digestOf is the sha256 over ids and labels of examples.
func digestOf(examples []data.Example) string {
	sum := sha256.New()
	number := func(n int64) { binary.Write(sum, binary.LittleEndian, n) }
	for _, g := range examples {
		number(int64(len(g.Sequences)))
		for _, row := range g.Sequences {
			number(int64(len(row.IDs)))
			binary.Write(sum, binary.LittleEndian, row.IDs)
			binary.Write(sum, binary.LittleEndian, row.Labels)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
