package host

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
)

// precompute computes what the reference model says of every label before the
// first step, or takes it from the disk where an earlier run left it, and lets
// the model go.
func (m *models) precompute(s config.Settings, sets dataset, out *console.Console) error {
	folder, err := m.refCache(s)
	if err != nil {
		return err
	}
	for _, examples := range sets.all() {
		logps, err := m.refLogps(folder, examples, s, out)
		if err != nil {
			return err
		}
		objective.SetRefLogps(examples, logps)
	}
	if m.reference != nil {
		m.reference.Free()
		m.reference = nil
	}
	return nil
}

// all are the training examples and those of each evaluation set.
func (d dataset) all() [][]data.Example {
	all := [][]data.Example{d.train.Examples}
	for _, set := range d.eval {
		all = append(all, set.Examples)
	}
	return all
}

// refCache is the folder that keeps log-probabilities of this reference model.
func (m *models) refCache(s config.Settings) (string, error) {
	path := cmp.Or(s.RefModel, s.Model)
	weights, err := model.WeightsDigest(path)
	if err != nil {
		return "", err
	}
	configDigest, _, err := checkpoint.Digest(filepath.Join(path, model.ConfigName))
	if err != nil {
		return "", err
	}
	types := dtypesOf(s)
	name := fmt.Sprintf("%s-%.16s-%d-%s-%s", weights, configDigest, m.policy.Config.VocabSize, types.Param, types.Compute)
	folder := filepath.Join(plugin.DefaultCache(), "ref_logps", name)
	return folder, os.MkdirAll(folder, 0o755)
}

const refName = "ref_logps"

// refLogps returns the log-probabilities of the labels of examples, computed or kept.
func (m *models) refLogps(folder string, examples []data.Example, s config.Settings, out *console.Console) ([]float32, error) {
	file := filepath.Join(folder, digestOf(examples)+".safetensors")
	if kept, err := readRefLogps(file, examples); err == nil {
		out.Notef("log-probabilities of the reference model are those of %s", file)
		return kept, nil
	}
	ref := m.reference
	if ref == nil {
		ref = m.policy.Model // without its adapter
	}
	logps, err := objective.RefLogps(ref, m.device, examples, s.EvalBatchSize, s.SharePrefix)
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
